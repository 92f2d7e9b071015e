"""An impossible last price, and one that needs a second look."""

import pytest

from options_platform.domain.valuation import ValuationRules, is_contradicted, is_far
from options_platform_tests.domain.trading.orders.test_bounds import leg

PUT, CALL = leg("+P585"), leg("+C585")


@pytest.mark.parametrize(
    ("spot", "quotes"),
    [
        (60.0, {PUT: (6.0, 6.2)}),
        (60.0, {PUT: (0.0, 12.0)}),
        (900.0, {CALL: (20.0, 25.0)}),
        (6.0, {CALL: (20.0, 600.0)}),
    ],
)
def test_quotes_that_would_be_an_arbitrage_contradict_the_price(spot, quotes):
    assert is_contradicted(spot, quotes)


@pytest.mark.parametrize(
    ("spot", "quotes"),
    [
        (560.0, {PUT: (24.5, 24.9)}),
        (600.0, {PUT: (0.0, 12.0), CALL: (15.0, 40.0)}),
        (60.0, {}),
    ],
)
def test_quotes_do_not_contradict_a_plausible_price(spot, quotes):
    assert not is_contradicted(spot, quotes)


def test_a_price_more_than_a_tenth_from_the_close_is_far():
    rules = ValuationRules()
    assert is_far(440.0, 600.0, rules)
    assert is_far(6000.0, 600.0, rules)
    assert not is_far(550.0, 600.0, rules)
    assert not is_far(60.0, None, rules)
