"""A report that moves into the life of an open position is an alert, and closes the position."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import shift
from options_platform.services.market_data.earnings import update_earnings
from options_platform.services.market_data.platform import make_platform
from options_platform.services.planning.known_reports import with_known_reports
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.morning_brief import blackouts_in_words, problems_of
from options_platform.services.trading.reports_ahead import readable_reports, stored_reports
from options_platform.services.trading.summary import open_plans
from options_platform.testing.market import NOW
from options_platform_tests.recorded_reports import answered
from options_platform_tests.services.trading.simulated_account import DAYS, market, service, trade

# SPY stands for a stock here.
STOCK = {"plan": {"chain": {"surface": {"funds": ["QQQ"]}}}, "tickers": ("SPY",)}


@pytest.fixture(autouse=True)
def spy_is_a_stock(monkeypatch):
    """The ticker of the recorded market reports, as a company does."""
    monkeypatch.setattr("options_platform.domain.market.index_series.FUNDS", frozenset({"QQQ"}))


CLOSES = [250.0] * 6
OPENED = DAYS[1]
NOON = datetime(2015, 1, 12, 17, tzinfo=UTC)
FIRST, FETCHED = datetime(2014, 12, 1, 5, tzinfo=UTC), datetime(2015, 1, 9, 5, 30, tzinfo=UTC)


@pytest.fixture
def held(tmp_path):
    """An account with one open position of the simulated broker."""
    made = service(tmp_path, **STOCK)
    trade(made, CLOSES, until=2)
    (position,) = made.ledger.positions(only_open=True)
    assert position.opened_on == OPENED
    return made, position


def record(made, *answers):
    """Store what the source said, one answer after the other: days, time and status."""
    stored = None
    for days, at, status in answers:
        stored = answered("SPY", days, at, status=status, record=stored)
    Warehouse(made.settings.warehouse_path).upsert(EARNINGS_KNOWN, stored)


def alerts(made):
    return [each for each in alerts_of(made.settings, made.ledger, NOON)
            if each.key.startswith("earnings")]  # fmt: skip


def test_a_date_that_moves_before_the_expiry_is_reported_with_what_was_known_before(held):
    made, position = held
    late, early = position.expiry + timedelta(days=14), date(2015, 1, 20)
    record(made, ([late], FIRST, "confirmed"), ([early], FETCHED, "confirmed"))
    (alert,) = alerts(made)
    assert alert.key == f"earnings {position.position_id} 2015-01-20"
    assert alert.title == "paper: EARNINGS_MOVED: a report has moved"
    assert f"when it was opened the date was {late}, confirmed" in alert.text
    assert alert.text.endswith("it leaves by 2015-01-20 (EARNINGS)")
    found = problems_of(
        made.settings, made.ledger, NOON, newest=DAYS[5], planned=DAYS[5], entries=(0, 0)
    )
    assert "options-platform earnings" in [each.step for each in found]


def test_a_date_that_a_file_moves_into_an_open_position_is_reported(held, tmp_path):
    made, position = held
    files = tmp_path / "files"
    files.mkdir()
    settings = replace(made.settings, source="csv", csv_dir=str(files), start=date(2014, 1, 2))
    late = position.expiry + timedelta(days=14)
    for day, fetched in ((late, FIRST), (date(2015, 1, 20), FETCHED)):
        (files / "SPY_earnings.csv").write_text(f"date,timing\n{day},after_close\n")
        selected = PartitionRange(OPENED, OPENED, ("SPY",))
        update_earnings(make_platform(settings, now=lambda at=fetched: at), selected)
    (alert,) = alerts(made)
    assert alert.text == (
        f"SPY reports on 2015-01-20, confirmed, before the {position.strategy} opened on {OPENED} "
        f"expires on {position.expiry}; when it was opened the date was {late}, confirmed; "
        "it leaves by 2015-01-20 (EARNINGS)"
    )


@pytest.mark.parametrize(
    ("first", "status"),
    [(date(2015, 1, 20), "confirmed"), (date(2015, 1, 16), "confirmed"),
     (date(2015, 1, 21), "estimated")],
)  # fmt: skip
def test_a_date_that_was_known_to_come_as_early_is_no_news(held, first, status):
    made, _ = held
    record(made, ([first], FIRST, status), ([date(2015, 1, 20)], FETCHED, "confirmed"))
    assert alerts(made) == []


def test_one_beyond_the_expiry_or_of_a_fund_or_without_blackout_is_no_news(held):
    made, position = held
    record(made, ([position.expiry], FETCHED, "confirmed"))
    assert alerts(made) == []
    record(made, ([date(2015, 1, 20)], FETCHED + timedelta(hours=1), "confirmed"))
    assert len(alerts(made)) == 1
    for changes in ({"blackout": {"mode": "off"}}, {"plan": {}}):
        other = service(made.settings.home, **{**STOCK, **changes})
        assert alerts(other) == []


def test_the_position_leaves_and_the_report_says_when(held):
    made, _ = held
    record(made, ([date(2015, 1, 8)], FIRST, "confirmed"))
    warehouse = Warehouse(made.settings.warehouse_path)
    (plan,) = open_plans(made.settings, made.ledger, market(CLOSES), stored_reports(
        made.settings, warehouse
    ))  # fmt: skip
    leaving = "leaves in the session of 2015-01-08 for the report of 2015-01-08, confirmed"
    assert leaving in plan.exit_words()
    trading = replace(made, reports=stored_reports(made.settings, warehouse))
    trade(trading, CLOSES)
    (closed,) = made.ledger.positions()
    assert (closed.exit_reason, closed.closed_on) == ("EARNINGS", date(2015, 1, 8))


def test_status_says_the_blackout_of_stocks_that_report_soon(held):
    made, _ = held
    warehouse = Warehouse(made.settings.warehouse_path)
    assert blackouts_in_words(made.settings, warehouse, DAYS[5], NOON) == [
        "SPY: the date of its next report is not known, so no entry is made (EARNINGS_UNKNOWN)."
    ]
    record(made, ([date(2015, 1, 20)], FETCHED, "estimated"))
    (line,) = blackouts_in_words(made.settings, warehouse, DAYS[5], NOON)
    assert line.startswith("SPY reports on 2015-01-20 (estimated): no entry that expires after")
    fund = service(made.settings.home, **{**STOCK, "plan": {}})
    assert blackouts_in_words(fund.settings, warehouse, DAYS[5], NOON) == []


def test_inputs_of_plans_are_the_same_alone_and_in_a_range(held):
    made, _ = held
    record(
        made, ([date(2015, 1, 20)], FIRST, "estimated"), ([date(2015, 1, 22)], FETCHED, "confirmed")
    )
    warehouse = Warehouse(made.settings.warehouse_path)
    keys = pl.DataFrame({"date": DAYS[:20], "ticker": "SPY"})
    whole = with_known_reports(keys, warehouse, made.settings.earnings)
    parts = [with_known_reports(keys[n : n + 1], warehouse, made.settings.earnings)
             for n in range(keys.height)]  # fmt: skip
    assert pl.concat(parts).equals(whole)
    assert whole["report_date"].n_unique() == 3
    empty = with_known_reports(keys.clear(), warehouse, made.settings.earnings)
    assert empty.schema == whole.schema


def test_stops_do_not_wait_for_a_record_that_cannot_be_read(held):
    made, _ = held
    warned = []
    made.settings.warehouse_path.write_bytes(b"no DuckDB file" * 1000)
    reports = readable_reports(made.settings, NOW, warned.append)
    assert reports.ahead("SPY", shift(OPENED, 1)) is None
    assert "no position is closed before an earnings report" in warned[0]
