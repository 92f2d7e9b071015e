"""Judging a study: variants chosen on the first years, checked on the later ones.

The rule of choice: of a hypothesis's variants with enough closed trades in the sessions of the
choice, the one with the highest Sharpe ratio there under the default policy of expiry; the first of
several. The study's own choice is the best of these. Both are then scored on the later sessions,
and under the other policy, without being chosen again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.contracts.rule_sets import HELD, LEFT
from options_platform.contracts.studies import CHECK, CHOICE, WHOLE
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import (
    Variant,
    VariantScore,
    first_of_each,
    rules_hash,
    run_variants,
    scored,
    vary,
)
from options_platform.domain.statistics.bootstrap import bootstrap_interval
from options_platform.domain.statistics.curve import (
    SESSIONS_A_YEAR,
    annual_return,
    deviation,
    drawdown,
    sharpe,
)
from options_platform.domain.statistics.overfitting import (
    PARTITIONS,
    deflated_best,
    overfitting_probability,
)

POLICIES = (LEFT, HELD)


@dataclass(frozen=True)
class StudyRun:
    """The backtest of a variant under a policy of expiry.

    `tickers` are those that it trades; `days` are the sessions of `returns`, the daily excess
    returns; `closed` has the closed trades: closed_on and pnl_usd. `note` says in words how good
    the model is that left trades out, if one did.
    """

    hypothesis: str
    policy: str
    tickers: tuple[str, ...]
    score: VariantScore
    days: NDArray[np.datetime64]
    returns: Floats
    closed: pl.DataFrame
    note: str = ""

    @property
    def variant(self) -> str:
        """What was varied, without the policy."""
        return self.score.variant.name

    @cached_property
    def trial(self) -> tuple[str, tuple[str, ...]]:
        """What makes it a trial of its own: its rules and tickers, whatever it is called."""
        return rules_hash(self.score.variant), self.tickers


def policies_of(variant: Variant) -> dict[str, Variant]:
    """The variant under the default policy of expiry and held to it; rules without exits hold."""
    return {
        policy: replace(
            vary(variant.plan, variant.rules, {"expiry.hold_to_expiry": [holds]})[0],
            name=variant.name,
            leave_out=variant.leave_out,
        )
        for policy, holds in ((LEFT, False), (HELD, True))
    }


def run_hypothesis(
    hypothesis: str, variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[StudyRun]:
    """Run each variant under both policies."""
    each = [(policy, run) for v in variants for policy, run in policies_of(v).items()]
    results = run_variants([variant for _, variant in each], inputs, market)
    for (policy, _), (variant, result) in zip(each, results, strict=True):
        yield study_run(hypothesis, policy, variant, result, market)


def study_run(
    hypothesis: str,
    policy: str,
    variant: Variant,
    result: BacktestResult,
    market: BacktestMarket,
    note: str = "",
) -> StudyRun:
    """What a study keeps of the backtest of a variant."""
    score = scored((variant, result))
    return StudyRun(
        hypothesis=hypothesis,
        policy=policy,
        tickers=tuple(market.tickers),
        score=score,
        days=market.days[1:],
        returns=excess_returns(score.equity, market),
        closed=result.trades.drop_nulls("closed_on").select("closed_on", "pnl_usd"),
        note=note,
    )


@dataclass(frozen=True)
class Judged:
    """The rows of `study_results` but for what only the study's file says, and what all runs say.

    `best` is the name of the hypothesis that the study chooses, None if none has enough trades.
    `notes` are those of the runs that are left before expiry.
    """

    rows: pl.DataFrame
    best: str | None
    trials: int
    overfitting_probability: float
    notes: list[str]


def judge_study(
    runs: Sequence[StudyRun],
    chosen_until: date,
    fewest_trades: int,
    earlier: Sequence[float] = (),
    elsewhere: int = 0,
) -> Judged:
    """Choose on the sessions up to `chosen_until`, and score both parts.

    Args:
        runs: every variant under both policies.
        chosen_until: last session of the choice.
        fewest_trades: closed trades that a variant needs in the choice.
        earlier: annualised Sharpe ratios of all other variants ever tried.
        elsewhere: variants tried elsewhere, whose ratios are not known.
    """
    choice = {n: _figures(run, CHOICE, chosen_until) for n, run in enumerate(runs)}
    chosen = _chosen(runs, choice, fewest_trades)
    ranked = {n: choice[n]["sharpe"] for n in chosen.values()}
    first = max(ranked, key=lambda n: ranked[n]) if ranked else None
    best = None if first is None else runs[first].hypothesis
    picked = {(runs[n].hypothesis, runs[n].variant) for n in chosen.values()}
    tried = first_of_each(runs, lambda run: run.trial)
    luck = _Trials(tried, [ratio for ratio in earlier if np.isfinite(ratio)], elsewhere)
    rows = []
    for n, run in enumerate(runs):
        is_chosen = (run.hypothesis, run.variant) in picked
        for span in (CHOICE, CHECK, WHOLE):
            figures = choice[n] if span == CHOICE else _figures(run, span, chosen_until)
            rows.append(
                {
                    "hypothesis": run.hypothesis,
                    "variant": run.variant,
                    "policy": run.policy,
                    "span": span,
                    "chosen": is_chosen,
                    "best": is_chosen and run.hypothesis == best,
                    **figures,
                    **(_certainty(run, span, chosen_until, luck) if is_chosen else {}),
                }
            )
    table = np.stack([run.returns for run in _same_sessions(tried)], axis=1)
    enough = table.shape[1] > 1 and len(table) >= 2 * PARTITIONS
    return Judged(
        rows=pl.DataFrame(rows, infer_schema_length=None),
        best=best,
        trials=luck.count,
        overfitting_probability=overfitting_probability(table) if enough else float("nan"),
        notes=list(dict.fromkeys(run.note for run in runs if run.note and run.policy == LEFT)),
    )


def _same_sessions(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """The runs over as many sessions as the first one, which can be compared day by day."""
    return [run for run in runs if len(run.days) == len(runs[0].days)]


def _chosen(
    runs: Sequence[StudyRun], choice: Mapping[int, Mapping[str, Any]], fewest_trades: int
) -> dict[str, int]:
    """The number of the chosen run by hypothesis, where one has enough trades."""
    chosen: dict[str, int] = {}
    for n, run in enumerate(runs):
        ratio = choice[n]["sharpe"]
        enough = choice[n]["trades"] >= fewest_trades and np.isfinite(ratio)
        if run.policy != LEFT or not enough:
            continue
        if run.hypothesis not in chosen or ratio > choice[chosen[run.hypothesis]]["sharpe"]:
            chosen[run.hypothesis] = n
    return chosen


def _in_span(days: NDArray[np.datetime64], span: str, chosen_until: date) -> NDArray[np.bool_]:
    early = days <= np.datetime64(chosen_until)
    return {CHOICE: early, CHECK: ~early, WHOLE: np.ones(len(days), dtype=bool)}[span]


def _figures(run: StudyRun, span: str, chosen_until: date) -> dict[str, Any]:
    """What a run did in a span; undefined metrics are NaN."""
    returns = run.returns[_in_span(run.days, span, chosen_until)]
    closed_on = run.closed["closed_on"].to_numpy().astype("datetime64[D]")
    profit = run.closed["pnl_usd"].to_numpy()[_in_span(closed_on, span, chosen_until)]
    lost, count = -float(profit[profit < 0].sum()), len(returns)
    # In the session of its ruin an account also loses the interest that cash would have had.
    kept = np.maximum(returns, -1.0)
    with np.errstate(divide="ignore"):
        growth = float(annual_return(kept)) if count else float("nan")
    return {
        "sessions": count,
        "sharpe": float(sharpe(returns)) if count > 1 else float("nan"),
        "excess_return_annual": growth,
        "volatility_annual": deviation(returns) * np.sqrt(SESSIONS_A_YEAR),
        "max_drawdown": drawdown(np.concatenate([[1.0], np.cumprod(1.0 + kept)]))[0],
        "trades": len(profit),
        "win_rate": float(np.mean(profit > 0)) if len(profit) else float("nan"),
        "profit_factor": float(profit[profit > 0].sum()) / lost if lost else float("nan"),
    }


@dataclass(frozen=True)
class _Trials:
    """Everything that was tried: the runs of the study without copies, the annualised ratios of all
    others, and the number of those tried elsewhere."""

    runs: Sequence[StudyRun]
    earlier: Sequence[float]
    elsewhere: int

    @property
    def count(self) -> int:
        return len(self.runs) + len(self.earlier) + self.elsewhere

    def deflated(self, run: StudyRun, span: str, chosen_until: date) -> float:
        """Probability that a run's ratio in a span exceeds the luck of all others."""
        beside = [
            float(sharpe(each.returns[_in_span(each.days, span, chosen_until)]))
            for each in self.runs
            if each.trial != run.trial
        ]
        per_session = [
            ratio / np.sqrt(SESSIONS_A_YEAR)
            for ratio in (*beside, *self.earlier)
            if np.isfinite(ratio)
        ]
        returns = run.returns[_in_span(run.days, span, chosen_until)]
        return deflated_best(returns[:, None], others=per_session, unrecorded=self.elsewhere)


def _certainty(run: StudyRun, span: str, chosen_until: date, trials: _Trials) -> dict[str, float]:
    """The interval of a chosen run's Sharpe ratio, and how likely it is more than luck."""
    returns = run.returns[_in_span(run.days, span, chosen_until)]
    ends = {}
    # Draws of a single block are all the same sessions, and would look certain.
    if len(returns) >= 2 * BLOCK_SESSIONS:
        interval = bootstrap_interval(returns, sharpe, block=BLOCK_SESSIONS)
        ends = {"sharpe_low": interval.low, "sharpe_high": interval.high}
    if span == CHECK:
        return ends
    return ends | {"deflated_sharpe": trials.deflated(run, span, chosen_until)}
