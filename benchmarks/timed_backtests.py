"""What the benchmarks of backtests print: one run and a grid of variants, against their goals."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from options_platform.domain.backtest.results import BacktestResult


def timed(
    what: str, run: Callable[[], BacktestResult], goal: float
) -> tuple[BacktestResult, float]:
    """Time one run and print it beside its goal, seconds; the result and its CPU seconds."""
    start, cpu = time.perf_counter(), time.process_time()
    result = run()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}, {result.equity.height} sessions, {result.trades.height} trades: "
          f"{wall:.2f} s ({cpu:.2f} CPU s), {_verdict(wall, goal)}")  # fmt: skip
    return result, cpu


def timed_grid(end_of: Callable[[int], float], variants: int, workers: int, goal: float) -> None:
    """Run every variant, by its number, on `workers` processes, and print the time and ends.

    `end_of` returns a variant's final equity, USD, and can be sent to a process.
    """
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ends = list(pool.map(end_of, range(variants)))
    wall = time.perf_counter() - start
    print(f"{variants} variants on {workers} processes: {wall:.1f} s, {_verdict(wall, goal)}")
    print(f"final equity from {min(ends):,.0f} to {max(ends):,.0f} USD")


def _verdict(seconds: float, goal: float) -> str:
    return f"goal {goal:.0f}: {'met' if seconds <= goal else 'MISSED'}"
