"""Dagster itself writes what is read here, so that a new version of it cannot go unnoticed."""

from datetime import timedelta

import dagster as dg
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster_shared.error import SerializableErrorInfo

from options_platform.adapters.storage.dagster_pulse import (
    SwitchedOn,
    Tick,
    heartbeats,
    switched_on,
)
from options_platform_tests.adapters.storage.test_dagster_state import NOW, write_state


def write_tick(dagster_home, at, status, error=None):
    """A tick of the schedule that `write_state` has switched on."""
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        (state,) = [s for s in instance.all_instigator_state() if s.instigator_name == "on"]
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                instigator_name=state.instigator_name,
                instigator_type=state.instigator_type,
                selector_id=state.selector_id,
                status=status,
                timestamp=at.timestamp(),
                error=error and SerializableErrorInfo(error, [], None),
                skip_reason="a holiday" if status == TickStatus.SKIPPED else None,
            )
        )


def test_each_daemon_has_its_own_sign_of_life(tmp_path):
    (tmp_path / "dagster.yaml").touch()
    assert heartbeats(tmp_path) == {}
    write_state(tmp_path)
    assert heartbeats(tmp_path) == {"SCHEDULER": NOW - timedelta(minutes=1), "SENSOR": NOW}


def test_the_newest_tick_of_a_schedule_that_is_on_is_read(tmp_path):
    (tmp_path / "dagster.yaml").touch()
    assert switched_on(tmp_path, "on") is None
    write_state(tmp_path)
    assert switched_on(tmp_path, "on") == SwitchedOn(None, None)
    assert switched_on(tmp_path, "off") is None
    earlier = NOW - timedelta(days=1)
    write_tick(tmp_path, NOW, TickStatus.SKIPPED)
    write_tick(tmp_path, earlier, TickStatus.FAILURE, "ValueError: broken\n  more")
    assert switched_on(tmp_path, "on").newest == Tick(NOW, None)
    write_tick(tmp_path, NOW, TickStatus.FAILURE, "ValueError: broken\n  more")
    assert switched_on(tmp_path, "on").newest == Tick(NOW, "ValueError: broken")
