"""Before an ex-date the daily run at Alpaca closes the positions of its rule, and only then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.market.ex_dates import NextDividend
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, SESSION, plans_of, trader
from options_platform_tests.faults.world import (
    advance,
    at_clock,
    exits,
    quote,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")

DAY = NOW.date()


@pytest.mark.parametrize(
    ("spot", "coming", "reasons"),
    [
        # Far in the money, and the ex-date may be the session after the next.
        (300.0, NextDividend(5.0, 2), ["EX_DIVIDEND"]),
        (300.0, NextDividend(5.0, 30), ["TAKE_PROFIT"]),
        (300.0, None, ["TAKE_PROFIT"]),
        (250.0, NextDividend(5.0, 2), []),
    ],
)
def test_a_short_call_in_the_money_is_closed_by_an_order_for_the_session_before_the_ex_date(
    tmp_path, fake, spot, coming, reasons
):
    made = trader(tmp_path, fake.address)
    trade(made)
    (position,) = made.ledger.positions()
    assert [leg.right for leg in position.legs] == ["call", "call"]
    fake.fills = "rest"
    evening = NOW + timedelta(hours=6, minutes=31)
    fake.script("clock", {"offset_seconds": (evening - NOW).total_seconds()})
    plans, legs = plans_of(("SPY",), DAY)
    close = replace(MarketClose(spot, 0.18, ticker="SPY"), next_dividend=coming)
    made.run_session(DAY, plans.clear(), legs, {DAY: {"SPY": close}}, evening)
    assert [order.reason for order in exits(made)] == reasons
    for order in exits(made):
        assert order.works_from.date() == shift(DAY, 1)
        assert len(order.legs) == 2


@pytest.mark.parametrize(
    ("spot", "coming", "has_quotes", "reasons"),
    [
        (285.0, NextDividend(5.0, 2), True, ["EX_DIVIDEND"]),
        (285.0, NextDividend(5.0, 30), True, []),
        (285.0, None, True, []),
        (251.0, NextDividend(5.0, 2), True, []),
        # Prints alone are no evidence that closes a position.
        (285.0, NextDividend(5.0, 2), False, []),
    ],
)
def test_a_call_that_comes_into_the_money_in_the_last_session_is_closed_by_the_check_of_stops(
    tmp_path, fake, spot, coming, has_quotes, reasons
):
    close = replace(MarketClose(250.0, 0.18, ticker="SPY"), next_dividend=coming)
    made = replace(trader(tmp_path, fake.address), closes={"SPY": DatedClose(SESSION, close)})
    trade(made)
    fake.fills = "rest"
    if has_quotes:
        (position,) = made.ledger.positions()
        quote(fake, position.legs, (32.0, 30.0), 0.04)
    for minutes in (0, 2):
        at_clock(fake, NOW + timedelta(minutes=minutes))
        fake.script("trade", {"ticker": "SPY", "price": spot})
        IntradayCheck(made).run(NOW + timedelta(minutes=minutes))
    assert [order.reason for order in exits(made)] == reasons


@pytest.mark.long
def test_an_exit_before_an_ex_date_follows_a_market_that_leaves_its_worst_price(tmp_path, fake):
    """As a stop does: the same price again at each check would be one attempt each."""
    close = replace(MarketClose(250.0, 0.18, ticker="SPY"), next_dividend=NextDividend(5.0, 2))
    made = replace(trader(tmp_path, fake.address), closes={"SPY": DatedClose(SESSION, close)})
    trade(made)
    fake.fills = "rest"
    (position,) = made.ledger.positions()
    for number in range(24):
        # The sold call becomes dearer than its cover, to the end that all exits rest far below.
        spread = 2.0 if number < 10 else 0.3
        quote(fake, position.legs, (30.0 + spread, 30.0), 0.04)
        minute = 5 * number
        at_clock(fake, NOW + timedelta(minutes=minute))
        fake.script("trade", {"ticker": "SPY", "price": 285.0})
        IntradayCheck(made).run(NOW + timedelta(minutes=minute))
        advance(made, NOW + timedelta(minutes=minute + 1), fake)
    sent = exits(made)
    assert {order.reason for order in sent} == {"EX_DIVIDEND"}
    assert len(sent) == len({order.limit_price for order in sent})
    assert sent[-1].limit_price >= -0.3
