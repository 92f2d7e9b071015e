"""System: Dagster's runs and how long they took, what failed, rows set aside, and sizes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from options_platform import __version__
from options_platform.adapters.storage.failed_runs import failed_runs
from options_platform.adapters.storage.recent_runs import recent_runs
from options_platform.contracts import QUARANTINE
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import exact, moment, ratio, run_id, text
from options_platform.services.installation.health import health_findings
from options_platform.services.market_data.inventory import without_bars

RUNS, ROWS = 25, 50
SMALLEST = 0.005


def system(view: View) -> dict[str, Any]:
    """The content of the page."""
    settings = view.settings
    entries = view.warehouse.read(QUARANTINE).filter(pl.col("status") == "open")
    failed = [asdict(run) for run in failed_runs(settings.dagster_home)]
    runs = [asdict(run) for run in recent_runs(settings.dagster_home, RUNS)]
    return {
        "version": __version__,
        "health": [*health_findings(settings, view.now)],
        "failed": grid(
            "Jobs whose newest run failed, UTC",
            failed,
            {"job": ("Job", exact), "ended": ("Ended", moment), "run_id": ("Run", run_id),
             "cause": ("Cause", exact)},
            "No job's newest run has failed.",
        ),
        "runs": grid(
            "The newest runs, UTC",
            runs,
            {"job": ("Job", exact), "status": ("State", text), "started": ("Started", moment),
             "seconds": ("Seconds", ratio), "run_id": ("Run", run_id)},
            "Nothing was run yet. Begin with: options-platform backfill",
        ),
        "without_bars": grid(
            "Tickers without a bar of the newest stored session",
            without_bars(view.warehouse, settings).to_dicts(),
            {"ticker": ("Ticker", exact), "last": ("Last bar", exact),
             "sessions_behind": ("Sessions behind", exact)},
            "Every ticker has one.",
        ),
        "open": entries.height,
        "quarantine": grid(
            "Rows that wait for a decision, the newest first",
            entries.sort("date", descending=True).head(ROWS).to_dicts(),
            {"date": ("Session", exact), "ticker": ("Ticker", exact), "rule": ("Rule", text),
             "severity": ("Severity", text), "source": ("Source", exact),
             "value": ("As received", exact)},
            "No row waits for a decision.",
        ),
        "sizes": grid(
            f"The home {settings.home}",
            _sizes(settings.home),
            {"name": ("Part", exact), "megabytes": ("MB", ratio)},
        ),
    }  # fmt: skip


def _sizes(home: Path) -> list[dict[str, Any]]:
    """The size of each file and folder of a home, the largest first; those of the copy are shared
    between its versions, and count once."""
    rows = []
    for entry in home.iterdir() if home.is_dir() else ():
        files = [entry] if entry.is_file() else [f for f in entry.rglob("*") if f.is_file()]
        try:
            sizes = {(stat.st_dev, stat.st_ino): stat.st_size for stat in (f.stat() for f in files)}
        except OSError:
            # A run removes its files while this looks at them.
            continue
        if (megabytes := sum(sizes.values()) / 1e6) >= SMALLEST:
            rows.append({"name": entry.name, "megabytes": megabytes})
    return sorted(rows, key=lambda row: -row["megabytes"])
