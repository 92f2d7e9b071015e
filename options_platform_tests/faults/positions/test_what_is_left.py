"""The remaining legs of positions are stopped, closed and covered like whole positions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg
from options_platform.services.trading.closing.exercises import exercises_in_doubt
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW
from options_platform_tests.faults.world import (
    HIGH,
    accept,
    advance,
    at_clock,
    contracts,
    daily,
    exits,
    open_beside,
    seen_once,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


@pytest.fixture
def condor(made, fake):
    """Beside them two condors: puts 235 and 240, calls 260 and 265, sold at 1.00."""
    first = made.ledger.orders()[0]
    expiry = first.legs[0].expiry
    legs = (
        OrderLeg("buy", "put", 235.0, expiry),
        OrderLeg("sell", "put", 240.0, expiry),
        OrderLeg("sell", "call", 260.0, expiry),
        OrderLeg("buy", "call", 265.0, expiry),
    )
    entry = replace(first, contracts=2, limit_price=-1.0, max_loss_usd=800.0, max_profit_usd=200.0)
    open_beside(made, entry, legs, "condor")
    fake.script("trade", {"ticker": "SPY", "price": 250.0})
    return legs


def quotes(fake, mids, width=0.1):
    for leg, mid in mids.items():
        low, high = mid - width / 2, mid + width / 2
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": low, "ask": high})


def gone(fake, *legs):
    for leg in legs:
        symbol = leg.symbol("SPY")
        fake.script("move", {"symbol": symbol, "quantity": -contracts(fake)[symbol]})


def bought(fake):
    return max(contracts(fake), key=contracts(fake).get)


def sold(fake):
    return min((s for s in contracts(fake) if s != "SPY"), key=contracts(fake).get)


def checks(made, fake, count, start=NOW):
    """A check every two minutes."""
    for number in range(count):
        moment = start + timedelta(minutes=2 * number)
        at_clock(fake, moment)
        found = IntradayCheck(made).run(moment)
    return found


def test_a_condor_with_one_side_accepted_as_closed_keeps_the_stop_of_the_other(made, fake, condor):
    low, high, *calls = condor
    gone(fake, *calls)
    assert accept(made, NOW, "closed the calls by hand") == []
    fake.script("trade", {"ticker": "SPY", "price": 234.0})
    quotes(fake, {low: 4.0, high: 8.5})
    checks(made, fake, 4)
    assert high.symbol("SPY") not in contracts(fake)
    assert made.ledger.positions()[1].exit_reason == "STOP_LOSS"


def test_the_remaining_side_is_stopped_at_the_close_too_without_the_closed_legs(made, fake, condor):
    _, high, *calls = condor
    gone(fake, *calls)
    accept(made, NOW, "closed the calls by hand")
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 232.0})
    (order,) = [o for o in exits(made) if o.position_id == "condor"]
    assert (order.reason, order.legs) == ("STOP_LOSS", (replace(high, side="buy"),))


def test_a_naked_put_of_a_condor_is_bought_back_though_a_sold_call_is_missing_too(
    made, fake, condor
):
    low, high, sold_call, _ = condor
    gone(fake, low, sold_call)
    quotes(fake, {high: 1.0})
    fake.script("rules", {"refuses_uncovered": False})
    checks(made, fake, 4)
    assert high.symbol("SPY") not in contracts(fake)


def test_the_remaining_cover_is_offered_until_it_is_sold(made, fake):
    fake.script("assign", {"symbol": sold(fake)})
    long = bought(fake)
    fake.script("quote", {"symbol": long, "bid": 9.2, "ask": 9.4})
    checks(made, fake, 1)
    assert set(contracts(fake)) == {long}
    fake.fills = "rest"
    checks(made, fake, 1, NOW + timedelta(minutes=2))
    fake.script("close", {})
    fake.fills = "limit"
    tomorrow = NOW + timedelta(days=1)
    at_clock(fake, tomorrow)
    fake.script("quote", {"symbol": long, "bid": 9.2, "ask": 9.4})
    checks(made, fake, 2, tomorrow)
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].exit_reason == "ASSIGNED"


def test_shares_at_their_last_step_follow_the_market(made, fake):
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("quote", {"symbol": bought(fake), "bid": 9.2, "ask": 9.4})
    fake.fills = "rest"
    checks(made, fake, 1)
    fake.script("trade", {"ticker": "SPY", "price": 275.0})
    checks(made, fake, 8, NOW + timedelta(minutes=2))
    (working,) = made.ledger.working_orders()
    assert working.legs[0].is_shares
    assert abs(working.limit_price) >= 275.0


def test_an_exercise_waits_for_a_second_check(made, fake):
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("quote", {"symbol": bought(fake), "bid": 8.0, "ask": 9.1})
    seen_once(made, fake)
    assert fake.count("POST /v2/positions") == 0
    assert exits(made) == []
    assert exercises_in_doubt(made.ledger) == {made.ledger.positions()[0].position_id}
    IntradayCheck(made).run(NOW)
    assert fake.count("POST /v2/positions") == 1
    assert exercises_in_doubt(made.ledger) == set()


def test_what_an_entry_at_work_may_buy_is_not_exercised(made, fake):
    """A broker exercises all contracts of a symbol, those of another position as well."""
    first, (held,) = made.ledger.orders()[0], made.ledger.positions()
    low, high = held.legs
    fake.fills = "rest"
    open_beside(made, first, (low, replace(high, strike=high.strike + 5.0)))
    # Its cancel, which the closing of the position asks for, is not final yet.
    fake.script("faults", {"on": "DELETE /v2/orders", "do": "pending_cancel", "times": 9})
    fake.script("assign", {"symbol": high.symbol("SPY")})
    fake.script("quote", {"symbol": low.symbol("SPY"), "bid": 8.0, "ask": 9.1})
    checks(made, fake, 2)
    assert fake.count("POST /v2/positions") == 0
    assert {order.legs[0].right for order in exits(made)} == {"shares"}


@pytest.mark.parametrize(
    ("spot", "sides"),
    [(2620.0, (9.2, 9.4)), (262.0, (0.0, 18.0)), (262.0, (5.0, 12.0))],
    ids=["a stray print", "no bid", "wide quotes"],
)
def test_no_exercise_is_requested_on_impossible_quotes(made, fake, spot, sides):
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("trade", {"ticker": "SPY", "price": spot})
    fake.script("quote", {"symbol": bought(fake), "bid": sides[0], "ask": sides[1]})
    checks(made, fake, 2)
    assert fake.count("POST /v2/positions") == 0


def test_a_stop_without_an_order_to_send_is_a_doubt_and_not_a_stop(made, fake):
    high = made.ledger.positions()[0].legs[1]
    low = made.ledger.positions()[0].legs[0]
    quotes(fake, {low: 0.1, high: 0.05}, 0.02)
    fake.script("trade", {"ticker": "SPY", "price": 235.0})
    number = made.ledger.positions()[0].position_id
    made.ledger.adjust({low.symbol("SPY"): -8}, None, NOW, "a ledger that does not add up")
    found = checks(made, fake, 2)
    assert found.stopped == {}
    assert "nothing can be sent" in found.doubts[number]


def test_flattening_closes_what_two_positions_net_in_part(made, fake):
    first = made.ledger.orders()[0]
    low, _ = first.legs
    beside = replace(first, contracts=5)
    open_beside(made, beside, (replace(low, side="sell"), replace(low, strike=low.strike + 9)))
    assert contracts(fake)[low.symbol("SPY")] == 3
    for _ in range(3):
        Flattening(made, HIGH).run(NOW)
        advance(made, NOW, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_a_missing_long_contract_is_noticed_though_another_position_nets_it(made, fake):
    """It is sold by hand: its short is bought back alone, and nothing is opened."""
    fake.script("rules", {"refuses_uncovered": False})
    first = made.ledger.orders()[0]
    _, high = first.legs
    other = replace(high, strike=high.strike + 5)
    open_beside(made, first, (replace(high, side="buy"), other))
    assert high.symbol("SPY") not in contracts(fake)
    fake.script("move", {"symbol": high.symbol("SPY"), "quantity": -8})
    quotes(fake, {other: 2.0})
    checks(made, fake, 3)
    assert other.symbol("SPY") not in contracts(fake)
    assert contracts(fake)[high.symbol("SPY")] == -8


def test_the_daily_run_offers_a_naked_short_at_its_last_step(made, fake):
    low, high = made.ledger.positions()[0].legs
    gone(fake, low)
    accept(made, NOW, "sold by hand")
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 262.0})
    (order,) = exits(made)
    close = MarketClose(262.0, 0.18, ticker="SPY")
    price = made.closing.at_close(NOW.date(), close)((replace(high, side="buy"),))
    assert order.reason == "LEGS_GONE"
    assert order.limit_price == made.settings.ladder.prices("SPY", "exit", price, order.legs)[-1]
