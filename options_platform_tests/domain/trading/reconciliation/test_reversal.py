"""An activity that never was is taken back: contracts, shares and cash."""

from dataclasses import replace

import pytest

from options_platform.domain.trading.orders import closing, shares_leg
from options_platform.domain.trading.positions import without_legs
from options_platform.domain.trading.reconciliation.reversal import ended_of, take_back
from options_platform.domain.trading.reconciliation.settlement import settle
from options_platform_tests.domain.trading.reconciliation.test_settlement import (
    BOUGHT,
    SOLD,
    SPREAD,
    activity,
)


def test_an_assignment_that_is_taken_back_leaves_the_position_as_it_was():
    assigned = settle(activity("OPASN", SOLD, 1), [SPREAD])
    done = take_back(activity("OPASN", SOLD, 0), assigned.ended, assigned.positions)
    assert done.positions == (SPREAD,)
    assert done.cash_usd == -assigned.cash_usd
    assert done.ended == {"p": -1}
    assert {s: -q for s, q in done.adjustments.items()} == assigned.adjustments


def test_a_position_whose_shares_were_sold_is_short_of_them_afterwards():
    assigned = settle(activity("OPASN", SOLD, 2), [SPREAD])
    (position,) = assigned.positions
    sold = without_legs(position, {shares_leg("buy"): 200, BOUGHT: 2}, cash_usd=93_000.0)
    (after,) = take_back(activity("OPASN", SOLD, 0), assigned.ended, [sold]).positions
    assert (after.closed_on, after.open_contracts) == (None, 0)
    assert set(after.loose) == {replace(SOLD, ratio=2), *closing((shares_leg("buy", 200),))}


def test_a_position_that_holds_nothing_afterwards_is_closed():
    closed = replace(SPREAD, closed_contracts=2, closed_on=SPREAD.marked_on, exit_price=-0.8)
    late = settle(activity("OPASN", SOLD, 1), [], [closed])
    (reopened,) = late.positions
    assert reopened.closed_on is None
    (after,) = take_back(activity("OPASN", SOLD, 0), late.ended, [reopened]).positions
    assert (after.loose, after.exit_reason) == ((), "REVERSED")
    assert after.profit_usd == pytest.approx(closed.profit_usd)


def test_of_an_older_ledger_the_contracts_that_are_not_held_are_the_ended_ones():
    (assigned,) = settle(activity("OPASN", SOLD, 1), [SPREAD]).positions
    assert ended_of(activity("OPASN", SOLD, 0), [assigned]) == {"p": 1}
