"""Dividends on the shares of assignments: booked to their position, each once."""

from datetime import timedelta

import pytest

from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW
from options_platform_tests.faults.world import HIGH, advance, at_clock, contracts

pytestmark = pytest.mark.long

OWED_USD = 300 * 1.5


@pytest.fixture
def assigned(made, fake):
    """Three sold calls were assigned: the account is short of 300 shares."""
    sold = min(contracts(fake), key=contracts(fake).get)
    fake.script("assign", {"symbol": sold, "contracts": 3})
    assert made.reconcile(NOW) == []
    return made


def pay(fake, **shares):
    fake.script("dividend", {"ticker": "SPY", "per_share": 1.5, **shares})


def test_a_dividend_on_short_shares_is_owed_by_their_position_once(assigned, fake):
    before = assigned.ledger.positions()[0].profit_usd
    pay(fake)
    for _ in range(2):
        assert assigned.reconcile(NOW) == []
    (position,) = assigned.ledger.positions()
    assert position.profit_usd == pytest.approx(before - OWED_USD)
    assert assigned.ledger.statement().activities_usd == 300 * 258.0 - OWED_USD


@pytest.mark.parametrize("restated", [{"status": "canceled"}, {"net_amount": "-300"}])
def test_one_that_is_paid_after_the_position_has_closed_changes_its_profit_and_so_does_a_correction(
    assigned, fake, restated
):
    for _ in range(4):
        Flattening(assigned, HIGH).run(NOW)
        advance(assigned, NOW, fake)
    assert contracts(fake) == {}
    (closed,) = assigned.ledger.positions()
    later = NOW + timedelta(days=30)
    at_clock(fake, later)
    pay(fake, shares=-300)
    assert assigned.reconcile(later) == []
    (position,) = assigned.ledger.positions()
    assert position.closed_on == closed.closed_on
    assert position.profit_usd == pytest.approx(closed.profit_usd - OWED_USD)
    # The broker corrects it.
    paid = fake.book.activities[-1]
    paid |= {"status": "correct"} | restated
    stays_usd = 300.0 if paid["status"] == "correct" else 0.0
    fake.book.cash += OWED_USD - stays_usd
    assert assigned.reconcile(later) == []
    (corrected,) = assigned.ledger.positions()
    assert corrected.profit_usd == pytest.approx(closed.profit_usd - stays_usd)


def test_a_dividend_on_a_persons_own_shares_stays_a_difference_of_cash(assigned, fake):
    pay(fake, shares=100)
    (difference,) = assigned.reconcile(NOW)
    assert difference.startswith("cash is")
