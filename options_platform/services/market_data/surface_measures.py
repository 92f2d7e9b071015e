"""Measures the surface on the stored real chains, and fits it to them, session by session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.common import PartitionRange
from options_platform.contracts import CHAIN_INDEX, SURFACE_ERROR, SURFACE_FIT, VIX, Table
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import SurfaceRules, atm_vol
from options_platform.domain.chain.learned import LearnedSurface, TickerFits
from options_platform.domain.chain.learning import (
    WINDOW,
    MeasuredChain,
    TickerFit,
    cell_errors,
    chain_points,
    fit_after,
    surface_errors,
)
from options_platform.domain.chain.strip import expiry_variances, index_of_tenors
from options_platform.domain.chain.term_structure import SHORT_RATE, TENORS, row_underlying
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.settings.sources import PROXY_SOURCES

INDEX_DAYS = (9.0, 30.0, 93.0, 182.0)
NOT_STANDARD = ("NONSTANDARD", "STALE", "DUPLICATE")
COLUMNS = (
    "date", "ticker", "expiry", "dte", "right", "strike", "bid", "ask", "mid", "spot",
    "spot_method", "years", "iv", "delta", "vega", "quality", "source",
)  # fmt: skip
Frames = list[tuple[Table, pl.DataFrame]]


@dataclass(frozen=True)
class _Market:
    """What the chains of a ticker are priced on, by session, and with what rules."""

    ticker: str
    index: pl.DataFrame
    rules: SurfaceRules
    carry: float
    rate: float

    def joined(self, points: pl.DataFrame, day: date) -> pl.DataFrame:
        """`points` with date, ticker and the indices of the session; empty without an index."""
        keyed = points.with_columns(date=pl.lit(day), ticker=pl.lit(self.ticker))
        return keyed.join(self.index, on="date", how="inner", maintain_order="left")

    def known_rate(self, day: date) -> float:
        """The short rate of the session, or the one that is set."""
        rates = self.index.filter(pl.col("date") == day)[SHORT_RATE].drop_nulls()
        return float(rates[0]) if rates.len() else self.rate


def measure_surface(platform: Platform, selected: PartitionRange) -> Frames:
    """Write the errors, fits and indices of the stored real chains of the range.

    Earlier sessions are measured too where they were not, or where chains of their window were
    stored since. Chains of a proxy source teach nothing. Returns the rows written, by table.
    """
    parts: dict[Table, list[pl.DataFrame]] = {
        table: [table.empty()] for table in (SURFACE_ERROR, SURFACE_FIT, CHAIN_INDEX)
    }
    for ticker in selected.tickers:
        for table, rows in _measured(platform, ticker, selected):
            fitted = rows.select(table.schema.names())
            parts[table].append(fitted.cast(dict(table.schema)))  # type: ignore[arg-type]
    frames = [(table, pl.concat(rows)) for table, rows in parts.items()]
    if any(rows.height for _, rows in frames):
        platform.warehouse.write([(table, rows) for table, rows in frames if rows.height])
    return frames


def real_chains(store: ChainStore, ticker: str, end: date) -> list[date]:
    """The sessions up to `end` of a ticker's stored chains; none if they are of a proxy source."""
    keys = store.stored(tickers=[ticker], end=end)
    if not keys or _is_proxy(store.read(keys[:1], columns=["source"])):
        return []
    return [day for day, _ in keys]


def _measured(
    platform: Platform, ticker: str, selected: PartitionRange
) -> Iterator[tuple[Table, pl.DataFrame]]:
    """Rows of the three tables of one ticker, session by session."""
    days = real_chains(platform.chains, ticker, selected.end)
    counts = _window_counts(days)
    stored = platform.warehouse.read(
        SURFACE_FIT, columns=["date", "n_chains"], tickers=[ticker], end=selected.end
    )
    done = dict(stored.iter_rows())
    wanted = {day for day in days if day >= selected.start or done.get(day) != counts[day]}
    if not wanted:
        return
    market = _market(platform, ticker)
    first = days.index(min(wanted))
    begin = shift(days[max(first - 1, 0)], 1 - WINDOW)
    window: list[MeasuredChain] = []
    before: tuple[date, TickerFit] | None = None
    prior = market.rules.smile_of(ticker)
    for at, day in enumerate(days):
        if day < begin:
            continue
        quotes = platform.chains.read([(day, ticker)], columns=COLUMNS)
        points = market.joined(chain_points(quotes, market.carry), day)
        if points.height and not _is_proxy(quotes):
            if day in wanted:
                yield SURFACE_ERROR, _errors(points, market, before)
                yield CHAIN_INDEX, _index(quotes, market, day)
            window.append(_learned_from(points, market.rules, day))
        is_needed = day in wanted or (at + 1 < len(days) and days[at + 1] in wanted)
        if is_needed:
            platform.progress("measuring the surface", at + 1, len(days))
            oldest = shift(day, 1 - WINDOW)
            window = [chain for chain in window if chain.session >= oldest]
            fit = fit_after(window, day, prior)
            before = None if fit is None else (day, fit)
            if day in wanted:
                yield SURFACE_FIT, _fit_row(fit, day, ticker, counts[day])


def _market(platform: Platform, ticker: str) -> _Market:
    chain = platform.settings.plan.chain
    index = platform.warehouse.read(VIX, columns=["date", "vix", "iv_close"], tickers=[ticker])
    index = index.filter(pl.col("iv_close").is_finite() & (pl.col("iv_close") > 0))
    tenors = stored_tenors(platform.warehouse)
    if tenors is None:
        unknown = {name: pl.lit(None, pl.Float64) for name in (*TENORS, SHORT_RATE)}
        index = index.with_columns(**unknown)
    else:
        index = index.join(tenors, on="date", how="left", maintain_order="left")
    # What a user adds to the surface is no error of it.
    rules = replace(chain.surface, iv_points=0.0, iv_scale=1.0)
    carry = chain.risk_free_rate - chain.dividend_yield
    return _Market(ticker, index, rules, carry, chain.risk_free_rate)


def _errors(
    points: pl.DataFrame, market: _Market, before: tuple[date, TickerFit] | None
) -> pl.DataFrame:
    """Rows of `surface_error` of one chain, by the surface known before it."""
    rules, fitted_on = market.rules, None
    if before is not None and rules.learn:
        fitted_on, fit = before
        sessions = np.array([fitted_on], dtype="datetime64[D]")
        fits = {market.ticker: TickerFits(sessions, (fit.smile,), (fit.level,))}
        rules = LearnedSurface.of(rules, fits)
    errors = cell_errors(surface_errors(points, rules))
    return errors.with_columns(fitted_on=pl.lit(fitted_on, pl.Date))


def _learned_from(points: pl.DataFrame, rules: SurfaceRules, day: date) -> MeasuredChain:
    underlying = row_underlying(points, points["forward"].to_numpy())
    atm = atm_vol(underlying, points["years"].to_numpy(), rules)
    return MeasuredChain.of(day, points.with_columns(model_atm=pl.Series(atm)))


def _index(quotes: pl.DataFrame, market: _Market, day: date) -> pl.DataFrame:
    quality = pl.col("quality")
    standard = quotes.filter(quality.is_null() | ~quality.is_in(NOT_STANDARD))
    variances = expiry_variances(standard, market.known_rate(day))
    values = 100.0 * index_of_tenors(variances, INDEX_DAYS)
    columns = {
        f"index_{int(days)}d": float(value) if np.isfinite(value) else None
        for days, value in zip(INDEX_DAYS, values, strict=True)
    }
    row = {"date": day, "ticker": market.ticker, **columns, "n_expiries": variances.height}
    return pl.DataFrame([row], schema=CHAIN_INDEX.schema)


def _fit_row(fit: TickerFit | None, day: date, ticker: str, chains: int) -> pl.DataFrame:
    numbers = {} if fit is None else {
        **{name: getattr(fit.smile, name) for name in ("c", "p", "q", "rho", "wing")},
        "level": fit.level, "n_sessions": fit.sessions, "n_months": fit.months,
        "n_quotes": fit.quotes,
    }  # fmt: skip
    row = {"date": day, "ticker": ticker, "n_chains": chains, **numbers}
    return pl.DataFrame([row], schema=SURFACE_FIT.schema)


def _window_counts(days: Sequence[date]) -> dict[date, int]:
    """How many of `days`, ascending, lie in the window that ends with each of them."""
    every = np.array(days, dtype="datetime64[D]")
    oldest = np.array([shift(day, 1 - WINDOW) for day in days], dtype="datetime64[D]")
    counts = np.arange(1, len(days) + 1) - np.searchsorted(every, oldest)
    return dict(zip(days, counts.tolist(), strict=True))


def _is_proxy(quotes: pl.DataFrame) -> bool:
    return bool(quotes["source"].is_in(PROXY_SOURCES).any())
