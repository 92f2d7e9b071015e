"""Rule sets side by side: the same sessions and capital, and what each of them depends on.

Each set is run as it is set, under every fill model, at lower implied volatilities, and under the
other policy of expiry. Its interval comes from blocks of sessions that are longer than a trade,
the same blocks for all sets, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts.backtest import FILL_MODEL_NAMES
from options_platform.contracts.rule_sets import AS_SET, HELD, LEFT
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.sources import real_share
from options_platform.domain.backtest_study.price_risk import (
    AS_MEASURED,
    SCENARIOS,
    under_scenario,
)
from options_platform.domain.backtest_study.scorecard import (
    MODEL,
    Curve,
    excess_returns,
    scorecard,
)
from options_platform.domain.backtest_study.variants import Variant, run_variants, vary
from options_platform.domain.statistics.curve import SESSIONS_A_YEAR
from options_platform.domain.statistics.overfitting import deflated_best

BLOCK_SESSIONS = 63
"""Sessions a bootstrap block: a spread of 60 days is held for up to 42."""

SHOWN = ("cagr", "volatility_annual", "max_drawdown", "equity_usd", "trades", "win_rate",
         "win_rate_low", "win_rate_high", "profit_factor", "profit_factor_low",
         "profit_factor_high", "expectancy_usd", "average_days_held", "exposure")  # fmt: skip


@dataclass(frozen=True)
class SetResult:
    """What a rule set did: its variant, named as the set, and the result of each case."""

    variant: Variant
    cases: dict[str, BacktestResult]

    @property
    def equity(self) -> Floats:
        """Equity as it is set at each session, USD."""
        return equity_of(self.cases[AS_SET])


def equity_of(result: BacktestResult) -> Floats:
    """Equity at each session, USD."""
    return np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)


def cases_of(variant: Variant) -> dict[str, Variant]:
    """What a set is run as, by case; the cases that share their plans follow each other."""
    plan, rules = variant.plan, variant.rules
    changes: dict[str, dict[str, list[object]]] = {AS_SET: {}}
    changes |= {
        f"fill_{name}": {"fills.model": [name]}
        for name in FILL_MODEL_NAMES
        if name != rules.fills.model
    }
    holds = rules.expiry.hold_to_expiry
    changes[LEFT if holds else HELD] = {"expiry.hold_to_expiry": [not holds]}
    cases = {case: vary(plan, rules, change)[0] for case, change in changes.items()}
    return cases | {
        name: under_scenario(plan, rules, scenario)
        for name, scenario in SCENARIOS.items()
        if name != AS_MEASURED
    }


def run_set(variant: Variant, inputs: pl.DataFrame, market: BacktestMarket) -> SetResult:
    """Run a set in every case."""
    cases = cases_of(variant)
    results = run_variants(list(cases.values()), inputs, market)
    return SetResult(
        variant, {case: result for case, (_, result) in zip(cases, results, strict=True)}
    )


def compare_sets(sets: Sequence[SetResult], market: BacktestMarket) -> pl.DataFrame:
    """Rows of `rule_set_scores`, without what only a home knows of a set.

    `gain` is null for the first set, which the others are compared with, case by case.
    """
    first = sets[0].variant.name
    curves = [
        # The scorecard compares everything with the curve of that name, which a set may have too.
        Curve(MODEL if each is sets[0] else f"set {each.variant.name}", case, MODEL,
              equity_of(result), result)
        for each in sets
        for case, result in each.cases.items()
    ]  # fmt: skip
    scores = scorecard(curves, market, block=BLOCK_SESSIONS)
    names = pl.Series([each.variant.name for each in sets for _ in each.cases])
    results = [result for each in sets for result in each.cases.values()]
    return scores.select(
        rule_set=names,
        case="fill_model",
        beside=pl.lit(first),
        first="first",
        last="last",
        sharpe="sharpe",
        sharpe_low="sharpe_low",
        sharpe_high="sharpe_high",
        gain=-pl.col("sharpe_gain"),
        gain_low=-pl.col("sharpe_gain_high"),
        gain_high=-pl.col("sharpe_gain_low"),
        **{name: pl.col(name) for name in SHOWN},
        held_to_expiry=pl.Series([result.held_to_expiry for result in results]).cast(pl.Int64),
        real_share=pl.Series([real_share(result.sources) for result in results]),
    )


def deflated(
    each: SetResult, market: BacktestMarket, others: Sequence[float], unrecorded: int = 0
) -> float:
    """Deflated Sharpe ratio of a set: probability that its skill exceeds the luck of all trials.

    `others` are annualised Sharpe ratios of every other variant that was ever tried, the other sets
    among them; `unrecorded` is the number of trials elsewhere that the set was chosen from. NaN for
    a set that does not trade.
    """
    returns = excess_returns(each.equity, market)
    per_session = [ratio / np.sqrt(SESSIONS_A_YEAR) for ratio in others if np.isfinite(ratio)]
    return deflated_best(returns[:, None], others=per_session, unrecorded=unrecorded)
