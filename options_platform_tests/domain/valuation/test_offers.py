"""The prices an exit may be offered at: tight quotes rule, wide ones give way to the model."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.valuation import Band, Offers, Quoted, ValuationRules, offers
from options_platform_tests.domain.trading.orders.test_bounds import leg

RULES = ValuationRules()
# What closes a credit spread 5 wide: it costs between 0 and 5.
CLOSING = [leg("+C100"), leg("-C105")]


def wide(mid, low=0.0, high=5.0):
    return Quoted(mid, Band(low, high), is_wide=True)


def test_tight_quotes_rule_whatever_the_model_says():
    found = offers(CLOSING, Quoted(4.0, Band(3.8, 4.2), is_wide=False), Band(1.0, 1.2), RULES)
    assert found == Offers(4.0, 4.2, math.inf)


@pytest.mark.parametrize(
    ("by_quotes", "by_model", "first", "at_once", "worst"),
    [
        # 0/12 and 0/3: 4.50 by the mids, which is never offered.
        (wide(4.5), Band(1.0, 1.2), 1.2, 1.7, 1.7),
        # What is asked for less is taken.
        (wide(0.5, 0.0, 1.1), Band(1.0, 1.2), 1.1, 1.1, 1.7),
        # Nobody sells below 1.50, and 1.70 is allowed.
        (wide(2.5, 1.5, 3.5), Band(1.0, 1.2), 1.5, 1.7, 1.7),
        # Quotes that lie beyond what the model allows do not move it.
        (wide(4.0, 3.0, 5.0), Band(1.0, 1.2), 1.7, 1.7, 1.7),
        (None, Band(1.0, 1.2), 1.2, 1.7, 1.7),
    ],
)
def test_offers_by_wide_quotes_worked_by_hand(by_quotes, by_model, first, at_once, worst):
    found = offers(CLOSING, by_quotes, by_model, RULES)
    assert (found.first, found.at_once, found.worst) == pytest.approx((first, at_once, worst))


def test_nothing_is_offered_by_wide_quotes_alone():
    assert offers(CLOSING, wide(4.5), None, RULES) is None
    assert offers(CLOSING, None, None, RULES) is None


def test_what_has_no_width_may_differ_from_the_model_by_a_tenth_of_its_value():
    found = offers([leg("+C100")], wide(20.0, 0.0, 40.0), Band(7.0, 8.0), RULES)
    assert (found.first, found.at_once, found.worst) == pytest.approx((8.0, 8.8, 8.8))


@given(st.lists(st.floats(0, 5), min_size=2, max_size=2), st.floats(0, 5))
def test_no_offer_by_wide_quotes_is_worse_than_the_model_allows(ends, model):
    low, high = sorted(ends)
    found = offers(CLOSING, wide((low + high) / 2, low, high), Band(model, model), RULES)
    assert found.first <= found.at_once <= found.worst == pytest.approx(model + 0.5)


@pytest.mark.parametrize(
    ("low", "high", "at_once"),
    [(40.0, 50.0, 50.0), (20.0, 50.0, 20.0), (0.05, 90.0, 8.8)],
    ids=["a market", "its bid alone", "nothing"],
)
def test_what_is_bought_back_alone_is_worth_its_bid_and_its_ask_if_that_is_near(low, high, at_once):
    found = offers([leg("+C100")], wide((low + high) / 2, low, high), Band(7.0, 8.0), RULES)
    assert found.at_once == pytest.approx(at_once)


def test_without_a_model_a_market_for_what_is_bought_back_alone_is_met_and_not_passed():
    assert offers([leg("+C100")], wide(45.0, 40.0, 50.0), None, RULES) == Offers(50.0, 50.0, 50.0)
    assert offers([leg("+C100")], wide(45.0, 0.05, 90.0), None, RULES) is None


def test_what_is_sold_alone_is_never_offered_below_the_model_by_more_than_a_tenth():
    sold = wide(-45.0, -90.0, -0.01)
    found = offers([leg("-P590")], sold, Band(-10.0, -9.0), RULES)
    assert (found.first, found.worst) == pytest.approx((-9.0, -8.1))
    unquoted = offers([leg("-P590")], None, Band(-10.0, -9.0), RULES)
    assert unquoted.at_once == pytest.approx(-8.1)
