"""What spreads can be worth at most and at least, and that no closing order leaves it."""

import itertools
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.pricing import CALL, PUT, intrinsic_value
from options_platform.domain.trading.orders import (
    LadderRules,
    OrderLeg,
    bounds_of,
    closing,
    ladder,
    possible_value,
    shares_leg,
)
from options_platform.domain.trading.orders.bounds import Bounds

EXPIRY = date(2024, 2, 2)
INF = math.inf


def leg(text, expiry=EXPIRY):
    """`+C100` is a bought call, `-2P95` two sold puts."""
    right = "call" if "C" in text else "put"
    ratio, strike = text[1:].replace("P", "C").split("C")
    side = "buy" if text[0] == "+" else "sell"
    return OrderLeg(side, right, float(strike), expiry, int(ratio or 1))


@pytest.mark.parametrize(
    ("legs", "low", "high"),
    [
        ("+C100 -C105", 0, 5),
        ("-C100 +C105", -5, 0),
        ("+P95 -P100", -5, 0),
        ("+P90 -P95 -C105 +C110", -5, 0),
        ("-P95 +P90 -C100 +C110", -10, 0),
        ("+P100 -P100", 0, 0),
        ("-C105", -INF, 0),
        ("+C105", 0, INF),
        ("+P95", 0, 95),
        ("-P95 -C105", -INF, 0),
        ("+P100 +C100", 0, INF),
        ("+2C100 -2C105", 0, 10),
        ("+C100 -2C105", -INF, 5),
    ],
)
def test_bounds_worked_by_hand(legs, low, high):
    found = bounds_of([leg(text) for text in legs.split()])
    assert (found.low, found.high) == (low, high)


LATER = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("legs", "low", "high"),
    [
        (("+C100", "-C100"), 0, INF),
        (("-C100", "+C100"), -INF, 0),
        (("+P100", "-P105"), -5, INF),
        (("-P100", "+C100"), -INF, INF),
        (("+C100", "-2C100"), -INF, INF),
    ],
)
def test_a_contract_that_lives_longer_is_worth_no_less(legs, low, high):
    """The first leg expires a month after the second."""
    later, sooner = legs
    found = bounds_of([leg(later, LATER), leg(sooner)])
    assert (found.low, found.high) == (low, high)


def test_a_value_is_possible_to_within_two_cents_a_leg():
    legs = [leg("-C100"), leg("+C105")]
    assert possible_value(-3.0, legs) == -3.0
    assert possible_value(-5.04, legs) == -5.0
    assert possible_value(0.04, legs) == 0.0
    assert possible_value(-5.05, legs) is None
    assert possible_value(-9.5, legs) is None
    assert possible_value(-9.5, [leg("-C100")]) == -9.5
    # Quotes that are apart leave it open by a tenth of the width at most.
    assert possible_value(-5.15, legs, doubt_usd=0.45) == -5.0
    assert possible_value(-5.15, legs, doubt_usd=0.1) is None
    assert possible_value(-9.5, legs, doubt_usd=10.0) is None


LEGS = st.lists(
    st.builds(
        OrderLeg,
        side=st.sampled_from(["buy", "sell"]),
        right=st.sampled_from(["call", "put"]),
        strike=st.integers(1, 400).map(lambda half: half / 2),
        expiry=st.just(EXPIRY),
        ratio=st.integers(1, 3),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


@given(LEGS, st.floats(0, 1e4))
def test_no_spot_at_expiry_pays_what_is_out_of_bounds(legs, spot):
    signs = [CALL if one.right == "call" else PUT for one in legs]
    strikes = np.array([one.strike for one in legs])
    paid = intrinsic_value(np.array(spot), strikes, np.array(signs))
    value = float(sum(one.signed_ratio * each for one, each in zip(legs, paid, strict=True)))
    assert bounds_of(legs).low - 1e-6 <= value <= bounds_of(legs).high + 1e-6
    opposite = bounds_of(closing(legs))
    assert (opposite.low, opposite.high) == (-bounds_of(legs).high, -bounds_of(legs).low)


@given(
    LEGS,
    st.integers(-30_000, 30_000).map(lambda cents: cents / 100),
    st.integers(1, 9),
    st.floats(0, 0.99),
    st.floats(0, 5),
)
def test_a_closing_ladder_rises_and_stays_within_the_bounds(legs, fair, rungs, share, usd):
    rules = LadderRules(rungs=rungs, exit_concession=share, exit_concession_usd=usd)
    prices, bounds = rules.prices("SPY", "exit", fair, legs), bounds_of(legs)
    assert 1 <= len(prices) <= rungs
    assert all(later > earlier for earlier, later in itertools.pairwise(prices))
    assert all(bounds.low - 1e-9 <= price <= bounds.high + 1e-9 for price in prices)
    give = max(share * abs(fair), usd)
    if bounds.low <= fair and fair + give < bounds.high and (fair > 0 or fair + give < 0):
        # Where the bounds are far off, they change nothing.
        assert prices == ladder(fair, give, rungs, keep_sign=False)


@given(
    LEGS.filter(lambda legs: bounds_of(legs).low < 0),
    st.integers(-30_000, 0).map(lambda cents: cents / 100),
    st.integers(1, 9),
    st.floats(0, 5),
)
def test_no_rung_gives_away_what_brings_money(legs, fair, rungs, usd):
    rules = LadderRules(rungs=rungs, exit_concession_usd=usd)
    if bounds_of(legs).high <= 0 or fair < 0:
        assert rules.prices("SPY", "exit", fair, legs)[-1] <= -0.01


@pytest.mark.parametrize("fair", [-0.003, 0.0, 0.04, 3.0])
@pytest.mark.parametrize("legs", ["-C100 +C105", "-C100", "+P95 -P100"])
def test_a_worthless_debit_position_asks_a_cent_on_every_rung(legs, fair):
    """Whatever the quotes say, its closing legs cost nothing at the most."""
    assert LadderRules().prices("SPY", "exit", fair, [leg(text) for text in legs.split()]) == [
        -0.01
    ]


def test_a_worthless_calendar_asks_a_cent_too_and_a_credit_spread_is_bought_back_for_nothing():
    calendar = (leg("-C100", LATER), leg("+C100"))
    assert LadderRules().prices("SPY", "exit", 0.02, calendar) == [-0.01]
    credit = (leg("+C100"), leg("-C105"))
    assert LadderRules(rungs=2).prices("SPY", "exit", -0.02, credit) == [0.0, 0.1]


def test_shares_are_worth_between_nothing_and_no_bound():
    assert bounds_of([shares_leg("buy", 50)]) == Bounds(0.0, INF)
    assert bounds_of([shares_leg("sell")]) == Bounds(-INF, 0.0)
    # Fifty of the hundred shares that a put is for: at 0 it pays 95 a share, and they nothing.
    covered = bounds_of([leg("+P95"), shares_leg("buy", 50)])
    assert (covered.low, covered.high) == (47.5, INF)
