"""Positions with the same contracts: neither prevents the other from being closed."""

from dataclasses import replace

import pytest

from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    accept,
    codes,
    contracts,
    daily,
    exits,
    open_beside,
    trade,
)


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
