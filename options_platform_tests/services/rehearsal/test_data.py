"""Which months can be rehearsed: whole ones that are stored, with some weeks before them."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.errors import UsageError
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.rehearsal.data import load_month, month_of, rehearsal_data
from options_platform_tests.services.rehearsal.small_month import (
    MONTH,
    TICKERS,
    crash_market,
)


@pytest.fixture(scope="module")
def market():
    return crash_market()


@pytest.fixture
def warehouse(tmp_path, market):
    made = Warehouse(tmp_path / "warehouse.duckdb", wait_seconds=5.0)
    bars, vix = market
    made.write([(RAW_OHLCV, bars.with_columns(fetched_at=datetime(2020, 1, 1, tzinfo=UTC)))])
    made.write([(VIX, vix)])
    return made


@pytest.mark.parametrize("text", ["2020-13", "2020-3", "march", "2020-03-01", ""])
def test_a_month_is_a_year_and_a_month(text):
    with pytest.raises(UsageError, match="is no month such as 2020-03"):
        month_of(text)


def test_a_month_has_its_first_and_its_last_day():
    assert month_of("2020-02") == (date(2020, 2, 1), date(2020, 2, 29))
    assert month_of("2015-12") == (date(2015, 12, 1), date(2015, 12, 31))


@pytest.mark.parametrize("month", ["2016-04", "2031-01", "2014-12", "2015-01", "1990-05"])
def test_a_month_outside_the_stored_bars_is_refused(warehouse, month):
    with pytest.raises(UsageError, match="has bars from 2015-01-02 to 2016-03-31"):
        load_month(warehouse, TICKERS, month)


def test_a_home_without_predictions_says_what_is_missing(warehouse):
    with pytest.raises(UsageError, match="2016-03 cannot be rehearsed: features is missing"):
        load_month(warehouse, TICKERS, MONTH)


def test_an_empty_home_is_refused(tmp_path):
    empty = Warehouse(tmp_path / "warehouse.duckdb", wait_seconds=5.0)
    with pytest.raises(UsageError, match="no bars to rehearse with"):
        load_month(empty, TICKERS, MONTH)


def test_a_month_with_a_split_is_refused(tmp_path, market):
    bars, _ = market
    split = pl.when(pl.col("date") == date(2016, 3, 10)).then(2.0).otherwise(1.0)
    made = Warehouse(tmp_path / "warehouse.duckdb", wait_seconds=5.0)
    made.write([(RAW_OHLCV, bars.with_columns(split_ratio=split))])
    with pytest.raises(UsageError, match="which was split on 2016-03-10"):
        load_month(made, TICKERS, MONTH)


def test_a_session_without_a_volatility_index_is_refused(market):
    bars, vix = market
    known = vix.filter(pl.col("date") != date(2016, 3, 9))
    recent = bars.filter(pl.col("date") >= date(2016, 1, 15))
    with pytest.raises(UsageError, match="no close and volatility of every ticker on 2016-03-09"):
        rehearsal_data(MONTH, TICKERS, recent, market_closes(bars, known), bars)


def test_prices_are_as_traded_and_the_warm_up_ends_before_the_month(market):
    bars, vix = market
    recent = bars.filter(pl.col("date") >= date(2016, 1, 15)).with_columns(split_factor=4.0)
    data = rehearsal_data(MONTH, TICKERS, recent, market_closes(bars, vix), bars)
    assert data.warm_up[0] == date(2016, 1, 19)
    assert (data.warm_up[-1], data.sessions[0]) == (date(2016, 2, 29), date(2016, 3, 1))
    assert data.bars["close"][0] == 4.0 * recent.sort("date", "ticker")["close"][0]
    assert data.tickers == sorted(TICKERS)
