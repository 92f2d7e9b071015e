"""Limit prices of an exit: tight quotes decide, with wide quotes the model does."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.valuation import Band, Offers, Quoted, ValuationRules, offers
from options_platform_tests.domain.trading.orders.test_bounds import leg

RULES = ValuationRules()
# Legs that close a credit spread 5 wide; closing costs between 0 and 5.
CLOSING = [leg("+C100"), leg("-C105")]


def wide(mid, low=0.0, high=5.0):
    return Quoted(mid, Band(low, high), is_wide=True)


def test_tight_quotes_override_the_model():
    prices = offers(CLOSING, Quoted(4.0, Band(3.8, 4.2), is_wide=False), Band(1.0, 1.2), RULES)
    assert prices == Offers(4.0, 4.2, math.inf)


@pytest.mark.parametrize(
    ("by_quotes", "by_model", "first", "at_once", "worst"),
    [
        # Quotes 0/12 and 0/3: the mids give 4.50, which is never offered.
        (wide(4.5), Band(1.0, 1.2), 1.2, 1.7, 1.7),
        # An ask below the model value is taken.
        (wide(0.5, 0.0, 1.1), Band(1.0, 1.2), 1.1, 1.1, 1.7),
        # The market sells at 1.50 or more, and up to 1.70 is allowed.
        (wide(2.5, 1.5, 3.5), Band(1.0, 1.2), 1.5, 1.7, 1.7),
        # Quotes beyond the model tolerance do not change the offer.
        (wide(4.0, 3.0, 5.0), Band(1.0, 1.2), 1.7, 1.7, 1.7),
        (None, Band(1.0, 1.2), 1.2, 1.7, 1.7),
    ],
)
def test_offers_by_wide_quotes_worked_by_hand(by_quotes, by_model, first, at_once, worst):
    prices = offers(CLOSING, by_quotes, by_model, RULES)
    assert (prices.first, prices.at_once, prices.worst) == pytest.approx((first, at_once, worst))


def test_wide_quotes_without_a_model_give_no_offer():
    assert offers(CLOSING, wide(4.5), None, RULES) is None
    assert offers(CLOSING, None, None, RULES) is None


def test_a_single_leg_may_be_offered_a_tenth_beyond_its_model_value():
    prices = offers([leg("+C100")], wide(20.0, 0.0, 40.0), Band(7.0, 8.0), RULES)
    assert (prices.first, prices.at_once, prices.worst) == pytest.approx((8.0, 8.8, 8.8))


@given(st.lists(st.floats(0, 5), min_size=2, max_size=2), st.floats(0, 5))
def test_no_offer_on_wide_quotes_is_beyond_the_model_tolerance(ends, model):
    low, high = sorted(ends)
    prices = offers(CLOSING, wide((low + high) / 2, low, high), Band(model, model), RULES)
    assert prices.first <= prices.at_once <= prices.worst == pytest.approx(model + 0.5)


@pytest.mark.parametrize(
    ("low", "high", "at_once"),
    [(40.0, 50.0, 50.0), (20.0, 50.0, 20.0), (0.05, 90.0, 8.8)],
    ids=["a market", "its bid alone", "nothing"],
)
def test_a_short_leg_is_bought_back_at_its_bid_or_at_its_ask_if_that_is_near(low, high, at_once):
    prices = offers([leg("+C100")], wide((low + high) / 2, low, high), Band(7.0, 8.0), RULES)
    assert prices.at_once == pytest.approx(at_once)


def test_without_a_model_a_short_leg_is_bought_back_at_its_ask_at_most():
    assert offers([leg("+C100")], wide(45.0, 40.0, 50.0), None, RULES) == Offers(50.0, 50.0, 50.0)
    assert offers([leg("+C100")], wide(45.0, 0.05, 90.0), None, RULES) is None


def test_a_long_leg_is_never_offered_more_than_a_tenth_below_the_model():
    sold = wide(-45.0, -90.0, -0.01)
    prices = offers([leg("-P590")], sold, Band(-10.0, -9.0), RULES)
    assert (prices.first, prices.worst) == pytest.approx((-9.0, -8.1))
    unquoted = offers([leg("-P590")], None, Band(-10.0, -9.0), RULES)
    assert unquoted.at_once == pytest.approx(-8.1)
