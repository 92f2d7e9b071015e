"""Runs the baselines of a backtest in parallel, and what else is run anew beside the model.

Results do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import polars as pl

from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.baseline_registry import BASELINES, BaselineComparison
from options_platform.domain.backtest_study.draws import DRAW_SCHEMA, draw_row, median_seed
from options_platform.domain.trading.fill_prices import FILL_MODELS

Results = dict[str, BacktestResult]
Done = Callable[[], None]
Beside = Callable[[BaselineComparison], pl.DataFrame]
"""Further runs of a comparison, reduced to rows; it is sent to a process."""

# For fewer sessions of draws, starting processes takes longer than it saves.
WORTH_PROCESSES = 20_000


@dataclass(frozen=True)
class BaselineRuns:
    """The results of all baselines.

    `results` are by name and fill model; a random baseline has only its median draw, under the
    configured fill model. `draws` are rows of `DRAW_SCHEMA`; `beside` has the rows of each further
    run, in the order in which they were given.
    """

    results: dict[str, Results]
    draws: pl.DataFrame
    beside: list[pl.DataFrame]


@dataclass(frozen=True)
class _Task:
    name: str
    seed: int | None = None
    beside: Beside | None = None


def run_baselines(
    comparison: BaselineComparison,
    seeds: int,
    workers: int,
    done: Done,
    beside: Sequence[Beside] = (),
) -> BaselineRuns:
    """Run every baseline under all fill models; random ones `seeds` times under the configured one.

    Args:
        comparison: market, plan inputs and rules that the baselines share.
        seeds: number of draws of the random baselines.
        workers: number of processes.
        done: called after each of the `len(baseline_tasks(seeds)) + len(beside)` tasks.
        beside: further runs, which take their turn in the same processes.
    """
    longest = [_Task("beside", beside=each) for each in beside]
    tasks = longest + baseline_tasks(seeds)
    rows: dict[_Task, dict[str, Any]] = {}
    further: dict[_Task, pl.DataFrame] = {}
    results: dict[str, Results] = {}
    for task, outcome in _outcomes(tasks, comparison, workers):
        if task.beside is not None:
            further[task] = outcome
        elif task.seed is None:
            results[task.name] = outcome
        else:
            rows[task] = outcome
        done()
    in_order = [rows[task] for task in tasks if task in rows]
    draws = pl.DataFrame(in_order, schema=DRAW_SCHEMA).fill_nan(None)
    for name in draws["name"].unique():
        results[name] = BASELINES[name].run(comparison, seed=median_seed(draws, name))
    return BaselineRuns(
        {name: results[name] for name in BASELINES}, draws, [further[task] for task in longest]
    )


def baseline_tasks(seeds: int) -> list[_Task]:
    """The tasks of `run_baselines`, the longest first."""
    fixed = [_Task(name) for name, baseline in BASELINES.items() if not baseline.drawn]
    drawn = [name for name, baseline in BASELINES.items() if baseline.drawn]
    return fixed + [_Task(name, seed) for name in drawn for seed in range(seeds)]


def _outcomes(
    tasks: Sequence[_Task], comparison: BaselineComparison, workers: int
) -> Iterator[tuple[_Task, Any]]:
    drawn = sum(task.seed is not None for task in tasks)
    if workers == 1 or drawn * len(comparison.market.sessions) < WORTH_PROCESSES:
        yield from ((task, _run(task, comparison)) for task in tasks)
        return
    # Polars does not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _keep_comparison, (comparison,)) as pool:
        waiting = {pool.submit(_run_in_worker, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _run(task: _Task, comparison: BaselineComparison) -> Any:
    if task.beside is not None:
        return task.beside(comparison)
    baseline = BASELINES[task.name]
    if task.seed is None:
        return baseline.run(comparison, tuple(FILL_MODELS))
    ((fill, result),) = baseline.run(comparison, seed=task.seed).items()
    return draw_row(task.name, fill, task.seed, result, comparison.market)


_COMPARISON: list[BaselineComparison] = []


def _keep_comparison(comparison: BaselineComparison) -> None:
    """Store the shared data in a worker process, so that it is sent only once."""
    _COMPARISON[:] = [comparison]


def _run_in_worker(task: _Task) -> Any:
    return _run(task, _COMPARISON[0])
