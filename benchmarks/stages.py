"""What each stage of a cold backfill costs, what its limit is, and how near to it the stage is.

Runs the backfill of the configured source and tickers (`OPTIONS_*`) in a new home, in this process,
and takes the CPU time of every Dagster step: that of the asset's own work, and that of Dagster's
bookkeeping around it. `--write` puts the table into `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.stage_limits import Limit, bookkeeping_limit, limits_of
from benchmarks.stage_table import Stage, put_into, table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
TICK = os.sysconf("SC_CLK_TCK")


def tree_cpu(pid: int | None = None) -> float:
    """CPU seconds of a process and of all that it has started, those that have ended included."""
    pid = pid or os.getpid()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {child for task in tasks for child in (task / "children").read_text().split()}
    except OSError:  # It ended meanwhile, and its parent has its time.
        return 0.0
    own = sum(int(ticks) for ticks in fields[11:15]) / TICK
    return own + sum(tree_cpu(int(child)) for child in children)


@dataclass
class Meter:
    """CPU seconds by step: whole steps, the assets' functions in them, and what these store."""

    whole: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    work: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    step: str = ""

    @contextmanager
    def taking(self, seconds: dict[str, float], sign: int = 1) -> Iterator[None]:
        """Add what the block takes to the present step."""
        before = tree_cpu()
        try:
            yield
        finally:
            seconds[self.step] += sign * (tree_cpu() - before)

    def install(self) -> None:
        """Wrap Dagster's steps, their functions, and the storage of a range's events."""
        from dagster._core.execution.plan import compute_generator, execute_plan

        from options_platform.adapters.batched_event_log import BatchedEventLogStorage as Log

        steps, function = execute_plan.dagster_event_sequence_for_step, Log.store_range
        computed: Callable[..., Any] = compute_generator.invoke_compute_fn

        def timed_steps(context: Any, *rest: Any, **named: Any) -> Iterator[Any]:
            self.step = context.step.key
            with self.taking(self.whole):
                yield from steps(context, *rest, **named)

        def timed_work(*rest: Any, **named: Any) -> Any:
            with self.taking(self.work):
                return computed(*rest, **named)

        def timed_storage(*rest: Any, **named: Any) -> None:
            with self.taking(self.work, -1):
                function(*rest, **named)

        execute_plan.dagster_event_sequence_for_step = timed_steps  # type: ignore[assignment]
        compute_generator.invoke_compute_fn = timed_work
        Log.store_range = timed_storage  # type: ignore[method-assign]


def stages_of(meter: Meter, limits: dict[str, Limit]) -> list[Stage]:
    """A stage for each asset's work, those of its checks with it; then all bookkeeping as one."""
    stages: dict[str, float] = defaultdict(float)
    for step, seconds in meter.work.items():
        stages[step.removesuffix("_checks").removesuffix("_history").removesuffix("_health")] += (
            seconds
        )
    made = [Stage(name, seconds, limits.get(name)) for name, seconds in stages.items()]
    made.sort(key=lambda stage: -stage.seconds)
    spent = sum(meter.whole.values()) - sum(meter.work.values())
    return [*made, Stage("bookkeeping of all assets", spent, limits.get("bookkeeping"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backtest", action="store_true", help="the backtest with baselines too")
    parser.add_argument("--home", type=Path, help="a new folder to keep the home in")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OPTIONS_HOME"] = str(options.home or Path(folder) / "home")
        text = measured(with_backtest=options.backtest)
    print(text)
    if options.write:
        put_into(PAGE, text)


def measured(*, with_backtest: bool) -> str:
    """Run the backfill in the home of the environment; the table as Markdown."""
    from options_platform.commands.common import ConsoleProgress, ready_settings
    from options_platform.common import PartitionRange
    from options_platform.domain.calendar.sessions import sessions
    from options_platform.runs import run_backtest, run_job
    from options_platform.services.market_data.session_bounds import first_date, newest_date

    settings = ready_settings()
    if settings.warehouse_path.exists():
        raise SystemExit(f"{settings.home} holds a home already; name a new folder")
    meter = Meter()
    meter.install()
    newest = newest_date(settings, datetime.now(UTC))
    selected = PartitionRange(first_date(settings), newest, settings.tickers)
    began, wall = tree_cpu(), time.perf_counter()
    run_job(settings, selected, progress=ConsoleProgress(), backfill=True)
    whole, wall = tree_cpu() - began, time.perf_counter() - wall
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF,
               resource.RUSAGE_CHILDREN)) / 2**20  # fmt: skip
    keys = len(sessions(selected.start, selected.end)) * len(selected.tickers)
    assets = sum(name in meter.whole for name in meter.work if not name.endswith("_checks"))
    limits = limits_of(settings) | {"bookkeeping": bookkeeping_limit(keys * assets)}
    stages = stages_of(meter, limits)
    stages.append(Stage("start, plan and end of the run", whole - sum(meter.whole.values()), None))
    if with_backtest:
        began = tree_cpu()
        run_backtest(settings)
        stages.append(Stage("backtest with baselines", tree_cpu() - began, None))
    size = sum(file.stat().st_size for file in settings.home.rglob("*") if file.is_file()) / 1e6
    return table(
        f"{settings.source}, {', '.join(settings.tickers)}, {selected.start} to {selected.end}: "
        f"{keys:,} partitions of {assets} assets. Backfill {whole:.0f} s of CPU, {wall:.0f} s; "
        f"peak memory {peak:.2f} GiB; home {size:.0f} MB.",
        stages,
    )


if __name__ == "__main__":
    main()
