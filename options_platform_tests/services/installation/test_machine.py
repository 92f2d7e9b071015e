import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from options_platform.services.installation import machine
from options_platform.services.installation.machine import machine_findings
from options_platform_tests.platform import make_platform_settings

NOW = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return make_platform_settings(tmp_path / "home")


def by_name(settings, now):
    return {one.what: (one.state, one.detail) for one in machine_findings(settings, now)}


def test_a_sound_machine_shows_the_time_in_new_york(settings):
    found = by_name(settings, NOW)
    assert found["clock"] == ("ok", "2026-11-30 12:00 in New York")
    assert found["time zone"][0] == "ok"


def test_a_clock_before_the_release_or_before_what_it_has_written_is_broken(settings):
    state, detail = by_name(settings, datetime(1970, 1, 1, tzinfo=UTC))["clock"]
    assert (state, "before this release" in detail) == ("BROKEN", True)
    settings.warehouse_path.touch()
    written = (NOW + timedelta(hours=1)).timestamp()
    os.utime(settings.warehouse_path, (written, written))
    state, detail = by_name(settings, NOW)["clock"]
    assert state == "BROKEN"
    assert "warehouse.duckdb was written at 2026-11-30 18:00 UTC; set it" in detail


def test_time_zone_data_without_daylight_saving_time_is_broken(settings, monkeypatch):
    monkeypatch.setattr(machine, "NEW_YORK", ZoneInfo("Etc/GMT+5"))
    state, detail = by_name(settings, NOW)["time zone"]
    assert (state, "pip install -U tzdata" in detail) == ("BROKEN", True)
