"""Measured betas of tickers for which `risk.betas` sets none: those of the session before.

A home without a company has no table of them, and its tickers keep a beta of 1. An evening's limits
never use a beta of its own session, so they do not depend on which asset of the run came first, and
a backtest asks what the evening asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.domain.features.table import CROSS_FEATURES_TABLE
from options_platform.settings import Settings

MEASURED = "beta_252x"
RECENT = timedelta(days=370)
"""A ticker that is not quoted any more keeps its last beta for a year."""


def stored_betas(
    warehouse: Warehouse,
    tickers: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
) -> pl.DataFrame:
    """date, ticker and beta (on SPY, 252 returns without reactions) of the sessions that have one,
    ascending by date."""
    columns = [*KEY, MEASURED]
    rows = warehouse.read(
        CROSS_FEATURES_TABLE, columns=columns, tickers=tickers, start=start, end=end
    )
    return rows.drop_nulls(MEASURED).rename({MEASURED: "beta"}).sort("date", "ticker")


def with_betas(settings: Settings, warehouse: Warehouse, session: date | None = None) -> Settings:
    """`settings` with the betas that were measured before `session`, by default before the newest
    measured one, for tickers without a set one."""
    if not warehouse.path.exists():
        return settings
    start = None if session is None else session - RECENT
    rows = stored_betas(warehouse, settings.tickers, start, session)
    newest = session or rows["date"].max()
    return of_session(settings, rows, newest)  # type: ignore[arg-type]


def of_session(settings: Settings, rows: pl.DataFrame, session: date | None) -> Settings:
    """`settings` with the newest betas among `rows` (:func:`stored_betas`) before `session`."""
    if session is None or rows.is_empty():
        return settings
    before = rows.filter((pl.col("date") < session) & (pl.col("date") >= session - RECENT))
    newest = before.group_by("ticker").agg(pl.col("beta").last())
    measured = dict(newest.sort("ticker").iter_rows())
    return replace(settings, risk=settings.risk.filled(measured))
