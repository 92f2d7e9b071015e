"""What a person accepts: what was reported and nothing else, and it can be taken back."""

import pytest

from options_platform.adapters.flattening import Flattening
from options_platform.errors import LedgerError
from options_platform_tests.faults.world import CLOSES, NOW, accept, contracts, trade, trader


@pytest.fixture
def made(tmp_path, fake):
    """An account that holds eight spreads."""
    opened = trader(tmp_path, fake.address)
    trade(opened)
    return opened


def test_only_what_was_reported_is_accepted(made, fake):
    with fake.lock:
        fake.book.cash += 500.0
    assert any("cash" in text for text in made.reconcile(NOW))
    fake.script("hide", {"requests": 1})
    with pytest.raises(LedgerError, match="nothing was accepted: the broker shows what was not"):
        made.reconciler.accept(NOW, "interest")
    assert made.ledger.positions()[0].open_contracts == 8
    assert accept(made, NOW, "interest") == []


def test_positions_that_were_accepted_as_gone_are_open_again_once_the_broker_shows_them(made, fake):
    before = made.ledger.positions()
    fake.script("hide", {})
    accept(made, NOW, "gone, says the list")
    assert made.ledger.positions(only_open=True) == []
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert made.ledger.positions() == before
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}


def test_a_position_is_closed_though_a_person_holds_more_of_its_contract(made, fake):
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": 1})
    assert accept(made, NOW, "mine") == []
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {bought: 1}
    assert made.reconcile(NOW) == []
