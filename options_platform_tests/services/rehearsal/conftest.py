import pytest

from options_platform.services.rehearsal.world import opened
from options_platform_tests.services.rehearsal.small_month import crash_month, driven, settings_of


@pytest.fixture(scope="session")
def month():
    """Three sessions of warm-up and three of March 2016, with a crash on the second."""
    return crash_month()


@pytest.fixture(scope="session")
def ran(month, tmp_path_factory):
    """A stressed rehearsal of that month that has ended, its world still open.

    The kill switch is set so low that the crash trips it.
    """
    low = {"kill_switch": {"max_daily_loss_pct": 0.001}}
    settings = settings_of(tmp_path_factory.mktemp("home"), risk=low)
    with opened(settings, month, tmp_path_factory.mktemp("work")) as world:
        driver, ended = driven(world, settings, month)
        yield world, driver, ended
