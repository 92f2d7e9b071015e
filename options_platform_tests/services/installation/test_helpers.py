import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from options_platform.services.installation import helpers
from options_platform.services.installation.helpers import dagster_findings, mlflow_findings
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform_tests.adapters.storage.test_dagster_state import NOW, write_state
from options_platform_tests.platform import make_platform_settings


@pytest.fixture
def settings(tmp_path):
    return make_platform_settings(tmp_path / "home")


def by_name(findings):
    return {one.what: (one.state, one.detail) for one in findings}


def test_a_home_without_a_daemon_says_how_to_start_it_and_what_does_not_happen(settings):
    found = by_name(dagster_findings(settings, NOW))
    assert {state for state, _ in found.values()} == {Diagnosis.NOTE}
    assert "options-platform ui" in found["dagster daemon"][1]
    assert "no daily run starts" in found["daily_after_close"][1]


@pytest.mark.parametrize(
    ("minutes", "state", "text"), [(4, "ok", "running"), (6, "note", "silent")]
)
def test_a_daemon_runs_while_its_heartbeat_is_recent(settings, monkeypatch, minutes, state, text):
    write_state(settings.dagster_home)
    monkeypatch.setattr(helpers, "SCHEDULES", {"on": "nothing", "off": "nothing"})
    found = by_name(dagster_findings(settings, NOW + timedelta(minutes=minutes)))
    assert found["dagster daemon"][0] == state
    assert text in found["dagster daemon"][1]
    assert (found["on"][0], found["off"][0]) == ("ok", "note")


def test_the_store_of_mlflow_is_counted_or_called_unreadable(settings):
    assert by_name(mlflow_findings(settings))["mlflow store"][0] == "note"
    path = settings.home / "mlflow.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE runs (run_uuid)")
        database.execute("INSERT INTO runs VALUES ('a'), ('b')")
    state, detail = by_name(mlflow_findings(settings))["mlflow store"]
    assert (state, detail.startswith("2 runs; see them: options-platform mlflow")) == ("ok", True)
    path.write_bytes(b"garbage " * 100)
    state, detail = by_name(mlflow_findings(settings))["mlflow store"]
    assert state == "BROKEN"
    assert "options-platform doctor --deep" in detail


def test_a_damaged_store_of_dagster_is_a_note_that_names_the_deep_check(settings):
    path = settings.dagster_home / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage " * 100)
    (found,) = dagster_findings(settings, datetime.now(UTC))
    assert (found.state, "doctor --deep" in found.detail) == ("note", True)
