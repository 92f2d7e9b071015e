"""Every baseline of a report, listed once, run through the same engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from options_platform.domain.backtest.baselines import (
    Frames,
    always,
    buy_and_hold,
    oracle,
    put_write,
    random_direction,
    shuffled_signal,
)
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.plan import PlanRules
from options_platform.domain.risk import RiskRules

# A cash-secured put stakes the account on one position, which the limits are there to prevent.
WHOLE_ACCOUNT = replace(RiskRules.unlimited(), max_positions=2)


@dataclass(frozen=True)
class Comparison:
    """What baselines start from; `inputs` are the plan's, predictions included."""

    inputs: pl.DataFrame
    market: BacktestMarket
    plan: PlanRules
    rules: BacktestRules
    seed: int = 0

    def run(self, planned: Frames, rules: BacktestRules | None = None) -> BacktestResult:
        """Planned trades through the engine, under the comparison's own rules by default."""
        return run_backtest(*planned, self.market, rules or self.rules)


def _always(strategy: str) -> Callable[[Comparison], BacktestResult]:
    return lambda own: own.run(always(own.inputs, strategy, own.plan))


def _put_write(own: Comparison) -> BacktestResult:
    rules = replace(own.rules, exits=None, risk=WHOLE_ACCOUNT, buying_power=False)
    return own.run(put_write(own.inputs, own.plan, own.market.tickers[0]), rules)


BASELINES: dict[str, Callable[[Comparison], BacktestResult]] = {
    "always_bull_put": _always("bull_put_spread"),
    "always_iron_condor": _always("iron_condor"),
    "put_write": _put_write,
    "random_direction": lambda own: own.run(random_direction(own.inputs, own.plan, own.seed)),
    "shuffled_signal": lambda own: own.run(shuffled_signal(own.inputs, own.plan, own.seed)),
    "oracle_direction": lambda own: own.run(oracle(own.inputs, own.plan)),
}
"""By name; `put_write` is of the market's first ticker."""


def equity_curves(
    comparison: Comparison, result: BacktestResult, baselines: dict[str, BacktestResult]
) -> pl.DataFrame:
    """session, then the equity in USD of `model`, of each baseline and of buy and hold."""
    start = comparison.rules.start_usd
    held = {
        f"hold_{ticker}": buy_and_hold(comparison.market, ticker, start)
        for ticker in comparison.market.tickers
    }
    return pl.DataFrame(
        {
            "session": comparison.market.sessions,
            "model": result.equity["equity_usd"],
            **{name: own.equity["equity_usd"] for name, own in baselines.items()},
            **held,
        }
    )
