import shutil

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.services.forward.recording import forward_record, record_session
from options_platform.services.market_data.platform import make_platform
from options_platform_tests.forward_links import night
from options_platform_tests.platform import END, make_platform_settings

DAYS = sessions(shift(END, -8), shift(END, -3))
"""Recorded sessions; the market goes on for three more."""

GAP = DAYS[3]


@pytest.fixture(scope="session")
def recorded_home(simulated_home, tmp_path_factory):
    """Settings of a home that recorded `DAYS`, night by night, but for `GAP`; do not change it."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    home.mkdir()
    shutil.copy(simulated_home.warehouse_path, home)
    settings = make_platform_settings(home)
    for day in DAYS:
        if day != GAP:
            recorded_that_night(settings, day)
    return settings


@pytest.fixture
def home(recorded_home, tmp_path):
    """A copy of that home, to change."""
    folder = tmp_path / "home"
    folder.mkdir()
    for path in (recorded_home.warehouse_path, recorded_home.forward_record_path):
        shutil.copy(path, folder)
    return make_platform_settings(folder)


def recorded_that_night(settings, day):
    """What is recorded for a session in its night, when the warehouse has no later bars."""
    warehouse = Warehouse(settings.warehouse_path)
    later = warehouse.read(RAW_OHLCV, start=shift(day, 1))
    warehouse.execute([f"DELETE FROM raw_ohlcv WHERE date > DATE '{day}'"])
    recorded = record_session(platform_at(settings, night(day)), day)
    if later.height:
        warehouse.write([(RAW_OHLCV, later)])
    return recorded


def platform_at(settings, moment):
    """The platform of the settings at a moment."""
    return make_platform(settings, now=lambda: moment)


def chain_of(settings):
    return forward_record(settings).read()
