"""The schedules: the daily run after each session, the backtest once a week."""

from datetime import timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from options_platform.common import PartitionRange
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.shared.partitions import TIMEZONE, range_tags
from options_platform.domain.calendar.sessions import NEW_YORK, is_session
from options_platform.settings import Settings


def make_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule of the daily run: at 00:30 New York on the day after each session."""

    @dg.schedule(
        name="daily_after_close",
        cron_schedule="30 0 * * 2-6",
        execution_timezone=TIMEZONE,
        job_name=JOB_NAME,
        description="After each New York session: one run for all tickers of that date.",
    )
    def daily_after_close(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(NEW_YORK).date() - timedelta(days=1)
        if not is_session(day):
            return dg.SkipReason(f"{day} was not a New York session")
        if settings.end is not None and day > settings.end:
            return dg.SkipReason(f"the data of source {settings.source} ends {settings.end}")
        selected = PartitionRange(day, day, settings.tickers)
        return dg.RunRequest(run_key=day.isoformat(), tags=range_tags(selected))

    return daily_after_close


def make_backtest_schedule(backtest: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The schedule of the backtest: Saturdays at 06:00 New York."""
    return dg.ScheduleDefinition(
        name="backtest_weekly",
        job=backtest,
        cron_schedule="0 6 * * 6",
        execution_timezone=TIMEZONE,
        description="Each Saturday: the backtest of the configured rules.",
    )
