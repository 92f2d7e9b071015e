"""When the holder of a sold contract exercises it before it expires."""

import math
from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.trading.early_assignment import AssignmentRules, exercise_terms
from options_platform.domain.trading.fill_prices import AT_MID, MarketClose, leg_prices
from options_platform.domain.trading.orders import OrderLeg

SESSION, EXPIRY = date(2024, 1, 3), date(2024, 2, 2)
CLOSE = MarketClose(100.0, 0.2, ticker="SPY")
# Without a spread quotes are a tick wide.
CHAIN = ChainRules(surface=SurfaceRules.flat(), width_scale=0.0)
TICK, RULES = 0.01, AssignmentRules()


def terms(right, strike, close=CLOSE, rules=RULES):
    leg = OrderLeg("sell", right, strike, EXPIRY)
    (found,) = exercise_terms([leg], SESSION, close, CHAIN, rules)
    return found


@pytest.mark.parametrize("strike", [80.0, 90.0, 97.0])
def test_a_dividend_has_to_beat_the_put_that_parity_gives(strike):
    call = OrderLeg("sell", "call", strike, EXPIRY)
    (mid,) = leg_prices([call], SESSION, CLOSE, CHAIN, AT_MID)
    years = 30 / 365
    forward = 100.0 * math.exp(-CHAIN.dividend_yield * years)
    put = mid - forward + strike * math.exp(-CHAIN.risk_free_rate * years)
    found = terms("call", strike)
    assert found.least_dividend_usd == pytest.approx(put, abs=2 * TICK)
    assert found.is_exercised(found.least_dividend_usd + TICK)
    assert found.is_exercised(found.least_dividend_usd) is found.is_deep


@pytest.mark.parametrize(("right", "strike"), [("call", 101.0), ("put", 99.0), ("put", 103.0)])
def test_no_dividend_makes_a_put_or_a_call_out_of_the_money_worth_exercising(right, strike):
    assert not terms(right, strike).is_exercised(1e9)


def test_what_has_no_time_value_is_exercised_without_a_dividend():
    assert terms("put", 160.0).is_exercised(0.0)
    assert not terms("put", 103.0).is_exercised(0.0)
    # The rules say how deep that is.
    assert not terms("put", 160.0, rules=AssignmentRules(min_delta=2.0)).is_exercised(0.0)


@pytest.mark.parametrize(
    ("close", "rules"),
    [
        (replace(CLOSE, ticker="SPX"), AssignmentRules()),
        (CLOSE, AssignmentRules(enabled=False)),
    ],
)
def test_options_on_an_index_are_never_exercised_early_nor_any_where_the_rule_is_off(close, rules):
    for right, strike in (("put", 160.0), ("call", 60.0)):
        assert not terms(right, strike, close, rules).is_exercised(1e9)
