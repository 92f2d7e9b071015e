"""Dividends on the shares of assignments: booked to their position, each once."""

from datetime import timedelta

import pytest

from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.reconciliation.ex_dates import keep_ex_dates
from options_platform.testing.alpaca_account import NOW
from options_platform_tests.faults.world import HIGH, advance, at_clock, contracts

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]

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


def test_shares_whose_assignment_is_listed_after_the_dividend_get_their_part(made, fake):
    sold = min(contracts(fake), key=contracts(fake).get)
    fake.script("assign", {"symbol": sold, "contracts": 2})
    pay(fake, shares=-300)
    (difference,) = made.reconcile(NOW)
    assert difference.startswith("cash is")
    before = made.ledger.positions()[0].cash_usd
    fake.script("assign", {"symbol": sold, "contracts": 1})
    for _ in range(2):
        assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert position.cash_usd == pytest.approx(before + 100 * 258.0 - 100 * 1.5)


def test_a_payment_of_an_earlier_ex_date_is_not_that_of_shares_which_came_later(assigned, fake):
    before = assigned.ledger.positions()[0].profit_usd
    ex_date = NOW.date() - timedelta(days=3)
    market = {ex_date: {"SPY": MarketClose(250.0, 0.18, ticker="SPY", dividend=1.5)}}
    keep_ex_dates(assigned.ledger, market, [ex_date], NOW)
    pay(fake)
    (difference,) = assigned.reconcile(NOW)
    assert difference.startswith("cash is")
    assert assigned.ledger.positions()[0].profit_usd == before


def test_a_dividend_that_a_former_version_booked_without_signs_is_still_owed_and_booked_once(
    assigned, fake
):
    before = assigned.ledger.positions()[0].profit_usd
    pay(fake)
    assert assigned.reconcile(NOW) == []
    (paid,) = (a for a in assigned.broker.activities(NOW.date()) if a.kind == "DIV")
    name = assigned.ledger.positions()[0].position_id
    # It wrote 300 shares for a debit.
    unsigned = Settlement((), {}, 0.0, 0, {name: 600})
    assigned.ledger.record_settlement(paid, unsigned, NOW)
    assert assigned.ledger.dividend_shares(paid) == {name: -300}
    assert assigned.reconcile(NOW) == []
    assert assigned.ledger.positions()[0].profit_usd == pytest.approx(before - OWED_USD)
