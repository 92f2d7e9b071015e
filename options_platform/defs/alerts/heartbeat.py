"""The sensor that asks the outside watcher after each daily run, until it has answered."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from options_platform.adapters.heartbeat import heartbeat_url, is_watched
from options_platform.defs.jobs import JOB_NAME
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
    """The newest daily run that succeeded, and when it ended; backfills of its job are none."""
    succeeded = dg.RunsFilter(job_name=JOB_NAME, statuses=[dg.DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(succeeded, limit=NEWEST):
        if BACKFILL_TAG not in record.dagster_run.tags:
            ended = record.end_time or record.update_timestamp.timestamp()
            return record.dagster_run.run_id, datetime.fromtimestamp(ended, UTC)
    return None
