"""The settings with the surface that stored real chains have taught."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN, REVISIONS, SURFACE_ERROR, SURFACE_FIT, VIX
from options_platform.domain.chain.event_steps import TickerEvents
from options_platform.domain.chain.learned import LearnedSurface, TickerFits, end_of, fits_of
from options_platform.domain.chain.learning import WINDOW, as_traded, fit_versions, surface_hash
from options_platform.domain.chain.stock_quotes import FARTHEST, NearReports
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.near_reports import near_reports
from options_platform.domain.market.index_series import MODEL_PREFIX, may_be_stock
from options_platform.services.market_data.own_chains import may_be_modelled
from options_platform.settings import Settings

BASIS = ("iv_symbol", "surface_hash")


def with_fits(
    settings: Settings, warehouse: Warehouse, recorded_from: datetime | None = None
) -> Settings:
    """`settings` with the stored fits of its tickers and their reports in the surface.

    Each session is priced by the last fit of an earlier one, unless that is too old. Fits that were
    measured on another volatility index, or with another surface, than the settings price by are
    left out. With `recorded_from`, the time of the first record of an account's ledger, each
    session has the fit that was known when the account traded it. The settings themselves without
    any fit, or if `plan.chain.surface.learn` is off.
    """
    if not warehouse.path.exists():
        return settings
    fits = _fits(settings, warehouse, recorded_from)
    events = modelled_events(settings, warehouse)
    near = around_reports(settings, warehouse)
    if not (fits or events or near):
        return settings
    chain = settings.plan.chain
    surface = LearnedSurface.of(chain.surface, fits, events, near)
    return replace(settings, plan=replace(settings.plan, chain=replace(chain, surface=surface)))


def modelled_events(settings: Settings, warehouse: Warehouse) -> dict[str, TickerEvents]:
    """The next report of each ticker whose stored volatility is modelled, on each session.

    Its sigma is times the setting `earnings.event_premium`, if that is given.
    """
    tickers = may_be_modelled(settings)
    if not tickers:
        return {}
    columns = ["date", "ticker", "iv_symbol", "event_var", "event_anchor"]
    rows = warehouse.read(VIX, columns=columns, tickers=tickers).sort("date")
    rows = rows.filter(pl.col("iv_symbol").str.starts_with(MODEL_PREFIX))
    scale = (settings.earnings.event_premium or 1.0) ** 2
    return {
        str(ticker): TickerEvents(
            tuple(own["date"]),
            tuple((own["event_var"].fill_null(0.0) * scale).to_list()),
            tuple(own["event_anchor"]),
        )
        for (ticker,), own in rows.group_by("ticker", maintain_order=True)
    }


def around_reports(settings: Settings, warehouse: Warehouse) -> dict[str, NearReports]:
    """The sessions around the recorded reports of each stock; tickers without any are left out."""
    funds = settings.plan.chain.surface.funds
    stocks = [ticker for ticker in settings.tickers if may_be_stock(ticker, funds)]
    if not stocks:
        return {}
    record = warehouse.read(EARNINGS_KNOWN, tickers=stocks)
    near = {}
    for ticker in record["ticker"].unique().sort().to_list():
        sessions = near_reports(KnownDates(ticker, record, settings.earnings), FARTHEST)
        near[ticker] = NearReports(tuple(sessions), tuple(sessions.values()))
    return near


def _fits(
    settings: Settings, warehouse: Warehouse, recorded_from: datetime | None
) -> dict[str, TickerFits]:
    if not settings.plan.chain.surface.learn:
        return {}
    rows = warehouse.read(SURFACE_FIT, tickers=settings.tickers)
    if rows.is_empty():
        return {}
    if recorded_from is not None:
        revisions = warehouse.read(REVISIONS, tickers=settings.tickers)
        rows = as_traded(fit_versions(rows, revisions), recorded_from)
    return fits_of(rows.join(_basis(settings, warehouse), on=["ticker", *BASIS], how="semi"))


def _basis(settings: Settings, warehouse: Warehouse) -> pl.DataFrame:
    """Per ticker what its prices rest on: the stored volatility index, and the surface's digest;
    `newest`, the newest session of the index. Tickers without an index are left out."""
    columns = ["date", "ticker", "iv_symbol"]
    index = warehouse.read(VIX, columns=columns, tickers=settings.tickers).drop_nulls("iv_symbol")
    digests = {ticker: surface_hash(settings.plan.chain, ticker) for ticker in settings.tickers}
    return (
        index.sort("date")
        .group_by("ticker")
        .agg(pl.col("iv_symbol").last(), newest=pl.col("date").last())
        .with_columns(surface_hash=pl.col("ticker").replace_strict(digests, return_dtype=pl.String))
    )


def measured_notes(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """What each ticker's stored real chains say of its synthetic prices, without a full stop.

    The error is the mean absolute one of all quotes of 10 to 60 delta and 7 to 60 days, each by the
    surface that was known before its session. Tickers that were never measured are left out.
    """
    columns = ["date", "ticker", "band", "n", "mae_points"]
    errors = warehouse.read(SURFACE_ERROR, columns=columns, tickers=settings.tickers)
    if errors.is_empty():
        return {}
    columns = ["date", "ticker", "is_adopted", *BASIS]
    fits = warehouse.read(SURFACE_FIT, columns=columns, tickers=settings.tickers)
    last = fits.sort("date").group_by("ticker").last()
    basis = _basis(settings, warehouse)
    last = last.join(basis, on="ticker", how="left", suffix="_now")
    own = {row["ticker"]: _use(row) for row in last.to_dicts()}
    near = errors.filter(pl.col("band") != "2-10").group_by("ticker").agg(
        points=(pl.col("mae_points") * pl.col("n")).sum() / pl.col("n").sum(),
        sessions=pl.col("date").n_unique(),
        first=pl.col("date").min(),
        last=pl.col("date").max(),
    )  # fmt: skip
    return {
        ticker: f"synthetic volatilities are {points:.1f} vol points off the ticker's own chains "
        f"on {sessions} sessions, {first} to {last} (10 to 60 delta); "
        + own.get(ticker, "no fit is stored")
        for ticker, points, sessions, first, last in near.sort("ticker").iter_rows()
    }


def _use(last: dict[str, Any]) -> str:
    """What the last fit of a ticker is used for: its row, and what prices rest on now (`_now`)."""
    day, is_adopted = last["date"], last["is_adopted"]
    if any(last[name] not in (None, last[f"{name}_now"]) for name in BASIS):
        return (
            f"priced as its class: its fits were measured on {last['iv_symbol']}, or with another "
            "surface than the one that is set, and count again when the next run of surface_error "
            "has measured its chains anew"
        )
    if is_adopted is None:
        return "too few chains for a fit of its own"
    if last["newest"] is not None and last["newest"] >= end_of(day):
        return (
            f"priced as its class, since its last chain, of {day}, is more than {WINDOW} sessions "
            "old"
        )
    if is_adopted:
        return f"its own fit is of {day}"
    return (
        f"priced as its class, since up to {day} its own fits have not been better, by more than a "
        "standard error, on three or more chains that they had not seen"
    )
