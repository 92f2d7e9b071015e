from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import MARKET_SERIES
from options_platform.domain.backtest import make_market
from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.pricing import CALL, black_scholes
from options_platform.domain.trading.fill_prices import FillRules, MarketClose, net_price
from options_platform.domain.trading.orders import OrderLeg
from options_platform.errors import SourceError
from options_platform.services.market_data.yields_and_tenors import (
    stored_tenors,
    stored_yields,
    update_series,
)
from options_platform.services.planning.plan_tables import market_closes
from options_platform.testing.market import random_market

FIRST, LAST = date(2020, 1, 2), date(2020, 1, 8)
NOW, LATER = datetime(2020, 1, 9, tzinfo=UTC), datetime(2020, 1, 10, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "w.duckdb", wait_seconds=2.0)


def folder(tmp_path, **files):
    where = tmp_path / "csv"
    where.mkdir(exist_ok=True)
    for name, text in files.items():
        (where / f"{name}.csv").write_text(text)
    return CsvSource(str(where))


def test_series_in_the_folder_are_stored_and_others_are_not_requested(tmp_path, warehouse):
    source = folder(
        tmp_path,
        DGS3MO="date,dgs3mo_pct\n2019-12-31,1.50\n2020-01-02,1.54\n2020-01-03,\n2020-01-06,1.56\n",
        VIX9D="date,close\n2020-01-02,12.5\n",
    )
    assert source.info.series == ("DGS3MO", "VIX9D")
    assert update_series(source, warehouse, FIRST, LAST, NOW) == {"DGS3MO": 2, "VIX9D": 1}
    # A yield that was not published is no row, and none before the first session is kept.
    assert stored_yields(warehouse).rows() == [(date(2020, 1, 2), 1.54), (date(2020, 1, 6), 1.56)]


def test_only_rows_that_changed_are_written_again(tmp_path, warehouse):
    source = folder(tmp_path, VIX9D="date,close\n2020-01-02,12.5\n2020-01-03,13.0\n")
    update_series(source, warehouse, FIRST, LAST, NOW)
    assert update_series(source, warehouse, FIRST, LAST, LATER) == {"VIX9D": 0}
    source = folder(tmp_path, VIX9D="date,close\n2020-01-02,12.5\n2020-01-03,13.5\n")
    assert update_series(source, warehouse, FIRST, LAST, LATER) == {"VIX9D": 1}
    stored = warehouse.read(MARKET_SERIES).select("value", "fetched_at").rows()
    assert stored == [(12.5, NOW), (13.5, LATER)]
    assert stored_yields(warehouse) is None


@pytest.mark.parametrize("header", ["date,DGS3MO", "date,dgs3mo_pct", "date,close"])
def test_a_yield_is_recognised_by_its_publishers_names(tmp_path, header):
    source = folder(tmp_path, DGS3MO=f"{header}\n2020-01-02,1.54\n")
    assert source.index_bars("DGS3MO", FIRST, LAST)["close"].to_list() == [1.54]


def test_a_yield_without_its_column_is_refused(tmp_path):
    source = folder(tmp_path, DGS3MO="date,rate\n2020-01-02,1.54\n")
    with pytest.raises(SourceError, match="gives RATE, not DGS3MO"):
        source.index_bars("DGS3MO", FIRST, LAST)


def test_the_real_yields_end_in_january_2023(reference_data, warehouse):
    source = CsvSource(str(reference_data / "rates"))
    update_series(source, warehouse, date(2000, 1, 3), date(2024, 12, 31), NOW)
    yields = stored_yields(warehouse)
    assert yields["date"][-1] == date(2023, 1, 4)
    before_the_crisis = yields.filter(pl.col("date") == date(2007, 1, 3))["yield_pct"].item()
    assert 5.0 < before_the_crisis < 5.2


def test_tenors_are_joined_by_date_and_reach_plans_backtests_and_live_prices(tmp_path, warehouse):
    assert stored_tenors(warehouse) is None
    source = folder(
        tmp_path,
        VIX9D="date,close\n2020-01-02,12.5\n2020-01-03,13.0\n",
        VIX6M="date,close\n2020-01-03,18.0\n",
    )
    update_series(source, warehouse, FIRST, LAST, NOW)
    found = stored_tenors(warehouse)
    assert found.columns == ["date", "vix9d", "vix3m", "vix6m", "short_rate"]
    second = date(2020, 1, 3)
    assert found.rows() == [(FIRST, 12.5, None, None, None), (second, 13.0, None, 18.0, None)]
    bars, vix = random_market(("SPY",), FIRST, LAST)
    ratios = make_market(bars, vix, tenors=found).term_ratios
    level = vix["vix"].to_numpy()
    assert ratios[0, :2] == pytest.approx([12.5 / level[0], 13.0 / level[1]])
    assert np.isnan(ratios[1]).all()
    assert np.isnan(ratios[:, 2:]).all()
    live = market_closes(bars, vix, found)
    assert live[FIRST]["SPY"].term_ratios == (pytest.approx(12.5 / level[0]), None, None)
    assert live[LAST]["SPY"].term_ratios == (None, None, None)


@pytest.mark.parametrize("index", [{}, {"VIX9D": "date,close\n2020-01-02,12.5\n"}])
def test_prices_use_the_yield_of_the_day_before(tmp_path, warehouse, index):
    source = folder(tmp_path, DGS3MO="date,close\n2020-01-02,1.5\n2020-01-03,2.5\n", **index)
    update_series(source, warehouse, FIRST, LAST, NOW)
    found = stored_tenors(warehouse)
    bars, vix = random_market(("SPY",), FIRST, LAST)
    own = make_market(bars, vix, tenors=found)
    # Unknown at the start, carried past the end.
    assert own.short_rate == pytest.approx([np.nan, 0.015, 0.025, 0.025, 0.025], nan_ok=True)
    live = market_closes(bars, vix, found)
    rates = [live[day]["SPY"].short_rate for day in own.sessions]
    assert rates == [None, 0.015, 0.025, 0.025, 0.025]
    # The same prices live as in a backtest.
    paid = black_scholes(
        *(np.array([value]) for value in (100.0, 100.0, 30 / 365, 0.2)), 0.015, 0.0, CALL
    ).price
    rules = ChainRules(dividend_yield=0.0, surface=SurfaceRules.flat(), width_scale=0.0)
    close = MarketClose(100.0, 0.2, short_rate=0.015)
    leg = OrderLeg("buy", "call", 100.0, own.sessions[0] + timedelta(days=30))
    price = net_price([leg], own.sessions[0], close, rules, FillRules("mid"))
    assert price == pytest.approx(paid.item(), abs=0.006)
