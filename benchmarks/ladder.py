"""Time of a ladder over 22 years and two tickers, plans and trades, and of fifty variants of it.

The rules are those of the rule set premium_ladder in an account with room for it, the market that
of `benchmarks.backtest`, predictions and votes random. The peer is the loop over options that a
backtest with QuantLib would make: it prices with greeks, one leg and session after the other, as
often as the ladder's own positions are marked, and does nothing else.
"""

from __future__ import annotations

import argparse
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.backtest import FIRST, bars_and_index
from benchmarks.pricing import quantlib_rates
from benchmarks.timed_backtests import timed, timed_grid
from options_platform.domain.backtest import BacktestMarket, make_market, run_backtest
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.choices import make_variants
from options_platform.domain.backtest_study.variants import Variant
from options_platform.domain.planning.conditions.votes import VOTE_FEATURES
from options_platform.domain.planning.plan import build_plans
from options_platform.settings import make_settings
from options_platform.testing.plan_inputs import plan_inputs

GOAL_SECONDS, GOAL_GRID_SECONDS, LEGS = 2.0, 60.0, 2
ROOM = {
    "max_positions": 24, "max_positions_per_ticker": 12, "max_ticker_risk_pct": 0.36,
    "max_expiry_risk_pct": 0.36, "max_group_risk_pct": 0.6, "max_total_risk_pct": 0.6,
}  # fmt: skip
GRID = list(product((0.05, 0.10, 0.15, 0.20, 0.25), (10.0, 15.0, 20.0, 25.0, 30.0), (2.0, 3.0)))


@cache
def data() -> tuple[pl.DataFrame, BacktestMarket]:
    """The inputs of the plans, with votes, and the market."""
    bars, vix = bars_and_index()
    late = pl.col("date") >= FIRST
    inputs = plan_inputs(bars, vix).filter(late)
    drawn = np.random.default_rng(4).uniform(0.0, 1.4, (7, inputs.height))
    votes = [pl.Series(n, v) for n, v in zip(VOTE_FEATURES[:7], drawn, strict=True)]
    return inputs.with_columns(votes), make_market(bars.filter(late), vix.filter(late))


def ladder(*changes: str) -> Variant:
    """The rule set's rules with these changes."""
    settings = make_settings({"rule_set": "premium_ladder", "risk": ROOM, "home": Path("unused")})
    return make_variants(changes, settings.plan, settings.backtest_rules)[0][0]


def run(variant: Variant) -> BacktestResult:
    """Plans and trades of a variant."""
    inputs, market = data()
    return run_backtest(*build_plans(inputs, variant.plan), market, variant.rules)


def end_of(index: int) -> float:
    """Final equity of one variant of the grid, in USD."""
    delta, width, stop = GRID[index]
    varied = ladder(
        f"plan.strikes.short_delta={delta}", f"plan.strikes.width_usd={width}",
        f"exits.credit_stop={stop}",
    )  # fmt: skip
    return float(run(varied).equity["equity_usd"][-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    variant = ladder()
    data()
    run(variant)
    result, cpu = timed("one ladder", lambda: run(variant), GOAL_SECONDS)
    marks = LEGS * result.marks.height
    peer = marks / quantlib_rates(5_000)[0]
    print(f"QuantLib's loop prices the {marks} legs of its marks in {peer:.2f} CPU s: "
          f"{peer / cpu:.1f} times the whole backtest")  # fmt: skip
    timed_grid(end_of, len(GRID), options.workers, GOAL_GRID_SECONDS)


if __name__ == "__main__":
    main()
