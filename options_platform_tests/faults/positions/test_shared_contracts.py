"""Positions with the same contracts: neither prevents the other from being closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    accept,
    at_clock,
    codes,
    contracts,
    daily,
    exits,
    open_beside,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")


@pytest.fixture
def both(tmp_path, fake):
    """An account with two positions of eight spreads on the same contracts."""
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    (order,) = trade(made)
    open_beside(made, order, order.legs)
    return made


def halved(fake, by=2):
    for symbol, quantity in contracts(fake).items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity // by})


def test_listed_spreads_are_closed_though_a_person_has_closed_one_of_them(both, fake):
    halved(fake)
    assert both.reconcile(NOW) != []
    Flattening(both, CLOSES).run(NOW)
    assert contracts(fake) == {}
    assert sorted(o.status for o in exits(both)) == ["filled", "rejected"]
    assert accept(both, NOW, "closed by hand") == []
    assert both.ledger.positions(only_open=True) == []


def test_as_many_spreads_are_closed_as_the_list_shows(both, fake):
    """Four of sixteen remain: closing all is refused, and then the four are closed."""
    halved(fake)
    halved(fake)
    daily(both, fake, NOW.date(), {"SPY": 200.0})
    daily(both, fake, NOW.date().replace(day=6), {"SPY": 200.0})
    assert contracts(fake) == {}


def test_a_contract_sold_again_does_not_prevent_the_closing_of_a_position(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": 1})
    accept(made, NOW, "mine")
    with fake.lock:
        fake.book.cash += 500.0
    accept(made, NOW, "interest")
    fake.script("move", {"symbol": bought, "quantity": -1})
    made.reconcile(NOW)
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}


def test_an_ambiguous_acceptance_of_a_former_version_still_counts(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": 1})
    made.ledger.adjust({bought: 1}, None, NOW, "mine")
    assert codes(made) >= {"LOTS"}
    assert accept(made, NOW, "mine") == []
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {bought: 1}


def test_an_exit_in_doubt_stops_its_own_position_and_not_the_other(both, fake):
    fake.script("faults", {"do": "underway"})
    first, second = both.ledger.positions()
    with both.ledger.trading():
        both.closing.close_position(first, SESSION, "STOP_LOSS", None, NOW)
        sent = both.closing.close_position(second, SESSION, "STOP_LOSS", None, NOW)
    both.reconcile(NOW)
    assert both.ledger.order(sent.client_order_id).status == "filled"
    assert sorted(contracts(fake).values()) == [-8, 8]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_missing_exit_is_sent_again_only_once_the_list_shows_what_it_would_have_closed(
    both, fake, is_gone
):
    """The lists of orders never show it; two sessions later that alone is believed."""
    fake.script("faults", {"do": "underway"})
    first = both.ledger.positions()[0]
    with both.exclusively():
        both.closing.close_position(first, SESSION, "STOP_LOSS", None, NOW)
    for number in range(4):
        daily(both, fake, shift(NOW.date(), number), {"SPY": 251.0})
    assert exits(both)[0].status == "missing"
    if is_gone:
        halved(fake)
    later = NOW + timedelta(days=7)
    at_clock(fake, later)
    both.reconcile(later)
    with both.exclusively():
        sent = both.closing.close_position(
            both.ledger.positions()[0], shift(later.date(), -1), "STOP_LOSS", None, later
        )
    assert (sent is None) == is_gone


def test_spreads_of_an_entrys_other_attempt_are_a_position_though_the_rest_of_it_has_closed(
    tmp_path, resting
):
    """As a former version's ledger has it, which counted the newest attempt alone."""
    made = replace(trader(tmp_path, resting.address), closes=DATED)
    (order,) = trade(made)
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 3})
    replaced = {"client_order_id": order.client_order_id, "qty": "8", "limit_price": "1.95"}
    resting.script("replace", replaced)
    other = next(o for o in resting.book.orders.values() if o["status"] == "new")
    resting.script("fill", {"client_order_id": other["client_order_id"]})
    made.reconcile(NOW)
    (whole,) = made.ledger.positions()
    assert whole.contracts == 8
    alone = replace(whole, contracts=5, closed_contracts=5, closed_on=NOW.date(), exit_price=1.0)
    made.ledger.record_position(alone, NOW, "as a former version had it")
    made.reconcile(NOW)
    assert made.ledger.positions()[0].open_contracts == 3
