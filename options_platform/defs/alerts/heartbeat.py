"""The sensor that asks the outside watcher after each daily run, until it has answered."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from options_platform.adapters.heartbeat import heartbeat_url, is_watched
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.market_data.answers import left_out_only
from options_platform.defs.shared.partitions import BACKFILL_TAG
from options_platform.services.alerting.conditions import outbox_of
from options_platform.services.alerting.heartbeat import beat
from options_platform.settings import HEARTBEAT_URL, Settings

NEWEST = 10
NO_WATCHER = dg.SkipReason(f"no watcher; set {HEARTBEAT_URL}")


def make_heartbeat_sensor(
    settings: Settings,
    url: Callable[[], str | None] = heartbeat_url,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dg.SensorDefinition:
    """The sensor; it runs by default if the environment has the watcher's address."""
    running, stopped = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="heartbeat_after_daily",
        description="Asks the outside watcher's address after each daily run that succeeded.",
        minimum_interval_seconds=settings.alerts.every_seconds,
        default_status=running if is_watched() else stopped,
    )
    def heartbeat_after_daily(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        address = url()
        if address is None:
            return NO_WATCHER
        outbox = outbox_of(settings)
        if (run := _newest_run(context.instance)) is not None:
            outbox.note_run(*run)
        return dg.SkipReason(beat(outbox, address, now()))

    return heartbeat_after_daily


def _newest_run(instance: dg.DagsterInstance) -> tuple[str, datetime] | None:
    """The newest daily run that succeeded, and when it ended; backfills of its job are none.

    One that only left out a ticker whose source has failed is a sign of life, and an alert.
    """
    success, failure = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
    ended_runs = dg.RunsFilter(job_name=JOB_NAME, statuses=[success, failure])
    for record in instance.get_run_records(ended_runs, limit=NEWEST):
        run = record.dagster_run
        if BACKFILL_TAG in run.tags:
            continue
        if run.status is success or left_out_only(instance, run.run_id):
            ended = record.end_time or record.update_timestamp.timestamp()
            return run.run_id, datetime.fromtimestamp(ended, UTC)
    return None
