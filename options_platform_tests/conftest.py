"""Skips are named, and failures where everything must run (`OPTIONS_REQUIRE_ALL=1`)."""

import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock
from hypothesis import settings

from options_platform_tests.longest import LONGEST

# What `enter_home` sets for the commands.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "20000")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")

# A busy machine is no finding.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Thousands of small databases wait for a disk for minutes, and for memory not at all.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 8 * 2**30
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

REQUIRE_ALL = os.environ.get("OPTIONS_REQUIRE_ALL") == "1"


def pytest_collection_modifyitems(items):
    """The files that take longest come first: none is left to one worker at the end."""
    places = {name: at for at, name in enumerate(LONGEST)}
    folder = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.relative_to(folder).as_posix(), len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although everything is required: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch, tmp_path):
    """No setting of the shell, no options.toml and no closed umask of a home reaches a test."""
    os.umask(0o022)
    for name in os.environ:
        if name.startswith("OPTIONS_") and name not in (
            "OPTIONS_REFERENCE_DATA",
            "OPTIONS_REQUIRE_ALL",
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of real market data, outside the project."""
    folder = os.environ.get("OPTIONS_REFERENCE_DATA")
    if not folder:
        pytest.skip("OPTIONS_REFERENCE_DATA is not set: no real market data here")
    return Path(folder)


@pytest.fixture(scope="session")
def real_market(reference_data) -> tuple[pl.DataFrame, pl.DataFrame]:
    """SPY and QQQ with the VIX, 2000 to 2024, as rows of `raw_ohlcv` and `vix`."""
    from options_platform.adapters.sources import SourceOptions, open_source
    from options_platform.testing.market import from_source

    folders = os.pathsep.join(str(reference_data / part) for part in ("prices", "vol"))
    return from_source(open_source("csv", SourceOptions(csv_dir=folders)), 2000, 2024)


@pytest.fixture(scope="session")
def simulated_home(tmp_path_factory):
    """Settings of a home after a backfill of the simulated source; copy it before changing it."""
    from options_platform_tests.platform import make_platform_settings, run

    ours = tmp_path_factory.getbasetemp()
    # The folders of all workers lie in one, where the first that asks makes the home for all.
    whole = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    first = whole / "simulated-home"
    with FileLock(f"{first}.lock"):
        if not first.exists():
            settings = make_platform_settings(whole / "simulated" / "home")
            run(settings)
            settings.home.rename(first)
    home = tmp_path_factory.mktemp("simulated") / "home"
    shutil.copytree(first, home)
    return make_platform_settings(home)
