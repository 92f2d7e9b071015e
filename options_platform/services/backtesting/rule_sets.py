"""Backtests of several rule sets over the same data, and the rows that a comparison stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context

import numpy as np
import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.common import Progress
from options_platform.contracts import RULE_SET_CURVES, RULE_SET_SCORES, Table
from options_platform.contracts.rule_sets import AS_SET, LATEST
from options_platform.domain.backtest_study.rule_sets import (
    SetResult,
    compare_sets,
    deflated,
    run_set,
)
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import (
    Variant,
    VariantScore,
    rules_hash,
    scored,
)
from options_platform.domain.statistics.curve import sharpe
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.backtesting.trials import (
    backtest_trials,
    earlier_ratios,
    trials_by_set,
)
from options_platform.settings import Settings
from options_platform.settings.rule_sets import RuleSet, active_rule_set, rules_digest


@dataclass(frozen=True)
class ComparedSet:
    """A rule set, the hash of its rules, and how it is backtested."""

    rules: RuleSet
    digest: str
    variant: Variant


def compared_set(settings: Settings) -> ComparedSet:
    """The set that the settings trade by."""
    variant = Variant(settings.rule_set, settings.plan, settings.backtest_rules)
    return ComparedSet(active_rule_set(settings), rules_digest(settings), variant)


def compare_and_store(
    settings: Settings,
    sets: Sequence[ComparedSet],
    data: BacktestData,
    warehouse: Warehouse,
    now: datetime,
    progress: Progress,
    workers: int | None = None,
) -> pl.DataFrame:
    """Backtest the sets side by side, each alone, count each as a trial, and store the comparison.

    Returns the rows of `rule_set_scores`.
    """
    results = run_sets(sets, data, workers or settings.workers, progress)
    trials = backtest_trials(scores_of(results), data, "choice", now)
    TrialLog(settings.home, warehouse).record_all(trials)
    frames = comparison(sets, results, data, warehouse, now)
    warehouse.replace(frames, "comparison", LATEST)
    return frames[0][1]


def run_sets(
    sets: Sequence[ComparedSet], data: BacktestData, workers: int, progress: Progress
) -> list[SetResult]:
    """Run each set in every case, in up to `workers` processes; in the order of the sets."""
    results = []
    progress("rule sets", 0, len(sets))
    for done, result in enumerate(_results(sets, data, workers), start=1):
        results.append(result)
        progress("rule sets", done, len(sets))
    return results


def _results(sets: Sequence[ComparedSet], data: BacktestData, workers: int) -> Iterator[SetResult]:
    variants = [each.variant for each in sets]
    if workers == 1 or len(sets) == 1:
        yield from (run_set(variant, data.inputs, data.market) for variant in variants)
        return
    # Polars does not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _keep_data, (data,)) as pool:
        yield from pool.map(_run_one, variants)


_DATA: list[BacktestData] = []


def _keep_data(data: BacktestData) -> None:
    """Store the data in a worker process, so that they are sent once."""
    _DATA[:] = [data]


def _run_one(variant: Variant) -> SetResult:
    (data,) = _DATA
    return run_set(variant, data.inputs, data.market)


def scores_of(results: Sequence[SetResult]) -> list[VariantScore]:
    """Each set as it is set, as a variant that was tried."""
    return [scored((each.variant, each.cases[AS_SET])) for each in results]


def comparison(
    sets: Sequence[ComparedSet],
    results: Sequence[SetResult],
    data: BacktestData,
    warehouse: Warehouse,
    now: datetime,
) -> list[tuple[Table, pl.DataFrame]]:
    """The rows of `rule_set_scores` and `rule_set_curves`.

    The sets have to be recorded as trials before, so that they are counted.
    """
    about = pl.concat([_about(each, now, data) for each in sets])
    judged = pl.DataFrame(_judged(sets, results, data, warehouse))
    of_case = ["rule_set", "case"]
    rows = compare_sets(results, data.market).join(about, on="rule_set", maintain_order="left")
    rows = rows.join(judged, on=of_case, how="left", maintain_order="left")
    by_set = pl.concat(
        [
            pl.DataFrame({"date": data.market.sessions, "equity_usd": each.equity}).with_columns(
                rule_set=pl.lit(each.variant.name)
            )
            for each in results
        ]
    )
    frames = [(RULE_SET_SCORES, rows), (RULE_SET_CURVES, by_set)]
    return [
        (
            table,
            frame.with_columns(comparison=pl.lit(LATEST))
            .select(table.schema.names())
            .fill_nan(None)
            .cast(dict(table.schema)),  # type: ignore[arg-type]
        )
        for table, frame in frames
    ]


def _about(each: ComparedSet, now: datetime, data: BacktestData) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "rule_set": each.rules.name,
            "version": each.rules.version,
            "title": each.rules.title,
            "digest": each.digest,
            "compared_at": now,
            "tickers": [list(data.market.tickers)],
        }
    )


def _judged(
    sets: Sequence[ComparedSet],
    results: Sequence[SetResult],
    data: BacktestData,
    warehouse: Warehouse,
) -> list[dict[str, object]]:
    """How each set as it is set stands against all that was ever tried, here or elsewhere."""
    hashes = [rules_hash(each.variant) for each in results]
    ratios = [float(sharpe(excess_returns(each.equity, data.market))) for each in results]
    earlier = earlier_ratios(warehouse, [each.variant for each in results])
    own_trials = trials_by_set(warehouse)
    rows: list[dict[str, object]] = []
    for compared, each, own_hash in zip(sets, results, hashes, strict=True):
        elsewhere = compared.rules.trials
        beside = dict(zip(hashes, ratios, strict=True))
        beside.pop(own_hash)
        others = [ratio for ratio in (*earlier, *beside.values()) if np.isfinite(ratio)]
        rows.append(
            {
                "rule_set": each.variant.name,
                "case": AS_SET,
                "own_trials": own_trials.get(each.variant.name, 0) + elsewhere,
                "trials": len(others) + 1 + elsewhere,
                "deflated_sharpe": deflated(each, data.market, others, elsewhere),
            }
        )
    return rows
