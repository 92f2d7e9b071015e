"""The asset `forward_record` in the daily job: what it records, and what it leaves alone."""

import shutil

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.services.forward.recording import forward_record
from options_platform_tests.forward_links import night, too_late
from options_platform_tests.platform import END, make_platform_settings, run

STEPS = ["trade_plan", "forward_record"]


@pytest.fixture
def settings(simulated_home, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(simulated_home.warehouse_path, home)
    return make_platform_settings(home)


def night_run(settings, moment=None, **options):
    (outcome,) = run(
        settings, END, END, assets=STEPS, backfill=False, now=moment or night(END), **options
    )
    return outcome


def links(settings):
    return forward_record(settings).read().links


@pytest.mark.long
def test_a_run_of_the_newest_session_records_every_set(settings):
    assert night_run(settings).warnings == ()
    assert [(link.rule_set, link.session, link.kind) for link in links(settings)] == [
        ("plan", END, "plans"), ("premium_ladder", END, "plans"),
    ]  # fmt: skip


@pytest.mark.long
def test_the_same_evening_again_records_nothing(settings):
    night_run(settings)
    before = settings.forward_record_path.read_bytes()
    night_run(settings)
    assert settings.forward_record_path.read_bytes() == before


@pytest.mark.long
def test_late_runs_backfills_and_older_sessions_record_nothing(settings):
    night_run(settings, too_late(END))
    run(settings, END, END, assets=STEPS, backfill=True, now=night(END))
    run(settings, shift(END, -1), END, assets=STEPS, backfill=False, now=night(END))
    run(settings, shift(END, -1), shift(END, -1), assets=STEPS, backfill=False, now=night(END))
    run(settings, END, END, tickers=("SPY",), assets=STEPS, backfill=False, now=night(END))
    assert links(settings) == ()


@pytest.mark.long
def test_an_altered_record_fails_its_check_and_stops_no_other_asset(settings):
    night_run(settings)
    path = settings.forward_record_path
    altered = path.read_bytes().replace(b'"contracts":', b'"contractS":', 1)
    path.write_bytes(altered)
    (warning,) = night_run(settings).warnings
    assert warning.startswith("forward_record.chain_verifies: link 1 ")
    assert path.read_bytes() == altered
