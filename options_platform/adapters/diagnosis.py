"""What `doctor` looks at: versions, home, source, calendar, tables; one finding each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from options_platform.errors import PlatformError
from options_platform.settings import Settings

NEEDED = ("dagster", "duckdb", "polars", "mlflow", "xgboost-cpu", "scikit-learn", "arch")
LOW_DISK_BYTES = 2_000_000_000
CALENDAR_WARNING_DAYS = 60


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is ok, note or BROKEN, `detail` says what to do."""

    OK: ClassVar[str] = "ok"
    NOTE: ClassVar[str] = "note"
    BROKEN: ClassVar[str] = "BROKEN"

    what: str
    state: str
    detail: str


def diagnose(settings: Settings) -> list[Finding]:
    """All findings; nothing is changed but an empty home being created."""
    findings = [_python(), *_packages(), *_home(settings), _source(settings), _calendar()]
    return [*findings, *_tables(settings)]


def _python() -> Finding:
    shown = sys.version.split()[0]
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    state = Finding.OK if supported else Finding.BROKEN
    return Finding("python", state, shown if supported else f"{shown}; 3.11 to 3.13 are supported")


def _packages() -> Iterator[Finding]:
    for name in NEEDED:
        try:
            yield Finding(name, Finding.OK, version(name))
        except PackageNotFoundError:
            yield Finding(name, Finding.BROKEN, "not installed; run: make install")


def _home(settings: Settings) -> Iterator[Finding]:
    from options_platform.adapters.home import prepare_home

    try:
        prepare_home(settings)
    except PlatformError as error:
        yield Finding("home", Finding.BROKEN, str(error))
        return
    yield Finding("home", Finding.OK, str(settings.home))
    free = shutil.disk_usage(settings.home).free
    state = Finding.OK if free > LOW_DISK_BYTES else Finding.NOTE
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free")


def _source(settings: Settings) -> Finding:
    from options_platform.adapters.sources import open_source, require_ready, source_options

    try:
        for name in (settings.source, *settings.fallback_sources):
            require_ready(name)
        info = open_source(settings.source, source_options(settings)).info
    except PlatformError as error:
        return Finding("source", Finding.BROKEN, str(error))
    lacking = [t for t in settings.tickers if info.tickers is not None and t not in info.tickers]
    if lacking:
        return Finding(
            "source",
            Finding.BROKEN,
            f"{info.name} has no {', '.join(lacking)}; it has {', '.join(info.tickers or ())}: "
            "set OPTIONS_TICKERS or another OPTIONS_SOURCE",
        )
    return Finding("source", Finding.OK, f"{info.name}: {info.label}")


def _calendar() -> Finding:
    from options_platform.domain.calendar import LAST_DAY

    left = (LAST_DAY - datetime.now(UTC).date()).days
    state = Finding.OK if left > CALENDAR_WARNING_DAYS else Finding.NOTE
    return Finding("calendar", state, f"holidays known to {LAST_DAY}")


def _tables(settings: Settings) -> Iterator[Finding]:
    from options_platform.adapters.warehouse import Warehouse
    from options_platform.contracts import ASSET_TABLES

    if not settings.warehouse_path.exists():
        yield Finding("warehouse", Finding.NOTE, "empty; run: options-platform backfill")
        return
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    for table in ASSET_TABLES:
        try:
            dates = warehouse.read(table, columns=["date", "ticker"], tickers=settings.tickers)
        except PlatformError as error:
            yield Finding(table.name, Finding.BROKEN, str(error))
            return
        newest = dates["date"].max()
        if isinstance(newest, date):
            yield Finding(table.name, Finding.OK, f"{dates.height} rows, newest {newest}")
        else:
            yield Finding(table.name, Finding.NOTE, "no rows yet")
