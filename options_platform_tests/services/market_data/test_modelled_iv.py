"""The modelled volatility of a stock in the table of indices: when it is chosen, as of when."""

from datetime import timedelta

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN, VIX
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.services.market_data.bars import UpdateRequest
from options_platform.services.market_data.indices import update_indices
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.own_chains import vix_inputs
from options_platform.services.market_data.own_indices import (
    index_notes,
    resolved_iv_symbols,
    stored_iv_symbols,
)
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.scripted import FIRST, LAST
from options_platform_tests.updating import NOW, Market

SYMBOLS = {"SPY": "VIX", "MSFT": "MODEL:MSFT"}
REPORTS = [shift(FIRST, 8 + 30 * n) for n in range(9)]
VALUES = [name for name in VIX.schema.names() if name != "fetched_at"]


def record_reports(warehouse, ticker="MSFT", days=REPORTS):
    rows = pl.DataFrame(
        {"ticker": ticker, "quarter_no": range(1, len(days) + 1), "date": days,
         "timing": "after_close", "status": "reported", "source": "scripted",
         "known_from": NOW, "known_until": None}
    )  # fmt: skip
    rows = rows.select(EARNINGS_KNOWN.schema.names()).cast(dict(EARNINGS_KNOWN.schema))
    warehouse.upsert(EARNINGS_KNOWN, rows)


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path, "SPY", "MSFT")
    market.run(tickers=("SPY", "MSFT"))
    record_reports(market.warehouse)
    return market


def update(market, start=FIRST, end=LAST):
    asked = UpdateRequest(start, end, ("SPY", "MSFT"), FIRST, 10)
    update = update_indices(market.source, market.warehouse, asked, SYMBOLS, market.now)
    market.warehouse.write(update.frames(VIX))
    return market.rows(VIX).select(VALUES).sort("ticker", "date")


def test_a_stock_has_modelled_values_with_their_label_once_its_history_is_whole(market):
    rows = update(market)
    stock = rows.filter(ticker="MSFT")
    valued = stock.filter(pl.col("iv_close").is_not_null())
    assert valued["date"][0] == shift(FIRST, 251)
    assert set(stock["iv_symbol"]) == {"MODEL:MSFT"}
    assert set(valued["source"]) == {"scripted model"}
    assert stock["iv_missing"].unique(maintain_order=True).to_list() == [
        "NO_REPORTS", "FEW_REPORTS", "SHORT_HISTORY", None]  # fmt: skip
    # Two weeks ahead the last report is known.
    ahead = stock.filter(pl.col("date").is_between(REPORTS[-1] - timedelta(days=14), REPORTS[-1]))
    assert set(ahead["event_anchor"]) == {REPORTS[-1]}
    assert (ahead["event_var"] > 0).all()
    fund = rows.filter(ticker="SPY")
    assert fund["iv_close"].to_list() == fund["vix"].to_list()
    assert fund.select("iv_missing", "event_var", "event_anchor").null_count().row(0) == (
        fund.height,) * 3  # fmt: skip


@pytest.mark.parametrize("cut", [255, 270])
def test_day_by_day_it_is_the_backfill(market, tmp_path, cut):
    whole = update(market)
    folder = tmp_path / "parts"
    folder.mkdir()
    parts = Market(folder, "SPY", "MSFT")
    parts.run(tickers=("SPY", "MSFT"))
    record_reports(parts.warehouse)
    middle = shift(FIRST, cut)
    update(parts, end=middle)
    for day in sessions(shift(middle, 1), shift(middle, 3)):
        update(parts, start=day, end=day)
    assert update(parts, start=shift(middle, 4)).equals(whole)


def test_without_a_vix_the_value_of_the_session_before_is_carried_once(market):
    day = shift(LAST, -2)
    vix = market.source.indices["VIX"]
    market.source.indices["VIX"] = vix.filter(~pl.col("date").is_in([day, shift(day, 1)]))
    rows = {row["date"]: row for row in update(market).filter(ticker="MSFT").to_dicts()}
    before, carried, none = (rows[shift(day, n)] for n in (-1, 0, 1))
    assert (carried["iv_close"], carried["iv_age"]) == (before["iv_close"], 1)
    assert (none["iv_close"], none["iv_missing"]) == (None, "NO_VIX")
    assert carried["iv_missing"] == "NO_VIX"


def test_a_corrected_report_of_the_past_computes_all_sessions_anew(market):
    before = update(market)
    market.set_bar(REPORTS[5], "MSFT", close=100.0, high=140.0, low=60.0)
    market.warehouse.upsert(
        EARNINGS_KNOWN,
        market.warehouse.read(EARNINGS_KNOWN)
        .with_columns(date=pl.when(quarter_no=6).then(REPORTS[5] - timedelta(days=7))
                      .otherwise("date")),
    )  # fmt: skip
    after = update(market, start=LAST)
    changed_days = before.filter(before["iv_close"].ne_missing(after["iv_close"]))["date"]
    assert changed_days.min() == shift(FIRST, 251)


def settings_of(tmp_path, *tickers, **values):
    return make_platform_settings(
        tmp_path / "home", tickers=tickers, start=FIRST, end=LAST, **values)  # fmt: skip


def test_a_stock_with_reports_and_no_index_is_modelled_and_a_fund_never(tmp_path, market):
    market.warehouse.path.rename(tmp_path / "moved.duckdb")
    settings = settings_of(tmp_path, "SPY", "XLF", "MSFT", "KO")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    record_reports(warehouse, "MSFT")
    record_reports(warehouse, "XLF")
    chosen = resolved_iv_symbols(settings, market.source, warehouse, NOW, settings.tickers)
    assert chosen == {"SPY": "VIX", "XLF": "VIX", "MSFT": "MODEL:MSFT", "KO": "VIX"}
    assert vix_inputs(settings) == ["raw_ohlcv", "earnings"]
    assert vix_inputs(settings_of(tmp_path, "SPY", "XLF")) == ["raw_ohlcv"]
    assert vix_inputs(settings_of(tmp_path, "MSFT", iv_symbol={"MSFT": "VIX"})) == ["raw_ohlcv"]
    set_so = settings_of(tmp_path, "MSFT", iv_symbol={"MSFT": "VIX"})
    assert resolved_iv_symbols(set_so, market.source, warehouse, NOW, ("MSFT",)) == {"MSFT": "VIX"}


def test_a_home_keeps_the_model_prices_by_it_and_says_why_it_has_no_value(tmp_path, market):
    settings = settings_of(tmp_path, "SPY", "MSFT")
    rows = update(market).with_columns(fetched_at=pl.lit(NOW)).select(VIX.schema.names())
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    warehouse.write([(VIX, rows.cast(dict(VIX.schema)))])
    assert stored_iv_symbols(warehouse, settings.tickers) == {"SPY": "VIX", "MSFT": "MODEL"}
    assert index_notes(settings, warehouse) == {}
    surface = with_fits(settings, warehouse).plan.chain.surface
    last = rows.filter(ticker="MSFT")["date"].len()
    assert len(surface.events["MSFT"].sessions) == last
    doubled = settings_of(tmp_path, "SPY", "MSFT", earnings={"event_premium": 2.0})
    events = with_fits(doubled, warehouse).plan.chain.surface.events["MSFT"]
    assert max(events.variance) == 4 * max(surface.events["MSFT"].variance) > 0
    none = rows.with_columns(iv_close=None, iv_missing=pl.lit("NO_REPORTS"))
    warehouse.write([(VIX, none.filter(ticker="MSFT").cast(dict(VIX.schema)))])
    assert "no earnings report of MSFT is known" in index_notes(settings, warehouse)["MSFT"]
