"""The list of baselines in a report, all run through the same engine as the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.baselines import (
    Frames,
    always,
    oracle,
    put_write,
    random_direction,
    shuffled_signal,
    without_neutral,
)
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.sizing import SizingRules

# A cash-secured put commits the whole account to one position, which the limits would refuse.
WHOLE_ACCOUNT = replace(RiskRules.unlimited(), max_positions=2)
# Its contracts are those that the cash of the day buys, so that the account cannot fall below zero.
# A put is also sold on a session without a regime.
CASH = SizingRules(
    risk_pct=1.0,
    max_contracts=10**9,
    regime_multiplier={**dict.fromkeys(REGIMES, 1.0), None: 1.0},  # type: ignore[dict-item]
)


@dataclass(frozen=True)
class BaselineComparison:
    """Inputs of the baselines; `inputs` are the planning inputs, predictions included."""

    inputs: pl.DataFrame
    market: BacktestMarket
    plan: PlanRules
    rules: BacktestRules

    @property
    def chain_of(self) -> ChainOf | None:
        """Gives plans the stored chains; None if there are none, or they are not used."""
        return self.market.chain_of(self.rules.chains)


@dataclass(frozen=True)
class Baseline:
    """How a baseline makes its plans, and the rules by which they are traded.

    If `drawn`, the plans depend on a random seed; other baselines ignore the seed.
    """

    planned: Callable[[BaselineComparison, int], Frames]
    traded_by: Callable[[BacktestRules], BacktestRules] = lambda rules: rules
    drawn: bool = False

    @property
    def holds_to_expiry(self) -> bool:
        """Whether the baseline itself holds positions to expiry, whatever the rules say."""
        return self.traded_by(BacktestRules()).holds_to_expiry

    def run(
        self, comparison: BaselineComparison, fills: Sequence[str] = (), seed: int = 0
    ) -> dict[str, BacktestResult]:
        """The result under each of the fill models; by default the configured one.

        Of its refusals those are left out that an account without room for more makes.
        """
        plans = self.planned(comparison, seed)
        rules = self.traded_by(comparison.rules)
        return {
            fill: run_backtest(
                *plans,
                comparison.market,
                replace(rules, fills=replace(rules.fills, model=fill)),
                every_refusal=False,
            )
            for fill in fills or (rules.fills.model,)
        }


def _always(strategy: str) -> Baseline:
    return Baseline(
        lambda comparison, _: always(
            comparison.inputs, strategy, comparison.plan, comparison.chain_of
        )
    )


def _cash_secured(rules: BacktestRules) -> BacktestRules:
    account_usd = rules.start_usd if rules.sizing is None else rules.sizing.account_value_usd
    cash = replace(CASH, account_value_usd=account_usd)
    return replace(rules, exits=None, risk=WHOLE_ACCOUNT, sizing=cash, buying_power=False)


BASELINES: dict[str, Baseline] = {
    "always_bull_put": _always("bull_put_spread"),
    "always_iron_condor": _always("iron_condor"),
    "put_write": Baseline(
        lambda comparison, _: put_write(
            comparison.inputs, comparison.plan, comparison.market.tickers[0]
        ),
        _cash_secured,
    ),
    "without_neutral": Baseline(
        lambda comparison, _: without_neutral(
            comparison.inputs, comparison.plan, comparison.chain_of
        )
    ),
    "random_direction": Baseline(
        lambda comparison, seed: random_direction(
            comparison.inputs, comparison.plan, seed, comparison.chain_of
        ),
        drawn=True,
    ),
    "shuffled_signal": Baseline(
        lambda comparison, seed: shuffled_signal(
            comparison.inputs, comparison.plan, seed, comparison.chain_of
        ),
        drawn=True,
    ),
    "oracle_direction": Baseline(
        lambda comparison, _: oracle(comparison.inputs, comparison.plan, comparison.chain_of)
    ),
}
"""Baselines by name; `put_write` trades the market's first ticker."""
