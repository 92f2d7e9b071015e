"""Checks what runs beside the platform: MLflow's store, Dagster's daemon and its schedules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from urllib.parse import quote

from options_platform.adapters.storage.dagster_state import read_dagster_state
from options_platform.services.market_data.diagnosis import Diagnosis
from options_platform.settings import Settings

SILENT_AFTER = timedelta(minutes=5)
START = "run and keep running: options-platform ui"
SCHEDULES = {
    "daily_after_close": "no daily run starts by itself",
    "reports_after_daily": "marts and report stay as they are",
}
"""What is to be on for trading every day, and what does not happen otherwise."""


def dagster_findings(settings: Settings, now: datetime) -> Iterator[Diagnosis]:
    """Whether the daemon runs, and which schedules are off; nothing of a damaged database."""
    try:
        state = read_dagster_state(settings.dagster_home)
    except sqlite3.Error as error:
        detail = f"its state cannot be read ({error}); run: options-platform doctor --deep"
        yield Diagnosis("dagster daemon", Diagnosis.NOTE, detail)
        return
    off = f"no schedule fires; {START}"
    if state.heartbeat is None:
        yield Diagnosis("dagster daemon", Diagnosis.NOTE, f"never ran in this home: {off}")
    elif now - state.heartbeat > SILENT_AFTER:
        last = f"{state.heartbeat:%Y-%m-%d %H:%M} UTC"
        yield Diagnosis("dagster daemon", Diagnosis.NOTE, f"silent since {last}: {off}")
    else:
        yield Diagnosis("dagster daemon", Diagnosis.OK, "running")
    for name, without in SCHEDULES.items():
        if state.switched.get(name, False):
            yield Diagnosis(name, Diagnosis.OK, "on")
        else:
            detail = f"off: {without}; switch it on under Automation in: options-platform ui"
            yield Diagnosis(name, Diagnosis.NOTE, detail)


def mlflow_findings(settings: Settings) -> Iterator[Diagnosis]:
    """How many runs the store of MLflow has, and how to see them."""
    path = settings.home / "mlflow.db"
    if not path.is_file():
        yield Diagnosis("mlflow store", Diagnosis.NOTE, "empty; a backfill trains the first models")
        return
    try:
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=2.0)) as database:
            ((runs,),) = database.execute("SELECT count(*) FROM runs").fetchall()
    except sqlite3.Error as error:
        detail = f"{path} cannot be read ({error}); run: options-platform doctor --deep"
        yield Diagnosis("mlflow store", Diagnosis.BROKEN, detail)
        return
    detail = f"{runs} runs; see them: options-platform mlflow"
    yield Diagnosis("mlflow store", Diagnosis.OK, detail)
