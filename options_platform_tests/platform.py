"""A whole platform in a folder, on the simulated source, and its tables for comparison."""

from contextlib import contextmanager, nullcontext
from datetime import date, datetime

import polars as pl

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.home import enter_home, prepare_home
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import (
    MODEL_PREDICTIONS,
    PAPER_ORDERS,
    REGIME_TRANSITIONS,
    TRADE_PLAN_LEGS,
)
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.runs import run_job
from options_platform.settings import make_settings
from options_platform_tests.mlflow_store import give_store

START, END = date(2015, 1, 2), date(2017, 3, 31)
PARITY_TABLES = [t for t in ASSET_TABLES if t is not PAPER_ORDERS] + [
    TRADE_PLAN_LEGS,
    REGIME_TRANSITIONS,
]
MODELS = {"direction_model", "volatility_model"}
PROVENANCE = ("fetched_at", "adj_close")


def make_platform_settings(home, **changes):
    values = {
        "home": home,
        "source": "simulated",
        "tickers": ("SPY", "QQQ"),
        "start": START,
        "end": END,
        "baselines": (),
        "account_value_usd": 1_000_000,
        "warehouse_wait_seconds": 30.0,
        # Tests run in processes of their own; to start two more takes longer than these fits.
        "workers": 1,
    } | changes
    settings = make_settings(values)
    prepare_home(settings)
    enter_home(settings, {})
    return settings


def run(settings, start=None, end=None, tickers=None, assets=None, *, backfill=True, now=None,
        alone=True, **resources):  # fmt: skip
    """Materialise assets; `alone` keeps the warehouse open, so no other process can read it.

    `resources` take the place of the platform's, as a `source` of a test.
    """
    selected = PartitionRange(
        start or settings.start, end or settings.end, tuple(tickers or settings.tickers)
    )
    moment = now or datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)
    # As each command does: the log of a copied home would still be that of the first one.
    prepare_home(settings)
    if assets is None or set(assets) & MODELS:
        give_store(settings.home)
    with warehouse_held(settings) if alone else nullcontext():
        return run_job(
            settings, selected, assets=assets, backfill=backfill, now=lambda: moment, **resources
        )


@contextmanager
def warehouse_held(settings):
    """Keep the warehouse open: the steps of a run open it a hundred times, a third of its time."""
    try:
        with held(settings.warehouse_path, wait_seconds=30.0) as connection:
            # A second thread costs more than it saves on tables of a few thousand rows.
            connection.execute("SET threads = 1")
            yield
    finally:
        # A run publishes what it has changed, but not while the file is held.
        publish_changes(settings.home)


def tables(settings, *, until=None):
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    found = {}
    for table in PARITY_TABLES:
        frame = warehouse.read(table)
        if until is not None:
            frame = frame.filter(pl.col("date") <= until)
        found[table.name] = frame.drop([n for n in PROVENANCE if n in frame.columns])
    predictions = warehouse.read(MODEL_PREDICTIONS)
    if until is not None:
        predictions = predictions.filter(pl.col("date") <= until)
    found["model_predictions"] = predictions.filter(
        pl.col("model").is_in(["direction", "volatility"])
    )
    return found


def assert_same_tables(left, right):
    for name, frame in left.items():
        assert frame.height > 0, f"{name} is empty"
        assert frame.equals(right[name]), f"{name} differs"
