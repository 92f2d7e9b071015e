"""Bad bars are fetched, and corrected later: what is set aside, recorded and computed anew."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import QUARANTINE, REVISIONS
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.errors import LedgerError
from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.drills.account import enter, sent_orders, trading_in
from options_platform_tests.drills.followed import Drill
from options_platform_tests.faults.world import trade
from options_platform_tests.scripted import calm_bars, calm_index, changed

FIRST, LAST = date(2022, 5, 2), date(2022, 8, 31)
WRONG, PRINT = shift(LAST, -4), shift(LAST, -1)
FIELDS = ("date", "open", "high", "low", "close", "adj_close", "volume")


def closes_at(frame, day, factor):
    """The bar of a day with another close, and a range that holds it."""
    (bar,) = frame.filter(pl.col("date") == day).iter_rows(named=True)
    close = round(bar["close"] * factor, 2)
    ends = {"high": max(bar["high"], close), "low": min(bar["low"], close)}
    return changed(frame, day, close=close, adj_close=close, **ends)


def returns_of(warehouse):
    rows = warehouse.read(FEATURES_TABLE, columns=["date", "returns_1d"])
    return dict(rows.iter_rows())


@pytest.mark.long
def test_a_bad_print_is_set_aside_and_a_wrong_day_is_corrected_with_what_rests_on_it(tmp_path):
    right = calm_bars("SPY", FIRST, LAST)
    index = calm_index("VIX", FIRST, LAST).select(*FIELDS[:5])
    index.write_csv(tmp_path / "VIX.csv")
    wrong = closes_at(closes_at(right, WRONG, 1.004), PRINT, 1.4)
    wrong.select(FIELDS).write_csv(tmp_path / "SPY.csv")
    drill = Drill(
        "Wrong data",
        tmp_path,
        OPTIONS_SOURCE="csv",
        OPTIONS_CSV_DIR=str(tmp_path),
        OPTIONS_TICKERS="SPY",
        OPTIONS_START=str(FIRST),
        OPTIONS_END=str(LAST),
        WRONG_DAY=str(WRONG),
    )
    warehouse = Warehouse(tmp_path / ".options" / "warehouse.duckdb")
    select = "options-platform backfill --select raw_ohlcv,vix,features"
    assert f"First: {PRINT} SPY jump" in drill.run(select)
    assert f"{PRINT} SPY jump set_aside open" in drill.run("options-platform quarantine list")
    traded = returns_of(warehouse)
    assert traded[WRONG] is not None
    assert traded[PRINT] is None
    drill.settings["THEN"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    right.select(FIELDS).write_csv(tmp_path / "SPY.csv")
    drill.run(f'{select} --start "$WRONG_DAY"')
    assert "nothing in the quarantine" in drill.run("options-platform quarantine list")
    (entry,) = warehouse.read(QUARANTINE).iter_rows(named=True)
    assert (entry["status"], "another bar" in entry["note"]) == ("rejected", True)
    close, fetched = (dict(each.select("date", "close").iter_rows()) for each in (right, wrong))
    now = drill.run('options-platform bars SPY --start "$WRONG_DAY"')
    then = drill.run('options-platform bars SPY --start "$WRONG_DAY" --as-of "$THEN"')
    assert f" {close[WRONG]:.2f} " in now
    assert f" {fetched[WRONG]:.2f} " in then
    assert f"{PRINT} - - - - - - jump" in then
    drill.done()
    revised = warehouse.read(REVISIONS).filter(pl.col("column") == "close")
    assert WRONG in revised["date"].to_list()
    corrected = returns_of(warehouse)
    for day in (WRONG, PRINT):
        expected = close[day] / close[shift(day, -1)] - 1
        assert corrected[day] == pytest.approx(expected, abs=1e-12)


def test_a_trade_on_wrong_data_stays_the_only_one_when_its_session_is_repeated_on_right_data(
    tmp_path,
):
    with FakeAlpaca() as fake:
        made = trading_in(tmp_path, fake)
        enter(made, "SPY", fake=fake)
        (sent,) = made.ledger.orders()
        now = datetime.now(UTC)
        with pytest.raises(LedgerError, match=r"PLAN_CHANGED.*SPY"):
            trade(made, session=sent.session, now=now, spot=300.0, close=300.0)
        assert made.ledger.orders() == [sent]
        assert sent_orders(fake) == [sent.client_order_id]
        assert made.reconcile(now) == []
