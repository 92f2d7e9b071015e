"""Closing at Alpaca: everything that is there and nothing else, whatever was lost of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.adapters.flattening import Flattening
from options_platform.adapters.intraday import IntradayCheck
from options_platform.domain.exposures import DatedClose
from options_platform.domain.fills import MarketClose
from options_platform_tests.faults.world import (
    NOW,
    POST,
    SESSION,
    advance,
    assert_sound,
    plans_of,
    trade,
    trader,
)


def contracts(fake):
    return {symbol: quantity for symbol, (quantity, _) in fake.book.positions.items()}


def exits(made):
    found = [order for order in made.ledger.orders() if order.purpose == "exit"]
    return sorted(found, key=lambda order: order.attempt)


def quote(fake, legs, mids, width=0.1):
    for leg, mid in zip(legs, mids, strict=True):
        sides = {"bid": mid - width / 2, "ask": mid + width / 2}
        fake.script("quote", {"symbol": leg.symbol("SPY"), **sides})


def test_a_leg_that_disappears_stops_entries_names_itself_and_lets_the_rest_be_closed(
    tmp_path, fake
):

    made = trader(tmp_path, fake.address)
    trade(made)
    short = next(s for s, (q, _) in fake.book.positions.items() if q < 0)
    fake.script("clearing", {"kind": "OPASN", "symbol": short})
    found = made.reconcile(NOW)
    assert len(found) == 1
    assert short in found[0]
    assert "assigned on 2015-01-05" in found[0]
    trade(made, ("SPY", "QQQ"))
    refused = next(o for o in made.ledger.orders() if o.ticker == "QQQ")
    assert (refused.status, refused.reason) == ("not_sent", "DIFFERENCE")
    assert fake.count(POST) == 1
    assert Flattening(made, {}).run(NOW) == []
    assert fake.book.positions == {}
    assert all(p.closed_on for p in made.ledger.positions())


def test_a_position_that_was_closed_elsewhere_ends_at_what_it_was_worth(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    for symbol, quantity in contracts(fake).items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    assert contracts(fake) == {}
    held = made.ledger.positions()[0]
    assert Flattening(made, {}).run(NOW) == []
    (gone,) = made.ledger.positions()
    assert (gone.open_contracts, gone.exit_reason) == (0, "GONE_AT_BROKER")
    assert gone.exit_price == held.mark_price > 0
    assert exits(made) == []


def test_spreads_that_share_a_contract_are_netted_by_the_broker_and_all_closed(tmp_path, fake):
    """A bull spread sells the contract that another buys: the broker shows none of it."""

    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    _, high = first.legs
    legs = (replace(high, side="buy"), replace(high, strike=high.strike + 5))
    other = replace(
        first,
        client_order_id="other",
        position_id="other",
        legs=legs,
        status="intent",
        filled_qty=0,
        avg_price=None,
        fees_usd=0.0,
        placed_at=None,
    )
    made.execution.send(other, NOW)
    assert made.reconcile(NOW) == []
    assert len(fake.book.positions) == 2
    assert Flattening(made, {}).run(NOW) == []
    assert fake.book.positions == {}
    assert {p.exit_reason for p in made.ledger.positions()} == {"FLATTEN"}
    assert_sound(made, fake)


def test_a_partial_assignment_leaves_no_sold_contract_behind(tmp_path, fake):
    """One of eight sold calls is assigned: seven spreads are closed whole, then one bought call."""
    made = trader(tmp_path, fake.address)
    trade(made)
    held = contracts(fake)
    short, long = min(held, key=held.get), max(held, key=held.get)
    assert held[short] == -8
    fake.script("move", {"symbol": short, "quantity": 1})
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}
    whole, rest = exits(made)
    assert ({leg.symbol("SPY") for leg in whole.legs}, whole.contracts) == ({short, long}, 7)
    assert ([leg.symbol("SPY") for leg in rest.legs], rest.contracts) == ([long], 1)
    (position,) = made.ledger.positions()
    assert (position.open_contracts, position.exit_reason) == (0, "FLATTEN")


@pytest.mark.parametrize("fills", ["limit", "rest"])
@pytest.mark.parametrize("assigned", [3, 8])
def test_a_partial_assignment_leaves_the_spreads_of_another_position_whole(
    tmp_path, fake, fills, assigned
):
    """Two positions share the sold contract; what one lost is not taken from the other too."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    low, high = first.legs
    twin = replace(
        first,
        client_order_id="twin",
        position_id="twin",
        legs=(replace(low, strike=low.strike - 1), high),
        status="intent",
        filled_qty=0,
        avg_price=None,
        fees_usd=0.0,
        placed_at=None,
    )
    made.execution.send(twin, NOW)
    assert made.reconcile(NOW) == []
    fake.script("move", {"symbol": high.symbol("SPY"), "quantity": assigned})
    fake.fills = fills
    assert Flattening(made, {}).run(NOW) == []
    made = replace(made, closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18))})
    for _ in range(2):
        for order in made.ledger.working_orders():
            fake.script("fill", {"client_order_id": order.client_order_id})
        advance(made, NOW, fake)
    assert contracts(fake) == {}
    assert all(position.closed_on for position in made.ledger.positions())


def test_work_closes_what_is_left_once_the_whole_spreads_are_closed(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    short = next(symbol for symbol, quantity in contracts(fake).items() if quantity < 0)
    fake.script("move", {"symbol": short, "quantity": 2})
    assert Flattening(made, {}).run(NOW) == []
    (whole,) = exits(made)
    assert (len(whole.legs), whole.contracts) == (2, 6)
    fake.script("fill", {"client_order_id": whole.client_order_id})
    made = replace(made, closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18))})
    advance(made, NOW, fake)
    rest = exits(made)[-1]
    assert (len(rest.legs), rest.contracts, rest.reason) == (1, 2, "FLATTEN")
    advance(made, NOW, fake)
    assert len(exits(made)) == 2
    fake.script("fill", {"client_order_id": rest.client_order_id})
    advance(made, NOW, fake)
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on == NOW.date()


@pytest.mark.parametrize("vanished", ["bought", "sold"])
def test_an_exit_is_not_repriced_with_a_leg_that_is_gone(tmp_path, fake, vanished):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, {}).run(NOW) == []
    lost, kept = sorted(contracts(fake), key=contracts(fake).get, reverse=vanished == "bought")
    fake.script("move", {"symbol": lost, "quantity": -contracts(fake)[lost]})
    for minute in (1, 2):
        advance(made, NOW + timedelta(minutes=minute), fake)
    whole, rest = exits(made)[0], exits(made)[-1]
    assert (whole.status, len(whole.legs)) == ("canceled", 2)
    assert ([leg.symbol("SPY") for leg in rest.legs], rest.contracts) == ([kept], 8)
    fake.script("fill", {"client_order_id": rest.client_order_id})
    advance(made, NOW + timedelta(minutes=2), fake)
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on


@pytest.mark.parametrize(
    ("step", "status"), [("intent recorded", "intent"), ("sending", "unknown")]
)
@pytest.mark.parametrize("again", ["work", "flatten"])
def test_an_exit_that_never_arrived_is_not_sent_again_with_a_leg_that_is_gone(
    tmp_path, fake, step, status, again
):
    def die(reached):
        if reached == step:
            raise InterruptedError

    made = trader(tmp_path, fake.address)
    trade(made)
    made = replace(made, closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18))})
    position, dying = made.ledger.positions()[0], replace(made, at=die).closing
    with pytest.raises(InterruptedError):
        dying.close_position(position, SESSION, "STOP_LOSS", None, NOW)
    assert [order.status for order in exits(made)] == [status]
    long = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": long, "quantity": -8})
    if status == "unknown":
        # Its request may still arrive.
        advance(made, NOW + timedelta(seconds=30), fake)
        assert [order.status for order in exits(made)] == ["unknown"]
    later = NOW + timedelta(minutes=2)
    if again == "work":
        advance(made, later, fake)
        made.reconcile(later)
    else:
        assert Flattening(made, {"SPY": MarketClose(250.0, 0.18)}).run(later) == []
    assert [(o.status, len(o.legs)) for o in exits(made)] == [("canceled", 2), ("filled", 1)]
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on


def test_a_fill_that_the_ledger_has_not_heard_of_is_no_lost_leg(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    position = made.ledger.positions()[0]
    assert Flattening(made, {}).run(NOW) == []
    fake.script("fill", {"client_order_id": exits(made)[0].client_order_id, "spreads": 3})
    closing = made.closing
    again = closing.close_position(position, SESSION, "FLATTEN", None, NOW)
    assert (len(again.legs), again.contracts) == (2, 5)


def test_in_the_session_everything_is_closed_through_the_quotes_of_now(tmp_path, fake):
    """Bought at 1.86 and quoted at 0.40: yesterday's price would never be met."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    legs = made.ledger.positions()[0].legs
    quote(fake, legs, (1.40, 1.00))
    closes = {"SPY": MarketClose(250.0, 0.18)}
    assert Flattening(made, closes).run(NOW) == []
    (order,) = exits(made)
    # The bought leg at its bid of 1.35, the sold one at its ask of 1.05.
    assert order.limit_price == pytest.approx(-0.30)
    # The market goes on falling: flattening again, and working, go after it.
    quote(fake, legs, (1.20, 1.00))
    assert Flattening(made, closes).run(NOW) == []
    assert exits(made)[-1].limit_price == pytest.approx(-0.10)
    for minute in range(1, 7):
        advance(made, NOW + timedelta(minutes=minute), fake)
    prices = [order.limit_price for order in exits(made)]
    assert prices == sorted(prices)
    # It ends on the floor of the ladder from there.
    assert prices[1:] == made.settings.ladder.prices("exit", -0.10)
    assert_sound(made, fake)


def test_an_exit_that_never_arrived_is_closed_by_flattening_again(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("faults", {"do": "drop"})
    assert len(Flattening(made, {}).run(NOW)) == 1
    assert exits(made)[0].status == "unknown"
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_positions_that_cannot_be_listed_for_a_while_are_named_and_closed_later(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made, ("SPY", "QQQ"))
    away = {"on": "GET /v2/positions", "do": "status", "status": 502, "times": 99}
    fake.script("faults", away)
    assert len(Flattening(made, {}).run(NOW)) == 2
    assert fake.count(POST) == 2
    fake.faults.clear()
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize(
    ("told", "after"),
    [({"filled_qty": "1"}, "partially_filled"), ({"status": "rejected"}, "rejected")],
    ids=["fewer fills than before", "rejected after a fill"],
)
def test_an_answer_that_cannot_be_keeps_nothing_else_from_being_closed(
    tmp_path, resting, told, after
):
    made = trader(tmp_path, resting.address)
    one, other = trade(made, ("SPY", "QQQ"))
    resting.script("fill", {"client_order_id": one.client_order_id, "spreads": 2})
    resting.script("fill", {"client_order_id": other.client_order_id})
    assert made.reconcile(NOW) == []
    resting.fills = "limit"
    resting.book.by_client_id(one.client_order_id).update(told)
    trade(made, ("SPY", "QQQ"))
    advance(made, NOW, resting)
    Flattening(made, {}).run(NOW)
    assert contracts(resting) == {}
    assert made.ledger.order(one.client_order_id).status == after
    odd = [d.subject for d in made.ledger.differences() if d.code == "ORDER_STATE"]
    assert odd == ([one.client_order_id] if after == "partially_filled" else [])


def test_a_leg_that_is_left_and_worth_nothing_is_sold_for_a_tick(tmp_path, fake):
    """Its ladder goes through zero, and no contract has a price there."""
    made = trader(tmp_path, fake.address)
    trade(made)
    short = next(symbol for symbol, quantity in contracts(fake).items() if quantity < 0)
    fake.script("clearing", {"kind": "OPASN", "symbol": short})
    assert Flattening(made, {"SPY": MarketClose(150.0, 0.18)}).run(NOW) == []
    assert contracts(fake) == {}
    sale = list(fake.book.orders.values())[-1]
    assert (sale["side"], sale["limit_price"]) == ("sell", "0.01")


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_off_keeps_nothing_from_being_closed(tmp_path, fake, hours):
    """The session to close in is the broker's, not this machine's."""
    made = trader(tmp_path, fake.address)
    trade(made)
    assert Flattening(made, {}).run(NOW + timedelta(hours=hours)) == []
    assert contracts(fake) == {}
    assert exits(made)[0].session == SESSION
    assert "CLOCK" in {difference.code for difference in made.ledger.differences()}


def lose_the_bought_leg(fake):
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": -contracts(fake)[bought]})


def test_an_exit_on_its_last_rung_is_canceled_when_its_leg_is_gone(tmp_path, fake):
    """It would sell the lost contract anew, and leave the sold one naked."""
    made = replace(
        trader(tmp_path, fake.address),
        closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18))},
    )
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, {"SPY": MarketClose(250.0, 0.18)}).run(NOW) == []
    for minute in range(1, 9):
        advance(made, NOW + timedelta(minutes=minute), fake)
    last = exits(made)[-1]
    assert (last.status, len(last.legs)) == ("accepted", 2)
    lose_the_bought_leg(fake)
    for minute in (9, 10):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert made.ledger.order(last.client_order_id).status == "canceled"
    rest = exits(made)[-1]
    assert ([leg.side for leg in rest.legs], rest.contracts) == (["buy"], 8)
    fake.script("fill", {"client_order_id": rest.client_order_id})
    advance(made, NOW + timedelta(minutes=11), fake)
    assert contracts(fake) == {}


def test_what_is_left_of_a_stop_is_priced_by_its_own_quotes(tmp_path, fake):
    """Without closes, as the intraday check has none, the spread's mark says nothing of one leg."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    legs = made.ledger.positions()[0].legs
    quote(fake, legs, (0.20, 0.10), 0.02)
    IntradayCheck(made).run(NOW)
    lose_the_bought_leg(fake)
    fake.script("clock", {"offset_seconds": 60.0})
    quote(fake, legs, (0.20, 0.10), 0.02)
    IntradayCheck(made).run(NOW + timedelta(minutes=1))
    rest = exits(made)[-1]
    assert [leg.side for leg in rest.legs] == ["buy"]
    assert rest.limit_price == pytest.approx(0.11)


@pytest.mark.parametrize("times", [3, 5, 9])
def test_while_the_broker_cannot_say_what_it_holds_nothing_is_sent(tmp_path, fake, times):
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    fault = {"on": "GET /v2/positions", "do": "status", "status": 502, "times": times}
    fake.script("faults", fault)
    (position,) = made.ledger.positions()
    with made.ledger.trading():
        sent = made.closing.close_position(position, SESSION, "STOP_LOSS", None, NOW)
    assert (sent.status, fake.count(POST)) == ("intent", 1)
    fake.faults.clear()
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}


@pytest.mark.parametrize("status", [403, 408])
@pytest.mark.parametrize("path", ["/v2/positions", "/v2/orders", "/v2/clock", "/v2/account"])
def test_a_read_that_is_refused_once_keeps_nothing_from_being_closed(tmp_path, fake, path, status):
    made = trader(tmp_path, fake.address)
    trade(made)
    made.broker.account()
    fake.script("faults", {"on": f"GET {path}", "do": "status", "status": status, "times": 1})
    Flattening(made, {}).run(NOW)
    Flattening(made, {}).run(NOW)
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_a_daily_run_done_again_closes_what_an_exit_in_doubt_would_have_lost(tmp_path, fake):
    def die(step):
        if step == "sending":
            raise InterruptedError

    made = trader(tmp_path, fake.address)
    trade(made)
    day, at = NOW.date(), NOW + timedelta(hours=6, minutes=2)
    fake.script("clock", {"offset_seconds": (at - NOW).total_seconds()})
    plans, legs = plans_of(("SPY",), day)
    closes = {day: {"SPY": MarketClose(200.0, 0.18)}}
    with pytest.raises(InterruptedError):
        replace(made, at=die).run_session(day, plans.clear(), legs, closes, at)
    assert [order.status for order in exits(made)] == ["unknown"]
    lose_the_bought_leg(fake)
    made.run_session(day, plans.clear(), legs, closes, at + timedelta(minutes=10))
    first, rest = exits(made)
    assert first.status == "canceled"
    assert ([leg.side for leg in rest.legs], rest.contracts) == (["buy"], 8)
    assert contracts(fake) == {}
