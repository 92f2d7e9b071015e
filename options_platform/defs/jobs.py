"""The jobs: all partitioned assets (a daily run or a backfill), the backtest, and reporting."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from options_platform.contracts import LEDGER_VIEWS, Table
from options_platform.defs.shared.sending import ORDER_RUN_TAGS
from options_platform.settings import Settings
from options_platform.settings.broker_rules import LIVE_NOTE

JOB_NAME = "daily"
MONEY_TAG = "options_platform/money"
BACKTEST_JOB_NAME = "backtest_job"
REPORTING_JOB_NAME = "reporting"
REPORTING_GROUP = "reporting"
ORDERS_GROUP = "orders"
FORWARD_RECORD = "forward_record"


def make_job(settings: Settings, tables: Sequence[Table]) -> UnresolvedAssetJobDefinition:
    """The job of the assets that fill `tables` and of the forward record, with their checks."""
    names = [*(table.name for table in tables), FORWARD_RECORD]
    about = "All partitioned assets for a session, or a range of sessions, of all tickers."
    return dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(*names),
        description=f"{LIVE_NOTE} {about}" if settings.is_live else about,
        tags=order_tags(settings),
        executor_def=dg.in_process_executor,
    )


def order_tags(settings: Settings) -> dict[str, str]:
    """The tags of a job that sends orders; they show in lists of runs which may move real money."""
    return ORDER_RUN_TAGS | ({MONEY_TAG: "LIVE"} if settings.is_live else {})


def make_backtest_job() -> UnresolvedAssetJobDefinition:
    """The job of the backtest, separate so that a daily run does not wait for it."""
    return dg.define_asset_job(
        BACKTEST_JOB_NAME,
        selection=dg.AssetSelection.assets("backtest"),
        description="The backtest of the configured rules over all stored predictions.",
        executor_def=dg.in_process_executor,
    )


def make_reporting_job() -> UnresolvedAssetJobDefinition:
    """The job of the ledger's views, the marts and the report, which are rebuilt completely."""
    views = dg.AssetSelection.assets(*(table.name for table in LEDGER_VIEWS))
    return dg.define_asset_job(
        REPORTING_JOB_NAME,
        selection=dg.AssetSelection.groups(REPORTING_GROUP) | views,
        description="The ledger's views, the SQL marts and the HTML report, from all stored data.",
        executor_def=dg.in_process_executor,
    )
