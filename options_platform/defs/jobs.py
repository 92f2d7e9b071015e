"""The jobs: all nine assets over a range of partitions, daily and backfill alike; the reports."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from options_platform.contracts import ASSET_TABLES

JOB_NAME = "daily"
REPORTING_JOB_NAME = "reporting"
REPORTING_ASSETS = ("marts", "report")


def make_job() -> UnresolvedAssetJobDefinition:
    """The job of all partitioned assets with their checks."""
    names = [table.name for table in ASSET_TABLES]
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*names),
        description="All nine assets for a session, or a range of sessions, of all tickers.",
        executor_def=dg.in_process_executor,
    )


def make_reporting_job() -> UnresolvedAssetJobDefinition:
    """The job of the unpartitioned assets, which are rebuilt whole."""
    return dg.define_asset_job(
        REPORTING_JOB_NAME,
        selection=dg.AssetSelection.assets(*REPORTING_ASSETS),
        description="The SQL marts and the HTML report over everything that is stored.",
        executor_def=dg.in_process_executor,
    )
