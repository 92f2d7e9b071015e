"""The settings with the surface that stored real chains have taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import SURFACE_ERROR, SURFACE_FIT
from options_platform.domain.chain.learned import LearnedSurface, fits_of
from options_platform.settings import Settings


def with_fits(settings: Settings, warehouse: Warehouse) -> Settings:
    """`settings` with the stored fits of its tickers in the surface.

    Each session is priced by the last fit of an earlier one. The settings themselves without any
    fit, or if `plan.chain.surface.learn` is off.
    """
    chain = settings.plan.chain
    if not chain.surface.learn or not warehouse.path.exists():
        return settings
    fits = fits_of(warehouse.read(SURFACE_FIT, tickers=settings.tickers))
    if not fits:
        return settings
    surface = LearnedSurface.of(chain.surface, fits)
    return replace(settings, plan=replace(settings.plan, chain=replace(chain, surface=surface)))


def measured_notes(warehouse: Warehouse, tickers: Sequence[str]) -> dict[str, str]:
    """What each ticker's stored real chains say of its synthetic prices, without a full stop.

    The error is the mean absolute one of all quotes of 10 to 60 delta and 7 to 60 days, each by the
    surface that was known before its session. Tickers that were never measured are left out.
    """
    columns = ["date", "ticker", "band", "n", "mae_points"]
    errors = warehouse.read(SURFACE_ERROR, columns=columns, tickers=tickers)
    columns = ["date", "ticker", "is_adopted"]
    fits = warehouse.read(SURFACE_FIT, columns=columns, tickers=tickers).sort("date")
    own = {ticker: (day, is_adopted) for day, ticker, is_adopted in fits.iter_rows()}
    near = errors.filter(pl.col("band") != "2-10").group_by("ticker").agg(
        points=(pl.col("mae_points") * pl.col("n")).sum() / pl.col("n").sum(),
        sessions=pl.col("date").n_unique(),
        first=pl.col("date").min(),
        last=pl.col("date").max(),
    )  # fmt: skip
    return {
        ticker: f"synthetic volatilities are {points:.1f} vol points off the ticker's own chains "
        f"on {sessions} sessions, {first} to {last} (10 to 60 delta); " + _use(*own[ticker])
        for ticker, points, sessions, first, last in near.sort("ticker").iter_rows()
    }


def _use(day: date, is_adopted: bool | None) -> str:
    """What the last fit of a ticker is used for; null where the chains are too few for one."""
    if is_adopted is None:
        return "too few chains for a fit of its own"
    if is_adopted:
        return f"its own fit is of {day}"
    return (
        f"priced as its class, since up to {day} its own fits have not been as good on three or "
        "more chains that they had not seen"
    )
