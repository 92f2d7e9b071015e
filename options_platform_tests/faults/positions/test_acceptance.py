"""Acceptance by a person: only reported differences, and it can be undone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.adapters.brokers.alpaca import AlpacaBroker
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
    open_beside,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")


@pytest.fixture
def made(tmp_path, fake):
    """An account with eight open spreads."""
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
    assert made.reconcile(NOW) != []
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
    kept = made.ledger.acceptances()
    fake.script("move", {"symbol": bought, "quantity": -1})
    made.reconcile(NOW)
    assert accept(made, NOW, "sold it again") == []
    assert made.ledger.positions()[0].open_contracts == 8
    with fake.lock:
        fake.book.cash += 500.0
    before = made.ledger.acceptances()
    assert accept(made, NOW, "interest") == []
    assert made.ledger.acceptances() == before != kept


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


def hidden_when_accepted(made, fake, moment=NOW):
    at_clock(fake, moment)
    fake.script("hide", {"symbols": [s for s in contracts(fake) if s.startswith("SPY")]})
    accept(made, moment, "gone, says the list")
    assert made.ledger.positions(only_open=True) == []


def is_open_again(made, fake, moment):
    """Whether the second of two looks at an honest list has opened the position again."""
    fake.script("honest", {})
    at_clock(fake, moment)
    made.reconcile(moment)
    differing = made.reconcile(moment)
    return differing == [] and len(made.ledger.positions(only_open=True)) == 1


def test_a_word_of_friday_evening_is_taken_back_on_tuesday(made, fake):
    friday = NOW + timedelta(days=4, hours=7)
    hidden_when_accepted(made, fake, friday)
    assert is_open_again(made, fake, friday + timedelta(days=4))


def test_a_trade_by_hand_before_the_word_keeps_nothing_from_being_taken_back(made, fake):
    bought = max(contracts(fake), key=contracts(fake).get)
    for quantity in (1, -1):
        fake.script("move", {"symbol": bought, "quantity": quantity, "by_hand": True})
    hidden_when_accepted(made, fake, NOW + timedelta(minutes=1))
    assert is_open_again(made, fake, NOW + timedelta(minutes=2))


def test_contracts_that_a_person_trades_after_the_word_are_no_position_again(made, fake):
    held = contracts(fake)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    accept(made, NOW, "closed by hand")
    at_clock(fake, NOW + timedelta(minutes=1))
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": quantity, "by_hand": True})
    assert not is_open_again(made, fake, NOW + timedelta(minutes=2))


def bought_again_by_hand(made, fake, moment):
    """A person closes the position, says so, and buys the same contracts at `moment`."""
    held = contracts(fake)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    assert accept(made, NOW, "closed by hand") == []
    at_clock(fake, moment)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": quantity, "by_hand": True})


def test_a_word_stands_while_the_activities_cannot_be_read(made, fake):
    later = NOW + timedelta(hours=3)
    bought_again_by_hand(made, fake, later)
    page = "GET /v2/account/activities"
    fake.script("faults", {"on": page, "do": "status", "status": 503, "times": 40})
    for _ in range(3):
        assert made.reconcile(later) != []
    assert made.ledger.positions(only_open=True) == []


def test_a_word_stands_while_the_activities_may_lag_behind_the_list(tmp_path, fake):
    made = trader(tmp_path, fake.address, doubt=900)
    trade(made)
    later = NOW + timedelta(hours=3)
    bought_again_by_hand(made, fake, later)
    with fake.lock:
        fills = [a for a in fake.book.activities if a.get("order_id", "").startswith("by-hand")]
        fake.book.activities[:] = [a for a in fake.book.activities if a not in fills]
    for minutes in (0, 10):
        at_clock(fake, later + timedelta(minutes=minutes))
        assert made.reconcile(later + timedelta(minutes=minutes)) != []
    with fake.lock:
        fake.book.activities += fills
    made.reconcile(later + timedelta(minutes=20))
    assert made.ledger.positions(only_open=True) == []


def test_a_word_stands_while_an_order_of_ours_on_the_same_contracts_may_have_filled(
    made, fake, monkeypatch
):
    """It fills after the orders were listed and before the positions are."""
    (order,) = made.ledger.orders()
    for symbol, quantity in contracts(fake).items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    assert accept(made, NOW, "closed by hand") == []
    fake.fills = "rest"
    open_beside(made, order, order.legs)
    holdings, spreads = AlpacaBroker.holdings, [8]

    def with_a_fill_before(broker):
        if spreads:
            fake.script("fill", {"client_order_id": "beside", "spreads": spreads.pop()})
        return holdings(broker)

    monkeypatch.setattr(AlpacaBroker, "holdings", with_a_fill_before)
    for minutes in (5, 10, 15, 20):
        at_clock(fake, NOW + timedelta(minutes=minutes))
        made.reconcile(NOW + timedelta(minutes=minutes))
    assert [p.position_id for p in made.ledger.positions(only_open=True)] == ["beside"]


@pytest.mark.long
def test_no_assignment_is_accepted_while_the_activities_cannot_be_read(tmp_path, fake):
    """They tell whether shares were delivered, or bought by hand, as here."""
    made = trader(tmp_path, fake.address)
    trade(made, regime="iv_contraction")
    sold = min(contracts(fake), key=contracts(fake).get)
    for symbol, quantity in ((sold, 3), ("SPY", 300)):
        fake.script("move", {"symbol": symbol, "quantity": quantity, "by_hand": True})
    page = "GET /v2/account/activities"
    fake.script("faults", {"on": page, "do": "status", "status": 503, "times": 60})
    with pytest.raises(LedgerError, match="activities cannot be read"):
        accept(made, NOW, "bought back, and shares of mine")
    fake.faults.clear()
    assert accept(made, NOW, "bought back, and shares of mine") == []
    assert made.ledger.statement().beside == {"SPY": 300}


def test_a_word_on_something_else_besides_stands_while_the_positions_come_back(made, fake):
    fake.script("move", {"symbol": "AAPL", "quantity": 50})
    hidden_when_accepted(made, fake)
    assert is_open_again(made, fake, NOW + timedelta(minutes=2))
    assert made.ledger.statement().beside == {"AAPL": 50}


def test_a_second_word_keeps_nothing_of_the_first_from_being_taken_back(made, fake):
    hidden_when_accepted(made, fake)
    fake.script("move", {"symbol": "AAPL", "quantity": 50})
    accept(made, NOW, "50 AAPL are mine")
    assert is_open_again(made, fake, NOW + timedelta(minutes=2))
    assert made.ledger.statement().beside == {"AAPL": 50}


def test_of_two_positions_the_one_that_is_there_is_open_again(made, fake):
    (first,) = made.ledger.positions()
    other = tuple(replace(leg, strike=leg.strike + 10.0) for leg in first.legs)
    open_beside(made, made.ledger.orders()[0], other)
    fake.script("hide", {})
    accept(made, NOW, "both gone, says the list")
    fake.script("honest", {})
    for leg in other:
        symbol = leg.symbol("SPY")
        fake.script("move", {"symbol": symbol, "quantity": -contracts(fake)[symbol]})
    made.reconcile(NOW)
    assert made.reconcile(NOW) == []
    assert [p.position_id for p in made.ledger.positions(only_open=True)] == [first.position_id]
