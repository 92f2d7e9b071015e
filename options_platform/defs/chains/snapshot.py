"""Taking the option chains of a session on its own evening, while its last quotes still stand.

The partition of a session appears at midnight, when Yahoo's quotes are often gone. A snapshot is
stored under its session before that, and the nightly `option_chain` takes it as it is.
"""

from datetime import date, time

import dagster as dg

from options_platform.common import PartitionRange
from options_platform.defs.shared.partitions import TIMEZONE
from options_platform.domain.calendar.sessions import (
    NEW_YORK,
    REGULAR_CLOSE,
    is_session,
    newest_final_session,
)
from options_platform.errors import SourceError, UsageError
from options_platform.services.market_data.chains import Fetched, fetch_chains
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

SNAPSHOT_JOB_NAME = "chain_snapshot"


def take_snapshot(platform: Platform, tickers: tuple[str, ...]) -> tuple[date, Fetched]:
    """Fetch and store the chains of today's session; the session, and what became of them.

    One that was taken today already is not fetched again. UsageError before the close has
    settled and on a day without a session; SourceError, after the others are stored, if a ticker
    has none.
    """
    today = platform.now().astimezone(NEW_YORK).date()
    session = newest_final_session(platform.now())
    if session != today:
        raise UsageError(
            f"today, {today}, has no session that is over: a snapshot is taken from half an hour "
            f"after the close to midnight New York; the chains of {session} come with: "
            "options-platform daily"
        )
    fetched = fetch_chains(platform, PartitionRange(session, session, tickers))
    if fetched.skipped:
        raise SourceError(
            f"{len(fetched.skipped)} of {len(tickers)} chains of {session} could not be had: "
            f"{' | '.join(fetched.skipped.values())}"
        )
    return session, fetched


def make_snapshot_job(settings: Settings) -> dg.JobDefinition:
    """The job that takes a snapshot of the settings' tickers."""

    @dg.op(description="Store the option chains of today's session, as they stand after its close.")
    def take_chain_snapshot(
        context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> None:
        session, fetched = take_snapshot(platform, settings.tickers)
        quotes = int(fetched.shares["contracts"].sum())
        context.log.info(f"{fetched.shares.height} chains of {session}, {quotes} quotes")

    @dg.job(
        name=SNAPSHOT_JOB_NAME,
        description="The option chains of today's session, taken on its own evening.",
        executor_def=dg.in_process_executor,
    )
    def chain_snapshot() -> None:
        take_chain_snapshot()

    return chain_snapshot


def make_snapshot_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule of the job, some minutes after the regular close; off until switched on."""
    at = snapshot_time(settings)

    @dg.schedule(
        name="chain_snapshot_after_close",
        cron_schedule=f"{at.minute} {at.hour} * * 1-5",
        execution_timezone=TIMEZONE,
        job_name=SNAPSHOT_JOB_NAME,
        description="On the evening of each New York session; off unless switched on.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def chain_snapshot_after_close(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(NEW_YORK).date()
        if not is_session(day):
            return dg.SkipReason(f"{day} is no New York session")
        return dg.RunRequest(run_key=f"chains {day.isoformat()}")

    return chain_snapshot_after_close


def snapshot_time(settings: Settings) -> time:
    """The time of day in New York at which the schedule fires."""
    minutes = REGULAR_CLOSE.hour * 60 + settings.chain_snapshot_minutes
    return time(*divmod(minutes, 60))
