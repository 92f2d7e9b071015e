"""The one job: all partitioned assets over a range of partitions; daily and backfill alike."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from options_platform.contracts import Table

JOB_NAME = "daily"


def make_job(tables: Sequence[Table]) -> UnresolvedAssetJobDefinition:
    """The job of all partitioned assets with their checks; `tables` are those they fill."""
    names = [table.name for table in tables]
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*names),
        description="All partitioned assets for a session, or a range of sessions, of all tickers.",
        executor_def=dg.in_process_executor,
    )
