"""At Alpaca positions leave before a report, at the far side of the quotes if nothing else does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.testing.alpaca_account import NOW, SESSION, plans_of, trader
from options_platform_tests.faults.world import advance, at_clock, exits, quote, trade
from options_platform_tests.recorded_reports import answered

pytestmark = pytest.mark.usefixtures("kept_open")

DAY = NOW.date()
EVENING = NOW + timedelta(hours=6, minutes=31)
FETCHED = datetime(2015, 1, 2, 5, tzinfo=UTC)
# SPY stands for a stock here.
STOCK = {"plan": {"sizing": {"risk_pct": 0.025}, "chain": {"surface": {"funds": ["QQQ"]}}}}


@pytest.fixture(autouse=True)
def spy_is_a_stock(monkeypatch):
    """The ticker of the recorded market reports, as a company does."""
    monkeypatch.setattr("options_platform.domain.market.index_series.FUNDS", frozenset({"QQQ"}))


def knows(made, *days, at=EVENING, status="confirmed"):
    """The account with reports of SPY on `days` known."""
    record = answered("SPY", days, FETCHED, status=status)
    return replace(made, reports=ReportsAhead(made.settings, lambda: record, at))


def opened(tmp_path, fake):
    """An account with one open position, which the market does not close any more."""
    made = trader(tmp_path, fake.address, **STOCK)
    trade(made)
    fake.fills = "rest"
    return made


def evening(made, fake):
    """The daily run after the close of the day of the fill."""
    at_clock(fake, EVENING)
    plans, legs = plans_of(("SPY",), DAY)
    made.run_session(
        DAY, plans.clear(), legs, {DAY: {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}}, EVENING
    )


@pytest.mark.parametrize(
    ("report", "reasons"),
    [(shift(DAY, 1), ["EARNINGS"]), (shift(DAY, 2), []), (DAY, [])],
)
def test_the_run_of_the_evening_before_the_anchor_sends_the_exit(tmp_path, fake, report, reasons):
    made = knows(opened(tmp_path, fake), report)
    evening(made, fake)
    assert [order.reason for order in exits(made)] == reasons
    assert all(order.works_from.date() == shift(DAY, 1) for order in exits(made))


def test_the_exit_works_on_its_ladder_and_crosses_to_the_far_side_in_the_last_half_hour(
    tmp_path, fake
):
    made = knows(opened(tmp_path, fake), shift(DAY, 1))
    (position,) = made.ledger.positions()
    evening(made, fake)
    morning = datetime.combine(shift(DAY, 1), datetime.min.time(), NEW_YORK)

    def step(hour, minute, dearer):
        moment = morning + timedelta(hours=hour, minutes=minute)
        at_clock(fake, moment)
        quote(fake, position.legs, (dearer, 2.0), 0.2)
        advance(made, moment)
        return exits(made)[-1]

    # At the mids it is worth 1.00 a share; the far side of both legs brings 0.80.
    for hour in range(10, 15):
        before = step(hour, 0, 3.0)
    assert step(15, 29, 3.0) == before
    assert before.limit_price < -0.80
    crossing = step(15, 31, 3.0)
    assert (crossing.limit_price, crossing.reason) == (-0.80, "EARNINGS")
    assert step(15, 40, 3.0) == crossing
    # It follows a market that falls away, up to the close.
    assert step(15, 50, 2.7).limit_price == -0.50


def test_a_date_that_moves_to_this_evening_closes_the_position_within_the_session(tmp_path, fake):
    close = DatedClose(SESSION, MarketClose(250.0, 0.18, ticker="SPY"))
    made = replace(opened(tmp_path, fake), closes={"SPY": close})
    (position,) = made.ledger.positions()
    quote(fake, position.legs, (5.0, 2.0), 0.04)
    assert IntradayCheck(knows(made, date(2015, 1, 29), at=NOW)).run(NOW).stopped == {}
    stopped = IntradayCheck(knows(made, DAY, at=NOW)).run(NOW).stopped
    assert stopped == {position.position_id: "EARNINGS"}


@pytest.mark.parametrize(
    ("days", "code", "said"),
    [
        ([date(2015, 1, 9)], "EARNINGS_BLACKOUT", "(known now: 2015-01-09, confirmed)"),
        ([], "EARNINGS_UNKNOWN", "(known now: no date)"),
        ([date(2015, 1, 30)], None, None),
    ],
)
def test_an_entry_is_asked_again_with_the_newest_dates(tmp_path, fake, days, code, said):
    """The plan was made without any."""
    made = knows(trader(tmp_path, fake.address, **STOCK), *days, at=NOW)
    (order,) = trade(made)
    assert order.reason == code
    assert (order.status == "not_sent") == (code is not None)
    if code is not None:
        details = made.ledger.table("order_events")["detail"].drop_nulls().to_list()
        assert any(text.startswith(f"{code}: ") and text.endswith(said) for text in details)


def test_a_fund_is_entered_whatever_is_recorded(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    (order,) = trade(knows(made, date(2015, 1, 9), at=NOW))
    assert order.status != "not_sent"
