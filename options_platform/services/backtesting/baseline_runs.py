"""The baselines of one run, spread over processes: the same rows however many there are."""

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
from options_platform.domain.trading.fills import FILL_MODELS

Results = dict[str, BacktestResult]
Done = Callable[[], None]

# Below this many sessions of draws a process takes longer to start than to save.
WORTH_PROCESSES = 20_000


@dataclass(frozen=True)
class BaselineRuns:
    """`results` by name and fill model; of a drawn one its median draw, under the fill model that
    is set alone. `draws` are rows of `DRAW_SCHEMA`."""

    results: dict[str, Results]
    draws: pl.DataFrame


@dataclass(frozen=True)
class _Task:
    name: str
    seed: int | None = None


def run_baselines(own: BaselineComparison, seeds: int, workers: int, done: Done) -> BaselineRuns:
    """Every baseline: each under all fill models, or `seeds` times drawn under the one that is set.

    Args:
        own: what the baselines start from.
        seeds: number of draws of those that are drawn at random.
        workers: processes to spread them over.
        done: called after each of the `len(baseline_tasks(seeds))` parts.
    """
    tasks = baseline_tasks(seeds)
    rows: dict[_Task, dict[str, Any]] = {}
    whole: dict[str, Results] = {}
    for task, found in _outcomes(tasks, own, workers):
        if task.seed is None:
            whole[task.name] = found
        else:
            rows[task] = found
        done()
    kept = [rows[task] for task in tasks if task in rows]
    draws = pl.DataFrame(kept, schema=DRAW_SCHEMA).fill_nan(None)
    for name in draws["name"].unique():
        whole[name] = BASELINES[name].run(own, seed=median_seed(draws, name))
    return BaselineRuns({name: whole[name] for name in BASELINES}, draws)


def baseline_tasks(seeds: int) -> list[_Task]:
    """The parts of the work, the longest first."""
    fixed = [_Task(name) for name, baseline in BASELINES.items() if not baseline.drawn]
    drawn = [name for name, baseline in BASELINES.items() if baseline.drawn]
    return fixed + [_Task(name, seed) for name in drawn for seed in range(seeds)]


def _outcomes(
    tasks: Sequence[_Task], own: BaselineComparison, workers: int
) -> Iterator[tuple[_Task, Any]]:
    drawn = sum(task.seed is not None for task in tasks)
    if workers == 1 or drawn * len(own.market.sessions) < WORTH_PROCESSES:
        yield from ((task, _run(task, own)) for task in tasks)
        return
    # Polars does not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _take, (own,)) as pool:
        waiting = {pool.submit(_run_taken, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _run(task: _Task, own: BaselineComparison) -> Any:
    baseline = BASELINES[task.name]
    if task.seed is None:
        return baseline.run(own, tuple(FILL_MODELS))
    ((fill, result),) = baseline.run(own, seed=task.seed).items()
    return draw_row(task.name, fill, task.seed, result, own.market)


_OWN: list[BaselineComparison] = []


def _take(own: BaselineComparison) -> None:
    """Keep what a worker process starts from, which is sent once."""
    _OWN[:] = [own]


def _run_taken(task: _Task) -> Any:
    return _run(task, _OWN[0])
