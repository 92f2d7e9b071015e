"""What every strategy must hold; each member of `STRATEGIES` passes all of it."""

from datetime import date

import numpy as np
import pytest

from options_platform.domain.chain import ChainRules, SurfaceRules, synthetic_chain
from options_platform.domain.pricing import DAYS_A_YEAR, european_price
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Leg, Strategy
from options_platform.domain.strategies.opening import open_spread
from options_platform.domain.strategies.spread import Spread, SpreadLeg
from options_platform.errors import PricingError

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
        with pytest.raises(PricingError, match="iron_butterfly or iron_condor"):
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
    if strategy.bias == "bullish":
        assert spread.greeks.delta > 0
    if strategy.bias == "bearish":
        assert spread.greeks.delta < 0


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


def one(*legs):
    made = tuple(SpreadLeg(side, sign, k, 0.1, 0.2, m, m, m) for side, sign, k, m in legs)
    return Spread("hand", 100.0, made, 0.0, 0.0)


def test_a_bull_call_spread_worked_by_hand():
    # Buy the 100 call at 3, sell the 105 call at 1: debit 2, at most 3 to gain, even at 102.
    spread = one((1, 1, 100.0, 3.0), (-1, 1, 105.0, 1.0))
    assert (spread.net_price, spread.max_loss, spread.max_profit) == (2.0, 2.0, 3.0)
    assert spread.break_evens == pytest.approx((102.0,))
    assert spread.margin() == 2.0


def test_an_iron_condor_worked_by_hand():
    # Wings of 5 and 10, credit 1.5: at most 8.5 to lose.
    spread = one((-1, -1, 95.0, 1.5), (1, -1, 90.0, 0.5), (-1, 1, 105.0, 1.0), (1, 1, 115.0, 0.5))
    assert spread.net_price == pytest.approx(-1.5)
    assert spread.max_loss == pytest.approx(8.5)
    assert spread.break_evens == pytest.approx((93.5, 106.5))


def test_naked_margin_worked_by_hand():
    # Cboe's margin manual: a short 95 put at 2 with the spot at 100: 2 + max(20 - 5, 9.5) = 17.
    assert one((-1, -1, 95.0, 2.0)).max_loss == pytest.approx(93.0)  # a share can fall to zero
    # Short strangle: the call takes 20 - 10 = 10, the put 15; the dearer one and both premiums.
    assert one((-1, -1, 95.0, 2.0), (-1, 1, 110.0, 1.0)).margin() == pytest.approx(18.0)


def test_a_strategy_that_sells_its_debit_is_refused():
    with pytest.raises(ValueError, match="must buy its anchors"):
        Strategy("odd", "debit", "bullish", (Leg("sell", "put", "anchor"),))


def test_a_calendar_needs_a_nearer_expiry():
    with pytest.raises(PricingError, match="needs a near_expiry"):
        opened(STRATEGIES["calendar"], near_expiry=None)
    spread = opened(STRATEGIES["calendar"])
    assert {round(leg.years * DAYS_A_YEAR) for leg in spread.legs} == {17, 45}
