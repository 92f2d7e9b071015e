"""Reports rows that were computed again from restated inputs and did not change.

Dagster shows a partition as stale from the time when an input has a new version until the
partition is materialised again. A run computes each series completely but stores only changed
rows; it has to report the unchanged ones too, or they would stay stale. They keep their data
version, so that everything computed from them stays fresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.event_log.base import EventLogStorage

from options_platform.contracts import Table
from options_platform.defs.shared.context import report_rows

MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION


def report_unchanged(
    context: dg.AssetExecutionContext,
    table: Table,
    computed: pl.DataFrame,
    written: pl.DataFrame,
    *,
    inputs: Sequence[str],
    not_read: Sequence[str] = (),
) -> int:
    """Report stale rows that were `computed` but not `written` to Dagster; returns how many.

    Args:
        context: context of the step that computed the rows.
        table: table of the rows.
        computed: all rows that the step computed, with `date` and `ticker`.
        written: the stored rows among them, which are reported elsewhere.
        inputs: assets from which the rows were computed.
        not_read: inputs that the step did not read again; a row that is stale because of one of
            these stays stale.
    """
    # A backfill writes all that it computes: it need not read what Dagster has of each partition.
    unwritten = computed.select("date", "ticker").join(
        written, on=["date", "ticker"], how="anti", maintain_order="left"
    )
    if unwritten.is_empty():
        return 0
    storage = context.instance.event_log_storage
    latest = _latest(storage, table.name)
    newer = _newest([_latest(storage, name) for name in inputs])
    unread = _newest([_latest(storage, name) for name in not_read])
    stale = {key for key, at in latest.items() if unread.get(key, 0) < at < newer.get(key, 0)}
    if not stale:
        return 0
    partition = pl.concat_str(pl.col("date").cast(pl.String), pl.lit("|"), pl.col("ticker"))
    rows = unwritten.filter(partition.is_in(list(stale)))
    versions = storage.get_latest_tags_by_partition(
        dg.AssetKey(table.name), MATERIALISED, [DATA_VERSION_TAG]
    )
    kept = {key: tags[DATA_VERSION_TAG] for key, tags in versions.items()}
    return report_rows(context, table, rows, versions=kept)


def _latest(storage: EventLogStorage, asset: str) -> Mapping[str, int]:
    """Storage id of each partition's newest materialisation, by partition key."""
    return storage.get_latest_storage_id_by_partition(dg.AssetKey(asset), MATERIALISED)


def _newest(storage_ids: Sequence[Mapping[str, int]]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for by_partition in storage_ids:
        for key, storage_id in by_partition.items():
            newest[key] = max(storage_id, newest.get(key, 0))
    return newest
