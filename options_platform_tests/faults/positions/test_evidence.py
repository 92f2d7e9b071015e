"""Partial, late or unexpected evidence: nothing is lost, and no position gets stuck."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from options_platform.adapters.storage.ledger.halt_notice import notice_of
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    HIGH,
    accept,
    advance,
    assert_sound,
    at_clock,
    contracts,
    daily,
    exits,
    lose_the_bought_leg,
    open_beside,
    seen_once,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


def sold(fake):
    return min(contracts(fake), key=contracts(fake).get)


def flattened(made, fake):
    """Run until everything is closed."""
    for _ in range(4):
        Flattening(made, HIGH).run(NOW)
        advance(made, NOW, fake)


def test_accepting_shares_of_an_unreported_assignment_keeps_their_cover(made, fake):
    fake.script("freeze", {"of": ["activities"]})
    fake.script("assign", {"symbol": sold(fake)})
    accept(made, NOW, "assigned, says the broker's page")
    (position,) = made.ledger.positions()
    assert {(leg.right, leg.side) for leg in position.loose} == {
        ("call", "buy"),
        ("shares", "sell"),
    }
    assert len(alerts_of(made.settings, made.ledger, NOW)) >= 1
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    flattened(made, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_contracts_that_a_person_has_too_are_not_exercised(made, fake):
    long = max(contracts(fake), key=contracts(fake).get)
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("move", {"symbol": long, "quantity": 5})
    fake.script("quote", {"symbol": long, "bid": 8.0, "ask": 9.2})
    seen_once(made, fake)
    IntradayCheck(made).run(NOW)
    assert fake.count("POST /v2/positions") == 0
    assert made.ledger.orders()[-1].purpose != "exercise"


def test_a_fill_counts_though_an_assignment_closed_its_position_first(made, fake):
    """Two positions of the same contracts: the older rests to close, and is assigned."""
    first = made.ledger.orders()[0]
    open_beside(made, first, first.legs)
    fake.fills = "rest"
    (held, *_) = made.ledger.positions()
    with made.ledger.trading():
        order = made.closing.close_position(held, SESSION, "TIME", None, NOW)
    fake.script("assign", {"symbol": sold(fake), "contracts": 8})
    assert made.reconcile(NOW) == []
    fake.script("fill", {"client_order_id": order.client_order_id})
    assert made.reconcile(NOW) == []
    assert made.ledger.order(order.client_order_id).filled_qty == 8
    fake.fills = "limit"
    flattened(made, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []
    assert_sound(made, fake)


def test_a_fill_that_appears_after_a_person_accepted_its_end_is_recorded(made, fake):
    fake.fills = "rest"
    (held,) = made.ledger.positions()
    with made.ledger.trading():
        order = made.closing.close_position(held, SESSION, "TIME", None, NOW)
    fake.script("freeze", {"of": ["orders", "lookups"]})
    fake.script("fill", {"client_order_id": order.client_order_id})
    accept(made, NOW, "closed")
    fake.script("honest", {})
    made.reconcile(NOW)
    assert made.ledger.order(order.client_order_id).filled_qty == 8
    accept(made, NOW, "closed by that order")
    assert made.reconcile(NOW) == []


def test_an_assignment_in_parts_is_settled_completely_as_fills_appear(tmp_path, fake):
    fake.fills = "rest"
    made = trader(tmp_path, fake.address)
    (order,) = trade(made)
    fake.script("fill", {"client_order_id": order.client_order_id, "spreads": 3})
    made.reconcile(NOW)
    fake.script("freeze", {"of": ["orders", "lookups"]})
    fake.script("fill", {"client_order_id": order.client_order_id})
    fake.script("assign", {"symbol": sold(fake), "contracts": 8})
    made.reconcile(NOW)
    assert made.ledger.positions()[0].broken_contracts == 3
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert (position.contracts, position.broken_contracts) == (8, 8)
    assert made.ledger.statement().activities_usd == 8 * 100 * 258.0


def test_an_assignment_of_before_the_fill_was_noticed_counts(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("freeze", {"of": ["orders", "lookups", "positions"]})
    trade(made)
    at_clock(fake, datetime.combine(date(2015, 1, 6), time(17), NEW_YORK))
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("honest", {})
    daily(made, fake, date(2015, 1, 8), {"SPY": 262.0})
    (position,) = made.ledger.positions()
    assert position.opened_on == date(2015, 1, 5)
    assert position.broken_contracts == 8


def test_a_close_that_another_position_nets_in_part_waits_for_a_list_that_agrees(made, fake):
    """One position buys eight of a contract and another sells five: the account has three."""
    fake.script("rules", {"refuses_uncovered": False})
    first = made.ledger.orders()[0]
    low, _ = first.legs
    beside = replace(first, contracts=5)
    open_beside(made, beside, (replace(low, side="sell"), replace(low, strike=low.strike + 9)))
    fake.script("move", {"symbol": low.symbol("SPY"), "quantity": -8})
    Flattening(made, CLOSES).run(NOW)
    assert contracts(fake).get(low.symbol("SPY"), 0) >= -5


def test_a_naked_contract_is_bought_back_wherever_its_market_goes(made, fake):
    short = sold(fake)
    lose_the_bought_leg(fake)
    accept(made, NOW, "sold by hand")
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 252.0})
    for minute in range(0, 30, 2):
        moment = datetime.combine(shift(NOW.date(), 1), time(11, minute), NEW_YORK)
        at_clock(fake, moment)
        fake.script("quote", {"symbol": short, "bid": 11.0, "ask": 11.2})
        IntradayCheck(made).run(moment)
    (resting,) = made.ledger.working_orders()
    assert resting.limit_price >= 11.0


def test_a_contract_listed_again_after_a_rename_can_be_traded_and_closed(made, fake):
    first = made.ledger.orders()[0]
    fake.script("split", {"ticker": "SPY"})
    assert made.reconcile(NOW) == []
    assert Flattening(made, CLOSES).run(NOW) == []
    fake.book.renamed.clear()
    made.ledger.resume("looked at", NOW)
    open_beside(made, first, first.legs, "anew")
    assert made.reconcile(NOW) == []
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}


def test_positions_that_the_broker_netted_end_with_their_expiry(made, fake):
    first = made.ledger.orders()[0]
    low, high = first.legs
    legs = (replace(low, side="sell"), replace(high, side="buy"))
    open_beside(made, first, legs)
    assert contracts(fake) == {}
    day = shift(low.expiry, 1)
    daily(made, fake, day, {"SPY": 250.0})
    assert made.ledger.positions(only_open=True) == []
    assert made.ledger.differences() == []
    assert exits(made) == []


def test_an_exit_replaced_by_an_odd_number_of_shares_is_followed(made, fake):
    fake.fills = "rest"
    fake.script("assign", {"symbol": sold(fake)})
    Flattening(made, HIGH).run(NOW)
    (order,) = exits(made)
    fake.script("replace", {"client_order_id": order.client_order_id, "qty": "750"})
    assert made.reconcile(NOW) == []
    replaced, after = exits(made)
    assert (replaced.status, after.contracts, after.legs) == ("canceled", 750, order.legs)
    fake.fills = "limit"
    for working in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": working.client_order_id})
    flattened(made, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_an_exit_replaced_by_an_order_that_cannot_be_followed_ends_with_its_session(made, fake):
    """The platform never orders a fraction of a share."""
    fake.fills = "rest"
    fake.script("assign", {"symbol": sold(fake)})
    Flattening(made, HIGH).run(NOW)
    (order,) = exits(made)
    assert order.legs[0].is_shares
    fake.script("replace", {"client_order_id": order.client_order_id, "qty": "750.5"})
    made.reconcile(NOW)
    assert made.ledger.order(order.client_order_id).status == "cancel_pending"
    fake.script("close", {})
    daily(made, fake, NOW.date(), {"SPY": 262.0})
    assert made.ledger.order(order.client_order_id).status == "canceled"
    assert [o.session for o in made.ledger.working_orders()] == [NOW.date()]


@pytest.mark.parametrize("text", ["", "{}", "not JSON"])
def test_an_unreadable_notice_of_a_halt_halts(made, text):
    notice_of(made.ledger.path).write_text(text)
    assert "cannot be read" in made.ledger.halted()
    made.ledger.resume("looked at", NOW + timedelta(minutes=1))
    assert made.ledger.halted() is None


def test_an_impossible_quantity_of_a_position_is_a_doubt(made, fake):
    body = [{"symbol": "SPY", "qty": "1e400", "side": "long", "avg_entry_price": "1"}]
    fault = {"on": "GET /v2/positions", "do": "status", "status": 200, "body": body, "times": 99}
    fake.script("faults", fault)
    made.reconcile(NOW)
    assert [d.code for d in made.ledger.differences()] == ["BROKER"]


def test_a_contract_that_two_positions_net_is_renamed_with_the_others(made, fake):
    first = made.ledger.orders()[0]
    _, high = first.legs
    open_beside(made, first, (replace(high, side="buy"), replace(high, strike=high.strike + 5)))
    fake.script("split", {"ticker": "SPY"})
    assert made.reconcile(NOW) == []
    assert {leg.root for p in made.ledger.positions() for leg in p.legs} == {"SPY1"}
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}
