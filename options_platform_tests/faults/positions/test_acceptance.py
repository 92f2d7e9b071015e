"""What a person accepts: what was reported and nothing else, and it can be taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.errors import LedgerError
from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, trader
from options_platform_tests.faults.prices.test_wide_quotes import opened, quoted
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    accept,
    accept_unseen,
    at_clock,
    codes,
    contracts,
    exits,
    trade,
)


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
        accept_unseen(made, NOW, "interest")
    assert made.ledger.positions()[0].open_contracts == 8
    assert accept(made, NOW, "interest") == []


def test_positions_accepted_as_closed_are_open_again_once_the_broker_shows_them(made, fake):
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


def test_accepting_only_cash_changes_no_earlier_acceptance_and_closes_no_contract(made, fake):
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": 1})
    accept(made, NOW, "mine")
    kept = made.ledger.acceptance()
    fake.script("move", {"symbol": bought, "quantity": -1})
    made.reconcile(NOW)
    assert accept(made, NOW, "sold it again") == []
    assert made.ledger.positions()[0].open_contracts == 8
    with fake.lock:
        fake.book.cash += 500.0
    before = made.ledger.acceptance()
    assert accept(made, NOW, "interest") == []
    assert made.ledger.acceptance() == before != kept


def test_contracts_that_a_person_opens_much_later_are_no_position_of_the_platform(made, fake):
    held = contracts(fake)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    accept(made, NOW, "closed by hand")
    later = NOW + timedelta(days=9)
    at_clock(fake, later)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": quantity})
    assert codes(made, later) >= {"CONTRACTS"}
    assert made.ledger.positions(only_open=True) == []


def test_an_order_given_up_by_a_person_is_no_difference_while_its_cancel_stays_pending(made, fake):
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], NOW.date(), "TIME", None, NOW)
    with fake.lock:
        fake.book.by_client_id(exits(made)[0].client_order_id)["status"] = "pending_cancel"
    later = NOW + timedelta(days=2)
    at_clock(fake, later)
    assert codes(made, later) == {"ORDER_STATE"}
    assert accept(made, later, "it never traded") == []


def test_flatten_sells_assigned_shares_at_once_though_exercising_may_bring_more(tmp_path, fake):
    made = replace(opened(tmp_path, fake), closes=DATED)
    (position,) = made.ledger.positions()
    sold = next(leg for leg in position.legs if leg.side == "sell")
    fake.script("assign", {"symbol": sold.symbol("SPY")})
    fake.script("trade", {"ticker": "SPY", "price": 228.0})
    fake.fills = "limit"
    quoted(made, fake, (9.0, 9.1), (3.7, 3.9))
    Flattening(made, CLOSES).run(NOW)
    made.reconcile(NOW)
    assert "SPY" not in contracts(fake)
    assert fake.count("POST /v2/positions") == 0
