"""What every strategy must hold; each member of `STRATEGIES` passes all of it."""

from datetime import date

import numpy as np
import pytest

from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.pricing import DAYS_A_YEAR, european_price
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.opening import open_spread
from options_platform.errors import PricingError
from options_platform.testing.synthetic_chains import synthetic_chain

DAY, NEAR, FAR = date(2024, 1, 2), date(2024, 1, 19), date(2024, 2, 16)
RULES = ChainRules()
SPOTS = np.linspace(1.0, 1200.0, 20_000)
EVERY = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def opened(strategy, rules=RULES, spot=400.0, index=0.2, **changes):
    chain = synthetic_chain(DAY, "SPY", spot, index, [NEAR, FAR], rules)
    chosen = {"delta": 0.3, "width": 10.0, "near_expiry": NEAR, "undefined_risk_allowed": True}
    return open_spread(strategy, chain, FAR, rules, **(chosen | changes))


@EVERY
def test_a_debit_costs_and_a_credit_pays(strategy):
    price = opened(strategy).net_price
    assert price > 0 if strategy.kind == "debit" else price < 0


@EVERY
def test_no_spot_loses_or_gains_more_than_the_bounds(strategy):
    spread = opened(strategy)
    profits = spread.profit(SPOTS)
    assert -spread.max_loss <= np.min(profits) + 1e-6
    assert np.max(profits) <= spread.max_profit + 0.05
    if spread.max_loss < np.inf:
        assert np.min(profits) == pytest.approx(-spread.max_loss, abs=0.05)
    if spread.max_profit < np.inf:
        assert np.max(profits) == pytest.approx(spread.max_profit, abs=0.05)


@EVERY
def test_risk_is_defined_or_takes_a_permission(strategy):
    assert strategy.defined_risk == (opened(strategy).max_loss < np.inf)
    if not strategy.defined_risk:
        with pytest.raises(PricingError, match="a strategy with wings"):
            opened(strategy, undefined_risk_allowed=False)


@EVERY
def test_profit_changes_its_sign_at_each_break_even(strategy):
    spread = opened(strategy)
    assert spread.break_evens
    for spot in spread.break_evens:
        around = spread.profit(np.array([spot - 0.3, spot, spot + 0.3]))
        assert around[0] * around[2] < 0
        assert abs(around[1]) < 0.02


@EVERY
def test_the_probability_of_profit_is_that_of_simulated_spots(strategy):
    flat = ChainRules(surface=SurfaceRules.flat())
    spread = opened(strategy, flat)
    years, vol = spread.years, 0.2
    random = np.random.default_rng(1).standard_normal(400_000)
    drift = (flat.risk_free_rate - flat.dividend_yield - vol**2 / 2) * years
    spots = spread.spot * np.exp(drift + vol * np.sqrt(years) * random)
    assert spread.probability_of_profit == pytest.approx(
        np.mean(spread.profit(spots) > 0), abs=0.004
    )


@EVERY
def test_greeks_are_slopes_of_the_spreads_value(strategy):
    spread = opened(strategy)

    def value(spot):
        return sum(
            leg.side
            * european_price(
                np.array(spot), np.array(leg.strike), np.array(leg.years), np.array(leg.iv),
                spread.rate, spread.dividend, np.array(leg.sign),
            )
            for leg in spread.legs
        )  # fmt: skip

    step = 0.01
    slope = (value(spread.spot + step) - value(spread.spot - step)) / (2 * step)
    assert spread.greeks.delta == pytest.approx(slope, abs=1e-6)
    # A backspread leans the other way near the spot: it gains from a large move.
    if len({leg.ratio for leg in strategy.legs}) == 1:
        assert spread.greeks.delta > 0 or strategy.bias != "bullish"
        assert spread.greeks.delta < 0 or strategy.bias != "bearish"


@EVERY
def test_margin_is_the_loss_where_it_has_a_bound(strategy):
    spread = opened(strategy)
    if strategy.defined_risk:
        assert spread.margin() == pytest.approx(spread.max_loss)
    else:
        assert 0.1 * spread.spot < spread.margin() < 0.35 * spread.spot


@EVERY
def test_what_is_paid_for_is_worth_it_without_an_edge(strategy):
    """On the flat surface the mean discounted payoff of simulated spots is the price."""
    rules = ChainRules(surface=SurfaceRules.flat(), width_scale=0.0)
    spread = opened(strategy, rules)
    years, vol = spread.years, 0.2
    random = np.random.default_rng(2).standard_normal(200_000)
    random = np.concatenate([random, -random])
    drift = (rules.risk_free_rate - rules.dividend_yield - vol**2 / 2) * years
    spots = spread.spot * np.exp(drift + vol * np.sqrt(years) * random)
    worth = np.exp(-rules.risk_free_rate * years) * spread.payoff(spots)
    error = np.std(worth) / np.sqrt(len(worth))
    # Quotes are whole cents.
    assert abs(np.mean(worth) - spread.net_price) < 4 * error + 0.01 * len(spread.legs)


def test_a_calendar_needs_a_nearer_expiry():
    with pytest.raises(PricingError, match="needs a near_expiry"):
        opened(STRATEGIES["calendar"], near_expiry=None)
    spread = opened(STRATEGIES["calendar"])
    assert {round(leg.years * DAYS_A_YEAR) for leg in spread.legs} == {17, 45}
