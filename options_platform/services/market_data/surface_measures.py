"""Measures the surface on the stored real chains, and fits it to them, session by session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.common import PartitionRange
from options_platform.contracts import CHAIN_INDEX, SURFACE_ERROR, SURFACE_FIT, VIX, Table
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import SurfaceRules, atm_vol
from options_platform.domain.chain.learned import NUMBERS, LearnedSurface, TickerFits
from options_platform.domain.chain.learning import (
    WINDOW,
    Error,
    MeasuredChain,
    Score,
    cell_errors,
    chain_points,
    fit_after,
    is_adopted,
    surface_errors,
)
from options_platform.domain.chain.ssvi import Smile
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
FIT_ERRORS = ("fit_near_points", "fit_far_points")
CLASS_ERRORS = ("class_near_points", "class_far_points")
Frames = list[tuple[Table, pl.DataFrame]]
Fit = tuple[Smile, float]
"""A smile and level."""


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

    Earlier sessions are measured too where they were not, or where still earlier chains were stored
    since. Chains of a proxy source teach nothing. Returns the rows written, by table.
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
    stored = platform.warehouse.read(SURFACE_FIT, tickers=[ticker], end=selected.end)
    counts = dict(stored.select("date", "n_chains").iter_rows())
    is_wanted = (
        day >= selected.start or counts.get(day) != at for at, day in enumerate(days, start=1)
    )
    # A chain bears on every later session, by its fits and by what their scores decide.
    first = next((at for at, is_due in enumerate(is_wanted) if is_due), None)
    if first is None:
        return
    market = _market(platform, ticker)
    course = _Course.of(stored.filter(pl.col("date").is_in(days[:first])))
    oldest = shift(days[first], 1 - WINDOW)
    for at, day in enumerate(days):
        if day < oldest:
            continue
        quotes = platform.chains.read([(day, ticker)], columns=COLUMNS)
        points = market.joined(chain_points(quotes, market.carry), day)
        is_usable = points.height > 0 and not _is_proxy(quotes)
        if is_usable and at >= first:
            yield SURFACE_ERROR, course.measure(points, market, day)
            yield CHAIN_INDEX, _index(quotes, market, day)
        if is_usable:
            course.chains.append(_learned_from(points, market.rules, day))
        if at >= first:
            platform.progress("measuring the surface", at + 1, len(days))
            yield SURFACE_FIT, course.learn(market, day, at + 1)


@dataclass
class _Course:
    """What a ticker's chains have taught so far: `fit` of `fitted_on`, and if it is adopted."""

    chains: list[MeasuredChain]
    scores: list[Score]
    fitted_on: date | None = None
    fit: Fit | None = None
    is_adopted: bool = False

    @classmethod
    def of(cls, stored: pl.DataFrame) -> _Course:
        """The course after rows of `surface_fit`, ascending; without their chains."""
        rows = stored.sort("date").to_dicts()
        scores = [
            Score(row["date"], Error(*(row[name] for name in FIT_ERRORS)),
                  Error(*(row[name] for name in CLASS_ERRORS)))
            for row in rows
            if row["fit_near_points"] is not None or row["fit_far_points"] is not None
        ]  # fmt: skip
        if not rows or rows[-1]["c"] is None:
            return cls([], scores)
        last = rows[-1]
        fit = Smile(*(last[name] for name in NUMBERS)), last["level"]
        return cls([], scores, last["date"], fit, bool(last["is_adopted"]))

    def measure(self, points: pl.DataFrame, market: _Market, day: date) -> pl.DataFrame:
        """Score the fit and the class on a chain; its rows of `surface_error` by the one in use."""
        errors, fitted_on = surface_errors(points, market.rules), None
        if self.fit is not None:
            smile, level = self.fit
            sessions = np.array([self.fitted_on], dtype="datetime64[D]")
            fits = {market.ticker: TickerFits(sessions, (smile,), (level,))}
            learned = LearnedSurface.of(replace(market.rules, learn=True), fits)
            by_fit = surface_errors(points, learned)
            self.scores.append(Score(day, Error.of(by_fit), Error.of(errors)))
            if self.is_adopted and market.rules.learn:
                errors, fitted_on = by_fit, self.fitted_on
        return cell_errors(errors).with_columns(fitted_on=pl.lit(fitted_on, pl.Date))

    def learn(self, market: _Market, day: date, chains: int) -> pl.DataFrame:
        """Fit the chains up to `day`, decide on the fit, and return its row of `surface_fit`."""
        oldest = shift(day, 1 - WINDOW)
        self.chains = [chain for chain in self.chains if chain.session >= oldest]
        self.scores = [score for score in self.scores if score.session >= oldest]
        fit = fit_after(self.chains, day, market.rules.smile_of(market.ticker))
        row = {"date": day, "ticker": market.ticker, "n_chains": chains}
        if self.scores and self.scores[-1].session == day:
            score = self.scores[-1]
            row |= dict(zip(FIT_ERRORS, astuple(score.by_fit), strict=True))
            row |= dict(zip(CLASS_ERRORS, astuple(score.by_class), strict=True))
        self.fitted_on, self.fit, self.is_adopted = day, None, False
        if fit is not None:
            self.fit = fit.smile, fit.level
            self.is_adopted = is_adopted(self.scores, day)
            row |= {name: getattr(fit.smile, name) for name in NUMBERS}
            row |= {
                "level": fit.level, "n_sessions": fit.sessions, "n_months": fit.months,
                "n_quotes": fit.quotes, "is_adopted": self.is_adopted,
            }  # fmt: skip
        return pl.DataFrame([row], schema=SURFACE_FIT.schema)


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


def _is_proxy(quotes: pl.DataFrame) -> bool:
    return bool(quotes["source"].is_in(PROXY_SOURCES).any())
