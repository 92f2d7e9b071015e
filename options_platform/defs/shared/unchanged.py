"""Rows that were computed again from restated inputs and came out the same.

Dagster shows a partition as stale from the moment an input has a new version until the partition
itself is materialised again. A run computes each series whole but stores only what differs, so it
has to say of the rest that it was looked at, or it would stay stale for good. Such a row keeps
its data version: what was made from it is as good as before.
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
    """Tell Dagster of the `computed` rows that were not `written` but are stale; their number.

    Args:
        context: of the step that computed them.
        table: what they are rows of.
        computed: rows with `date` and `ticker`, all that the step can vouch for.
        written: those among them that it stored, which are reported elsewhere.
        inputs: the assets that they were computed from.
        not_read: inputs that the step took as they were before; a row that is stale by one of
            these stays so.
    """
    storage = context.instance.event_log_storage
    own = _latest(storage, table.name)
    newer = _newest([_latest(storage, name) for name in inputs])
    unread = _newest([_latest(storage, name) for name in not_read])
    stale = {key for key, at in own.items() if unread.get(key, 0) < at < newer.get(key, 0)}
    if not stale:
        return 0
    partition = pl.concat_str(pl.col("date").cast(pl.String), pl.lit("|"), pl.col("ticker"))
    rows = (
        computed.select("date", "ticker")
        .filter(partition.is_in(list(stale)))
        .join(written, on=["date", "ticker"], how="anti", maintain_order="left")
    )
    versions = storage.get_latest_tags_by_partition(
        dg.AssetKey(table.name), MATERIALISED, [DATA_VERSION_TAG]
    )
    kept = {key: tags[DATA_VERSION_TAG] for key, tags in versions.items()}
    return report_rows(context, table, rows, versions=kept)


def _latest(storage: EventLogStorage, asset: str) -> Mapping[str, int]:
    """The place in the event log of each partition's newest materialisation."""
    return storage.get_latest_storage_id_by_partition(dg.AssetKey(asset), MATERIALISED)


def _newest(places: Sequence[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in places:
        for key, place in each.items():
            found[key] = max(place, found.get(key, 0))
    return found
