"""Positions that lost legs at Alpaca: what is left is closed, and nothing is opened by closing."""

import threading
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from options_platform.adapters.flattening import Flattening
from options_platform.adapters.intraday import IntradayCheck
from options_platform.domain.calendar import NEW_YORK, sessions, shift
from options_platform.domain.fills import MarketClose
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    NOW,
    POST,
    SESSION,
    advance,
    assert_sound,
    contracts,
    exits,
    lose_the_bought_leg,
    open_beside,
    plans_of,
    quote,
    trade,
    trader,
)


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
    assert Flattening(made, CLOSES).run(NOW) == []
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
    assert gone.closed_on >= gone.opened_on
    assert exits(made) == []


def test_spreads_that_share_a_contract_are_netted_by_the_broker_and_all_closed(tmp_path, fake):
    """A bull spread sells the contract that another buys: the broker shows none of it."""

    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    _, high = first.legs
    legs = (replace(high, side="buy"), replace(high, strike=high.strike + 5))
    open_beside(made, first, legs)
    assert len(fake.book.positions) == 2
    assert Flattening(made, CLOSES).run(NOW) == []
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
    assert Flattening(made, CLOSES).run(NOW) == []
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
    open_beside(made, first, (replace(low, strike=low.strike - 1), high))
    fake.script("move", {"symbol": high.symbol("SPY"), "quantity": assigned})
    fake.fills = fills
    assert Flattening(made, CLOSES).run(NOW) == []
    made = replace(made, closes=DATED)
    for _ in range(2):
        for order in made.ledger.working_orders():
            fake.script("fill", {"client_order_id": order.client_order_id})
        advance(made, NOW, fake)
    assert contracts(fake) == {}
    assert all(position.closed_on for position in made.ledger.positions())


# Ids in either order of the working exits.
@pytest.mark.parametrize("number", ["beside", "beside2", "beside3"])
def test_a_fill_that_another_positions_look_brought_is_counted_once(tmp_path, fake, number):
    """Both leave; the later one's fill is missed at the contract that the two share."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    low, high = first.legs
    open_beside(made, first, (replace(low, strike=low.strike - 1), high), number)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
    order = next(o for o in exits(made) if o.position_id == number)
    fake.script("fill", {"client_order_id": order.client_order_id, "spreads": 2})
    advance(made, NOW + timedelta(seconds=30), fake)
    closed = {p.position_id: p.closed_contracts for p in made.ledger.positions()}
    assert closed == {first.position_id: 0, number: 2}
    for working in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": working.client_order_id})
    assert made.reconcile(NOW + timedelta(seconds=30)) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_work_closes_what_is_left_once_the_whole_spreads_are_closed(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    short = next(symbol for symbol, quantity in contracts(fake).items() if quantity < 0)
    fake.script("move", {"symbol": short, "quantity": 2})
    assert Flattening(made, CLOSES).run(NOW) == []
    (whole,) = exits(made)
    assert (len(whole.legs), whole.contracts) == (2, 6)
    fake.script("fill", {"client_order_id": whole.client_order_id})
    made = replace(made, closes=DATED)
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
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
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
    made = replace(made, closes=DATED)
    position, dying = made.ledger.positions()[0], replace(made, at=die).closing
    with pytest.raises(InterruptedError):
        dying.close_position(position, SESSION, "STOP_LOSS", None, NOW)
    assert [order.status for order in exits(made)] == [status]
    lose_the_bought_leg(fake)
    if status == "unknown":
        # Its request may still arrive.
        advance(made, NOW + timedelta(seconds=30), fake)
        assert [order.status for order in exits(made)] == ["unknown"]
    later = NOW + timedelta(minutes=2)
    if again == "work":
        advance(made, later, fake)
        made.reconcile(later)
    else:
        assert Flattening(made, CLOSES).run(later) == []
    assert [(o.status, len(o.legs)) for o in exits(made)] == [("canceled", 2), ("filled", 1)]
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on


def test_a_fill_that_the_ledger_has_not_heard_of_is_no_lost_leg(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    position = made.ledger.positions()[0]
    assert Flattening(made, CLOSES).run(NOW) == []
    fake.script("fill", {"client_order_id": exits(made)[0].client_order_id, "spreads": 3})
    again = made.closing.close_position(position, SESSION, "FLATTEN", None, NOW)
    assert (len(again.legs), again.contracts) == (2, 5)


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


def test_an_exit_on_its_last_rung_is_canceled_when_its_leg_is_gone(tmp_path, fake):
    """It would sell the lost contract anew, and leave the sold one naked."""
    made = replace(
        trader(tmp_path, fake.address),
        closes=DATED,
    )
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
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
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}


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


def test_a_list_of_positions_that_lags_behind_loses_nothing(tmp_path, fake):
    made = trader(tmp_path, fake.address, loss_pause=2)
    trade(made)
    with fake.lock:
        held = dict(fake.book.positions)
        fake.book.positions.clear()

    def catch_up():
        with fake.lock:
            fake.book.positions.update(held)

    timer = threading.Timer(0.5, catch_up)
    timer.start()
    assert Flattening(made, {}).run(NOW) == []
    timer.join()
    assert [(o.status, o.contracts) for o in exits(made)] == [("filled", 8)]
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_a_position_that_expired_unseen_ends_at_what_it_was_worth_on_that_day(tmp_path, fake):
    """Worthless at 250 on its expiry, and looked at again when the ticker stands at 265."""
    made = trader(tmp_path, fake.address)
    trade(made)
    (held,) = made.ledger.positions()
    for symbol, quantity in contracts(fake).items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    days = sessions(NOW.date(), shift(held.expiry, 1))
    at = datetime.combine(days[-1], time(16, 31), NEW_YORK)
    fake.script("clock", {"offset_seconds": (at - NOW).total_seconds()})
    spots = dict.fromkeys(days[:-1], 250.0) | {days[-1]: 265.0}
    closes = {day: {"SPY": MarketClose(spot, 0.18)} for day, spot in spots.items()}
    plans, legs = plans_of(("SPY",), days[-1])
    made.run_session(days[-1], plans.clear(), legs, closes, at)
    (gone,) = made.ledger.positions()
    assert (gone.exit_reason, gone.exit_price) == ("GONE_AT_BROKER", pytest.approx(0.0))
