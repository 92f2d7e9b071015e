"""What every strategy must hold, whatever its shape."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

import numpy as np
import pytest

from options_platform.common import Floats
from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.pricing import european_price
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.strategies.base import Strategy
from options_platform.domain.strategies.opening import open_spread
from options_platform.domain.strategies.spread import Spread
from options_platform.errors import PricingError
from options_platform.testing.plan_rows import random_rows
from options_platform.testing.synthetic_chains import synthetic_chain

DAY, NEAR, FAR = date(2024, 1, 2), date(2024, 1, 19), date(2024, 2, 16)
RULES = ChainRules()
SPOTS = np.linspace(1.0, 1200.0, 20_000)


class StrategyContract:
    """Derive a test class from it that names the `strategy`."""

    strategy: ClassVar[Strategy]

    def opened(self, rules: ChainRules = RULES, **changes: Any) -> Spread:
        """The strategy on a synthetic chain of SPY at 400, its anchor at a delta of 0.3."""
        chain = synthetic_chain(DAY, "SPY", 400.0, 0.2, [NEAR, FAR], rules)
        chosen: dict[str, Any] = {"delta": 0.3, "width": 10.0, "near_expiry": NEAR}
        chosen |= {"undefined_risk_allowed": True, **changes}
        return open_spread(self.strategy, chain, FAR, rules, **chosen)

    def test_it_is_found_by_its_entry_point(self) -> None:
        assert STRATEGIES.get(self.strategy.name) == self.strategy

    def test_a_debit_costs_and_a_credit_pays(self) -> None:
        price = self.opened().net_price
        assert price > 0 if self.strategy.kind == "debit" else price < 0

    def test_no_spot_loses_or_gains_more_than_the_bounds(self) -> None:
        spread = self.opened()
        profits = spread.profit(SPOTS)
        assert -spread.max_loss <= np.min(profits) + 1e-6
        assert np.max(profits) <= spread.max_profit + 0.05
        if spread.max_loss < np.inf:
            assert np.min(profits) == pytest.approx(-spread.max_loss, abs=0.05)
        if spread.max_profit < np.inf:
            assert np.max(profits) == pytest.approx(spread.max_profit, abs=0.05)

    def test_risk_is_defined_or_takes_a_permission(self) -> None:
        assert self.strategy.defined_risk == (self.opened().max_loss < np.inf)
        if not self.strategy.defined_risk:
            with pytest.raises(PricingError, match="a strategy with wings"):
                self.opened(undefined_risk_allowed=False)

    def test_profit_changes_its_sign_at_each_break_even(self) -> None:
        spread = self.opened()
        assert spread.break_evens
        for spot in spread.break_evens:
            around = spread.profit(np.array([spot - 0.3, spot, spot + 0.3]))
            assert around[0] * around[2] < 0
            assert abs(around[1]) < 0.02

    def test_the_probability_of_profit_is_that_of_simulated_spots(self) -> None:
        flat = ChainRules(surface=SurfaceRules.flat())
        spread = self.opened(flat)
        won = np.mean(spread.profit(_spots(spread, flat, 400_000)) > 0)
        assert spread.probability_of_profit == pytest.approx(won, abs=0.004)

    def test_what_is_paid_for_is_worth_it_without_an_edge(self) -> None:
        """On the flat surface the mean discounted payoff of simulated spots is the price."""
        rules = ChainRules(surface=SurfaceRules.flat(), width_scale=0.0)
        spread = self.opened(rules)
        paid = spread.payoff(_spots(spread, rules, 400_000))
        worth = np.exp(-rules.risk_free_rate * spread.years) * paid
        error = np.std(worth) / np.sqrt(len(worth))
        # Quotes are whole cents.
        assert abs(np.mean(worth) - spread.net_price) < 4 * error + 0.01 * len(spread.legs)

    def test_greeks_are_slopes_of_the_spreads_value(self) -> None:
        spread = self.opened()
        step = 0.01
        slope = (_value(spread, spread.spot + step) - _value(spread, spread.spot - step)) / step / 2
        assert spread.greeks.delta == pytest.approx(slope, abs=1e-6)
        # A backspread leans the other way near the spot: it gains from a large move.
        if len({leg.ratio for leg in self.strategy.legs}) == 1:
            assert spread.greeks.delta > 0 or self.strategy.bias != "bullish"
            assert spread.greeks.delta < 0 or self.strategy.bias != "bearish"

    def test_it_is_planned_with_its_legs_and_a_known_maximum_loss(self) -> None:
        rules = PlanRules(
            selection=SelectionRules(strategy=self.strategy.name), allow_undefined_risk=True
        )
        plans, legs = build_plans(random_rows(120), rules)
        traded = plans.filter(plans["decision"] == "trade")
        assert traded.height > 0, f"never traded: {plans['reasons'].explode().unique().to_list()}"
        assert (traded["strategy"] == self.strategy.name).all()
        assert (traded["max_loss_usd"] > 0).all()
        of_trade = legs.filter(legs["plan_id"] == traded["plan_id"][0]).sort("leg")
        assert of_trade["side"].to_list() == [leg.side for leg in self.strategy.legs]
        assert of_trade["right"].to_list() == [leg.right for leg in self.strategy.legs]


def _spots(spread: Spread, rules: ChainRules, count: int) -> Floats:
    """Lognormal spots at the first expiry, in pairs of a draw and its opposite."""
    years, vol = spread.years, 0.2
    half = np.random.default_rng(1).standard_normal(count // 2)
    random = np.concatenate([half, -half])
    drift = (rules.risk_free_rate - rules.dividend_yield - vol**2 / 2) * years
    return np.asarray(spread.spot * np.exp(drift + vol * np.sqrt(years) * random))


def _value(spread: Spread, spot: float) -> float:
    return sum(
        leg.side
        * float(
            european_price(
                np.array(spot), np.array(leg.strike), np.array(leg.years), np.array(leg.iv),
                spread.rate, spread.dividend, np.array(leg.sign),
            )
        )
        for leg in spread.legs
    )  # fmt: skip
