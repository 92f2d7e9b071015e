"""Running a study: every variant of every hypothesis, each recorded as a trial, then the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from multiprocessing import get_context

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import Progress
from options_platform.contracts import STUDIES, STUDY_RESULTS, Table
from options_platform.domain.backtest_study.choices import make_variants
from options_platform.domain.backtest_study.study import (
    POLICIES,
    Judged,
    StudyRun,
    judge_study,
    policies_of,
    run_hypothesis,
)
from options_platform.domain.backtest_study.variants import Variant
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.errors import SettingsError, UsageError
from options_platform.services.backtesting.membership import of_members
from options_platform.services.backtesting.own_loss import run_without_stops
from options_platform.services.backtesting.run import BacktestData, load_backtest
from options_platform.services.backtesting.trials import earlier_ratios
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.settings import Settings, load_settings
from options_platform.settings.studies import Hypothesis, Study

BLOCK_VARIANTS = 4
RULE = (
    "of a hypothesis's variants with at least {fewest} trades closed up to {until}, the one with "
    "the highest Sharpe ratio up to then, left before expiry; the study's choice is the best of "
    "these"
)
"""How variants are chosen, in words."""

Tickers = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """Some variants of a hypothesis, and the tickers that they trade."""

    hypothesis: str
    tickers: Tickers
    variants: list[Variant]


@dataclass(frozen=True)
class StudyPlan:
    """What of a study this home can try, and what it cannot, with the reason; and how it reads the
    dates of reports."""

    study: Study
    tasks: list[Task]
    untried: list[str]
    earnings: EarningsRules = field(default_factory=EarningsRules)


def plan_study(study: Study, settings: Settings, warehouse: Warehouse) -> StudyPlan:
    """The variants of a study, by the settings of this home.

    Raises :class:`SettingsError` and :class:`UsageError`, which name the hypothesis, for settings
    that cannot be varied or are refused.
    """
    tasks: list[Task] = []
    untried = [f"{each.what}: {each.why}" for each in study.untried]
    for each in study.hypotheses:
        tickers = each.tickers or study.tickers
        absent = [ticker for ticker in tickers if ticker not in settings.tickers]
        if absent:
            untried.append(f"{each.name}: this home has no {', '.join(absent)}")
            continue
        variants = _variants(study, each, settings, warehouse)
        blocks = range(0, len(variants), BLOCK_VARIANTS)
        tasks += [Task(each.name, tickers, variants[n : n + BLOCK_VARIANTS]) for n in blocks]
    if not tasks:
        raise UsageError(f"study {study.name}: this home can try none of its hypotheses")
    return StudyPlan(study, tasks, untried, settings.earnings)


def _variants(
    study: Study, hypothesis: Hypothesis, settings: Settings, warehouse: Warehouse
) -> list[Variant]:
    where = f"study {study.name}, hypothesis {hypothesis.name}"
    try:
        own = load_settings(rules=study.rules_of(hypothesis, settings.home))
        own = with_fits(own, warehouse)
        variants, spans = make_variants(hypothesis.vary, own.plan, own.backtest_rules)
    except (SettingsError, UsageError) as error:
        raise type(error)(f"{where}: {error}") from error
    if spans:
        raise UsageError(f"{where}: {next(iter(spans))} has a range; name its values")
    if not hypothesis.leave_out:
        return variants
    return [
        replace(each, name=f"{each.name}, leave_out={share:g}", leave_out=share)
        for each, share in product(variants, hypothesis.leave_out)
    ]


def load_data(
    plan: StudyPlan, settings: Settings, warehouse: Warehouse
) -> dict[Tickers, BacktestData]:
    """The data of each set of tickers, over the sessions of the study."""
    store, study = ChainStore(settings.chains_path), plan.study
    return {
        tickers: of_members(
            load_backtest(
                warehouse, tickers, study.first, study.checked_until, store, plan.earnings
            ),
            settings,
        )
        for tickers in dict.fromkeys(task.tickers for task in plan.tasks)
    }


def run_study(
    plan: StudyPlan, data: dict[Tickers, BacktestData], workers: int, progress: Progress
) -> list[StudyRun]:
    """Every variant under both policies of expiry, in up to `workers` processes, in order."""
    total = len(POLICIES) * sum(len(task.variants) for task in plan.tasks)
    runs: list[StudyRun] = []
    progress("backtests", 0, total)
    for part in _parts(plan.tasks, data, workers):
        runs += part
        progress("backtests", len(runs), total)
    return runs


def _parts(
    tasks: Sequence[Task], data: dict[Tickers, BacktestData], workers: int
) -> Iterator[list[StudyRun]]:
    if workers == 1 or len(tasks) == 1:
        _keep_data(data)
        yield from map(_run_task, tasks)
        return
    # Polars does not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _keep_data, (data,)) as pool:
        yield from pool.map(_run_task, tasks)


_DATA: dict[Tickers, BacktestData] = {}


def _keep_data(data: dict[Tickers, BacktestData]) -> None:
    """Store the data in a worker process, so that they are sent once."""
    _DATA.clear()
    _DATA.update(data)


def _run_task(task: Task) -> list[StudyRun]:
    data = _DATA[task.tickers]
    leaves_out = any(variant.leave_out for variant in task.variants)
    run = run_without_stops if leaves_out else run_hypothesis
    return list(run(task.hypothesis, task.variants, data.inputs, data.market))


def judged(plan: StudyPlan, runs: Sequence[StudyRun], warehouse: Warehouse) -> Judged:
    """The judgement of a study's runs; every other variant that was ever tried counts."""
    tried = [own for task in plan.tasks for v in task.variants for own in policies_of(v).values()]
    earlier = earlier_ratios(warehouse, tried)
    study = plan.study
    return judge_study(runs, study.chosen_until, study.fewest_trades, earlier, study.trials)


def study_rows(
    plan: StudyPlan, judgement: Judged, last: BacktestData, now: datetime
) -> list[tuple[Table, pl.DataFrame]]:
    """The rows of `studies` and `study_results`; `last` is data of the study's sessions."""
    study = plan.study
    names = {each.name: each for each in study.hypotheses}
    tickers = {task.hypothesis: list(task.tickers) for task in plan.tasks}
    of_file = pl.DataFrame(
        {
            "hypothesis": list(tickers),
            "group": [names[name].group for name in tickers],
            "sentence": [names[name].sentence for name in tickers],
            "tickers": list(tickers.values()),
        }
    )
    results = judgement.rows.join(of_file, on="hypothesis", maintain_order="left")
    head = pl.DataFrame(
        {
            "version": study.version,
            "title": study.title,
            "digest": study.digest,
            "rule": RULE.format(fewest=study.fewest_trades, until=study.chosen_until),
            "note": study.note,
            "untried": pl.Series([plan.untried], dtype=pl.List(pl.String)),
            "first": last.first,
            "chosen_until": study.chosen_until,
            "last": last.last,
            "runs": len(POLICIES) * sum(len(task.variants) for task in plan.tasks),
            "trials": judgement.trials,
            "overfitting_probability": judgement.overfitting_probability,
            "model_scores": pl.Series([judgement.notes], dtype=pl.List(pl.String)),
            "studied_at": now,
        }
    )
    return [
        (
            table,
            _with_absent(frame, table)
            .with_columns(study=pl.lit(study.name))
            .select(table.schema.names())
            .fill_nan(None)
            .cast(dict(table.schema)),  # type: ignore[arg-type]
        )
        for table, frame in ((STUDIES, head), (STUDY_RESULTS, results))
    ]


def _with_absent(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """`frame` with the columns of the table that it lacks, null: no variant was chosen."""
    absent = [name for name in table.schema.names() if name not in (*frame.columns, "study")]
    return frame.with_columns(pl.lit(None).alias(name) for name in absent)
