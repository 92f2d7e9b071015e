"""Helpers on the Dagster context: the partitions of the run, and reporting of written rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Protocol

import dagster as dg
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    generate_event_batch_id,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from options_platform.common import PartitionRange
from options_platform.contracts import Table
from options_platform.defs.shared.partition_stories import Stories, stories, tell
from options_platform.defs.shared.partitions import partition_key, range_between
from options_platform.defs.shared.range_events import materialise_range, report_range
from options_platform.reporting.figures import data_uri
from options_platform.services.market_data.failed_tickers import withheld, without
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings


class HasRun(Protocol):
    """A Dagster context of an asset or a check."""

    @property
    def run(self) -> dg.DagsterRun:
        """The run of the context."""
        ...


def run_range(context: HasRun, settings: Settings) -> PartitionRange | None:
    """The partitions of the run, from its tags; None in a run without partitions."""
    tags = context.run.tags
    if ASSET_PARTITION_RANGE_START_TAG in tags:
        first, last = tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG]
    elif PARTITION_NAME_TAG in tags:
        first = last = tags[PARTITION_NAME_TAG]
    else:
        return None
    return range_between(first, last, settings.tickers)


def selected_range(context: HasRun, settings: Settings) -> PartitionRange:
    """The partitions of the run.

    Raises :class:`dagster.DagsterInvariantViolationError` in a run without partitions.
    """
    selected = run_range(context, settings)
    if selected is None:
        raise dg.DagsterInvariantViolationError("this asset is partitioned: choose partitions")
    return selected


def answered_range(context: dg.AssetExecutionContext, settings: Settings) -> PartitionRange:
    """The partitions of the run without the tickers whose source has failed; possibly none."""
    selected = selected_range(context, settings)
    warehouse = context.resources.platform.warehouse
    return without(selected, withheld(warehouse, selected.tickers, selected.end))


def result(
    context: dg.AssetExecutionContext,
    written: pl.DataFrame,
    selected: PartitionRange,
    extra: Mapping[str, Any] | None = None,
    *,
    summary: str | None = None,
) -> dg.MaterializeResult[Any]:
    """The result of an asset's run: what each partition says, and the run itself on the newest.

    Dagster copies the metadata of a `MaterializeResult` to every partition of the run, thousands
    of times in a backfill; so all partitions get only the line `summary`, and their stories.
    Partitions of the run's other tickers are not materialised: they have failed.
    """
    metadata = {
        "dagster/row_count": written.height,
        "range": f"{selected.start} to {selected.end}, {', '.join(selected.tickers)}",
        **(extra or {}),
    }
    told = dict(_stories(context, context.asset_key.path[-1], _within(written, selected)))
    for ticker in selected.tickers:
        key = str(partition_key(selected.end, ticker))
        told[key] = {**told.get(key, {}), **metadata}
    shared = {} if summary is None else {"summary": summary}
    stored = materialise_range(context, told, shared, selected.tickers)
    if stored is not None:
        return stored
    tell(context, told)
    return dg.MaterializeResult(metadata=shared or None)


def _within(written: pl.DataFrame, selected: PartitionRange) -> pl.DataFrame:
    """The rows of the run's own partitions; a run before a ticker is listed writes none at all."""
    if written.is_empty():
        return written
    inside = pl.col("date").is_between(selected.start, selected.end)
    return written.filter(inside & pl.col("ticker").is_in(selected.tickers))


def _stories(
    context: dg.AssetExecutionContext, asset: str, rows: pl.DataFrame, *, newest: bool = True
) -> Stories:
    platform: Platform = context.resources.platform
    return stories(platform.settings, platform.warehouse, asset, rows, newest=newest)


def pictures(
    selected: PartitionRange, **plots: Callable[[], bytes] | None
) -> dict[str, dg.MetadataValue]:
    """Plots (functions that return PNG bytes) as metadata by name; None is left out.

    A daily run draws none: they would show one day, and importing matplotlib takes a second.
    """
    if selected.start == selected.end:
        return {}
    return {
        name: dg.MetadataValue.md(f"![{name}]({data_uri(draw())})")
        for name, draw in plots.items()
        if draw is not None
    }


def report_earlier_rows(
    context: dg.AssetExecutionContext, table: Table, written: pl.DataFrame, start: date
) -> int:
    """Report rows before `start` that were updated to Dagster; returns how many."""
    return report_rows(context, table, written.filter(pl.col("date") < start))


def report_rows(
    context: dg.AssetExecutionContext,
    table: Table,
    rows: pl.DataFrame,
    *,
    versions: Mapping[str, str] | None = None,
) -> int:
    """Report rows outside the run's range that were updated to Dagster; returns how many.

    Each partition gets a new data version, the run's id, so that everything computed from the
    former one becomes stale. An unchanged row keeps the version in `versions`, by partition key.
    """
    change = "brought up to date" if versions is None else "computed anew, and not changed,"
    by = {"by": f"{change} by another session's run"}
    stories = _stories(context, table.name, rows, newest=False)
    keys = [str(partition_key(*key)) for key in rows.select("date", "ticker").iter_rows()]
    told = {key: {**stories.get(key, {}), **by} for key in keys}
    tags = {key: {DATA_VERSION_TAG: (versions or {}).get(key, context.run.run_id)} for key in keys}
    if report_range(context, table.name, told, tags):
        return rows.height
    step = context.get_step_execution_context()
    # In a batch, as Dagster reports the run's partitions.
    batch = generate_event_batch_id()  # type: ignore[no-untyped-call]
    for at, key in enumerate(keys, start=1):
        DagsterEvent.asset_materialization(
            step,
            dg.AssetMaterialization(table.name, partition=key, metadata=told[key], tags=tags[key]),
            DagsterEventBatchMetadata(batch, is_end=at == len(keys)),
        )
    return rows.height


def table_schema(table: Table) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=str(column.dtype),
                description=f"{column.description}" + (f" [{column.unit}]" if column.unit else ""),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable and column.name not in table.key,
                    other=_constraints(column.low, column.high, column.values),
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"primary key ({', '.join(table.key)})"]),
    )


def _constraints(low: float | None, high: float | None, values: Iterable[str] | None) -> list[str]:
    shown = []
    if low is not None:
        shown.append(f">= {low:g}")
    if high is not None:
        shown.append(f"<= {high:g}")
    if values is not None:
        shown.append(f"one of {', '.join(values)}")
    return shown
