"""Dagster itself writes what is read here, so that a new version of it cannot go unnoticed."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._daemon.types import DaemonHeartbeat

from options_platform.adapters.storage.dagster_state import DagsterState, read_dagster_state

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def instigator(name, kind, status):
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
    data = ScheduleInstigatorData("30 0 * * 2-6") if kind == InstigatorType.SCHEDULE else None
    return InstigatorState(RemoteInstigatorOrigin(repository, name), kind, status, data)


def write_state(dagster_home):
    """A daemon alive at NOW, a schedule that is on, and a sensor that is off."""
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        for kind, seconds in (("SCHEDULER", 60), ("SENSOR", 0)):
            beat = DaemonHeartbeat(NOW.timestamp() - seconds, kind, "id", [])
            instance.add_daemon_heartbeat(beat)
        for name, kind, status in (
            ("on", InstigatorType.SCHEDULE, InstigatorStatus.RUNNING),
            ("off", InstigatorType.SENSOR, InstigatorStatus.STOPPED),
        ):
            instance.add_instigator_state(instigator(name, kind, status))


def test_what_dagster_has_stored_is_read(tmp_path):
    (tmp_path / "dagster.yaml").touch()
    write_state(tmp_path)
    assert read_dagster_state(tmp_path) == DagsterState(NOW, {"on": True, "off": False})


def test_a_home_that_dagster_never_used_has_no_state(tmp_path):
    assert read_dagster_state(tmp_path) == DagsterState()
