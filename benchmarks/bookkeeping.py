"""Cost of Dagster's bookkeeping per partition and asset: batched event storage against stock.

Nine assets over a range of partitions, launched as one run. They compute nothing; each partition
says what it does after a backfill, a code and a link. The stock storage gets a smaller range, since
it takes about 15 times as long.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from options_platform.adapters.storage.home import EVENT_BATCH_SIZE
from options_platform.defs.shared.partition_stories import tell
from options_platform.defs.shared.range_events import materialise_range

ASSETS = 9
TICKERS = ("AAA", "BBB", "CCC")
STORAGES = {
    "stock": ("dagster._core.storage.event_log", "SqliteEventLogStorage"),
    "batched": ("options_platform.adapters.batched_event_log", "BatchedEventLogStorage"),
}
GOAL_MS, GOAL_KB = 0.15, 1.6


def make_job(days: int) -> tuple[dg.JobDefinition, Sequence[str]]:
    dates = [f"2020-{day:05d}" for day in range(days)]
    partitions = dg.MultiPartitionsDefinition(
        {
            "date": dg.StaticPartitionsDefinition(dates),
            "ticker": dg.StaticPartitionsDefinition(list(TICKERS)),
        }
    )

    def empty(index: int) -> dg.AssetsDefinition:
        @dg.asset(
            name=f"asset_{index}",
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            deps=[f"asset_{index - 1}"] if index else [],
        )
        def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            told = {f"{day}|{ticker}": story(day, ticker) for day in dates for ticker in TICKERS}
            stored = materialise_range(context, told, {})
            if stored is None:
                tell(context, told)
            return stored or dg.MaterializeResult()

        return asset

    def story(day: str, ticker: str) -> dict[str, str | dg.MetadataValue]:
        details = f"http://127.0.0.1:3080/0123abcd/{day}/{ticker}"
        return {"decision": "no_trade NO_EDGE", "details": dg.MetadataValue.url(details)}

    definitions = dg.Definitions(
        assets=[empty(index) for index in range(ASSETS)],
        jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)],
    )
    return definitions.resolve_job_def("all"), dates


def measure(storage: str, days: int) -> tuple[float, float, float]:
    """CPU ms, wall ms and KiB of event log per partition and asset."""
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = str(EVENT_BATCH_SIZE if storage == "batched" else 0)
    job, dates = make_job(days)
    module, name = STORAGES[storage]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "events"
        (Path(folder) / "dagster.yaml").write_text(
            "telemetry: {enabled: false}\npython_logs: {python_log_level: WARNING}\n"
            f"event_log_storage: {{module: {module}, class: {name}, "
            f"config: {{base_dir: {base}}}}}\n"
        )
        with dg.DagsterInstance.from_config(folder) as instance:
            tags = {
                "dagster/asset_partition_range_start": f"{dates[0]}|{TICKERS[0]}",
                "dagster/asset_partition_range_end": f"{dates[-1]}|{TICKERS[-1]}",
            }
            cpu, wall = time.process_time(), time.perf_counter()
            job.execute_in_process(instance=instance, tags=tags)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        size = sum(file.stat().st_size for file in base.rglob("*"))
    count = days * len(TICKERS) * ASSETS
    return 1e3 * cpu / count, 1e3 * wall / count, size / 1024 / count


def main() -> None:
    warnings.simplefilter("ignore", dg.BetaWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=250)
    parser.add_argument("--stock-days", type=int, default=12)
    options = parser.parse_args()
    stock = measure("stock", options.stock_days)
    ours = measure("batched", options.days)
    print(f"{'storage':10} {'CPU ms':>8} {'wall ms':>8} {'KiB':>6}   per partition and asset")
    for name, row in (("stock", stock), ("batched", ours)):
        print(f"{name:10} {row[0]:8.2f} {row[1]:8.2f} {row[2]:6.2f}")
    ratio = [theirs / mine for theirs, mine in zip(stock, ours, strict=True)]
    print(f"{'ratio':10} {ratio[0]:8.1f} {ratio[1]:8.1f} {ratio[2]:6.1f}")
    met = ours[0] <= GOAL_MS and ours[2] <= GOAL_KB
    print(f"goal: at most {GOAL_MS} ms of CPU and {GOAL_KB} KiB: {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
