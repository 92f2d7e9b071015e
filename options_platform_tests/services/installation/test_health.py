from datetime import UTC, datetime, timedelta

import pytest
from dagster._utils.schedules import cron_string_iterator
from hypothesis import given
from hypothesis import strategies as st

from options_platform.adapters.storage.dagster_pulse import SwitchedOn, Tick
from options_platform.cli import main
from options_platform.defs.schedules import make_schedule
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.services.installation import health
from options_platform.services.installation.health import (
    DAEMONS,
    DAILY,
    health_findings,
    last_due,
)
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import make_settings

TUESDAY = datetime(2026, 3, 3, 0, 30, tzinfo=NEW_YORK)
FRESH = dict.fromkeys(DAEMONS, TUESDAY)


def judged(monkeypatch, tmp_path, now, beats=FRESH, schedule=None):
    monkeypatch.setattr(health, "heartbeats", lambda _: beats)
    monkeypatch.setattr(health, "switched_on", lambda *_: schedule)
    found = health_findings(make_settings({"home": tmp_path}), now)
    return {finding.what: (finding.state, finding.detail) for finding in found}


@given(
    st.integers(0, 8 * 366 * 24 * 60).map(
        lambda m: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
    )
)
def test_the_schedule_is_due_when_dagster_says_so(moment):
    """Dagster's own reading of the schedule's cron string, through both changes of the clock."""
    cron = make_schedule(make_settings({})).cron_schedule
    due = last_due(moment)
    start = (moment - timedelta(days=5)).timestamp()
    times = cron_string_iterator(start, cron, "America/New_York")
    expected = None
    for at in times:
        if at > moment:
            break
        expected = at
    assert due == expected


def test_a_silent_daemon_is_named_with_what_starts_it(monkeypatch, tmp_path):
    monkeypatch.setenv("OPTIONS_STARTED_BY", "compose")
    state, detail = judged(monkeypatch, tmp_path, TUESDAY, beats={})["dagster daemon"]
    assert (state, "docker compose restart daemon" in detail) == ("BROKEN", True)
    late = TUESDAY + timedelta(minutes=6)
    one = FRESH | {"SCHEDULER": TUESDAY} | dict.fromkeys(DAEMONS[1:], late)
    state, detail = judged(monkeypatch, tmp_path, late, beats=one)["dagster daemon"]
    assert (state, "minutes from SCHEDULER;" in detail) == ("BROKEN", True)
    assert judged(monkeypatch, tmp_path, TUESDAY)["dagster daemon"][0] == "ok"


MONDAY = TUESDAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("after", "schedule", "state", "text"),
    [
        (20, None, "note", "off"),
        (20, SwitchedOn(MONDAY, None), "BROKEN", "did not fire at 2026-03-03 00:30"),
        (10, SwitchedOn(MONDAY, None), "ok", "on"),
        (20, SwitchedOn(TUESDAY, None), "ok", "on"),
        (20, SwitchedOn(None, None), "ok", "on"),
        (20, SwitchedOn(MONDAY, Tick(TUESDAY, None)), "ok", "fired 2026-03-03 00:30"),
        (20, SwitchedOn(MONDAY, Tick(TUESDAY, "ValueError: x")), "BROKEN", "ValueError: x"),
        (24 * 60 + 20, SwitchedOn(MONDAY, Tick(TUESDAY, None)), "BROKEN", "2026-03-04 00:30"),
    ],
)
def test_a_schedule_that_is_on_has_fired_when_it_was_due(
    monkeypatch, tmp_path, after, schedule, state, text
):
    now = TUESDAY + timedelta(minutes=after)
    shown = judged(monkeypatch, tmp_path, now, dict.fromkeys(DAEMONS, now), schedule)[DAILY]
    assert (shown[0], text in shown[1]) == (state, True), shown


def test_the_command_reads_an_absent_home_and_creates_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "home"))
    assert main(["doctor", "--health"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"{Diagnosis.BROKEN} dagster daemon: never ran in this home")
    assert "Steps" not in shown
    assert not (tmp_path / "home").exists()


def test_a_damaged_database_of_dagster_is_broken(tmp_path):
    settings = make_settings({"home": tmp_path})
    path = settings.dagster_home / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage " * 100)
    (found,) = health_findings(settings, TUESDAY)
    assert (found.state, "doctor --deep" in found.detail) == ("BROKEN", True)


def test_health_and_deep_exclude_each_other(capsys):
    assert main(["doctor", "--health", "--deep"]) == 2
    assert "give one of them" in capsys.readouterr().err
