"""Measures the surface on the stored real chains, and fits it to them, session by session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    CHAIN_INDEX,
    REVISIONS,
    SURFACE_ERROR,
    SURFACE_FIT,
    VIX,
    Table,
)
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import SurfaceRules, atm_vol
from options_platform.domain.chain.learned import NUMBERS, LearnedSurface, TickerFits, end_of
from options_platform.domain.chain.learning import (
    WINDOW,
    Error,
    MeasuredChain,
    Score,
    cell_errors,
    chain_points,
    first_known,
    fit_after,
    fit_revisions,
    is_adopted,
    surface_errors,
    surface_hash,
)
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.chain.strip import expiry_variances, index_of_tenors
from options_platform.domain.chain.term_structure import SHORT_RATE, TENORS, row_underlying
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.settings.sources import proxy_sources

INDEX_DAYS = (9.0, 30.0, 93.0, 182.0)
NOT_STANDARD = ("NONSTANDARD", "STALE", "DUPLICATE")
COLUMNS = (
    "date", "ticker", "expiry", "dte", "right", "strike", "bid", "ask", "mid", "spot",
    "spot_method", "years", "iv", "delta", "vega", "quality", "source",
)  # fmt: skip
FIT_ERRORS = ("fit_near_points", "fit_far_points")
CLASS_ERRORS = ("class_near_points", "class_far_points")
TABLES = (SURFACE_ERROR, SURFACE_FIT, CHAIN_INDEX)
Frames = list[tuple[Table, pl.DataFrame]]
Fit = tuple[Smile, float]
"""A smile and level."""


@dataclass(frozen=True)
class _Market:
    """What the chains of a ticker are priced on, by session, and with what rules."""

    ticker: str
    index: pl.DataFrame
    rules: SurfaceRules
    surface_hash: str
    carry: float
    rate: float

    def joined(self, points: pl.DataFrame, day: date) -> pl.DataFrame:
        """`points` with date, ticker and the indices of the session; empty without an index."""
        keyed = points.with_columns(date=pl.lit(day), ticker=pl.lit(self.ticker))
        return keyed.join(self.index, on="date", how="inner", maintain_order="left")

    def iv_symbol(self, day: date) -> str | None:
        """The volatility index of the session; None without one."""
        symbols = self.index.filter(pl.col("date") == day)["iv_symbol"]
        return symbols[0] if symbols.len() else None

    def input_hashes(self, chains: ChainStore, days: Sequence[date]) -> dict[date, str]:
        """By session a digest of what its rows rest on: the surface, and every stored chain and
        index up to it."""
        digest = hashlib.sha256(self.surface_hash.encode())
        indices = {row[0]: row for row in self.index.iter_rows()}
        hashes = {}
        for day in days:
            inputs = (day, chains.version(day, self.ticker), indices.get(day))
            digest.update(repr(inputs).encode())
            hashes[day] = digest.hexdigest()[:16]
        return hashes

    def known_rate(self, day: date) -> float:
        """The short rate of the session, or the one that is set."""
        rates = self.index.filter(pl.col("date") == day)[SHORT_RATE].drop_nulls()
        return float(rates[0]) if rates.len() else self.rate


def measure_surface(platform: Platform, selected: PartitionRange) -> Frames:
    """Write the errors, fits and indices of the stored real chains up to the range's end.

    A session is measured once, and again where its chain, an earlier one, their indices or the
    surface have changed since. Rows whose chain is no longer stored are deleted. Chains of a proxy
    source teach nothing. Changed numbers of stored fits are recorded in `revisions`. Returns the
    rows written, by table.
    """
    parts: dict[Table, list[pl.DataFrame]] = {
        table: [table.empty()] for table in (*TABLES, REVISIONS)
    }
    removed: list[tuple[Table, pl.DataFrame]] = []
    for ticker in selected.tickers:
        measured = _measured(platform, ticker, selected.end)
        for table, rows in measured.rows.items():
            parts[table].append(rows)
        removed += measured.removed
    frames = [(table, pl.concat(rows)) for table, rows in parts.items()]
    if removed:
        platform.warehouse.remove(removed)
    if any(rows.height for _, rows in frames):
        platform.warehouse.write([(table, rows) for table, rows in frames if rows.height])
    return frames


def real_chains(store: ChainStore, ticker: str, end: date) -> list[date]:
    """The sessions up to `end` of a ticker's stored chains; none if they are of a proxy source."""
    keys = store.stored(tickers=[ticker], end=end)
    if store.source_of(keys) in proxy_sources():
        return []
    return [day for day, _ in keys]


@dataclass(frozen=True)
class _Measured:
    """New rows of a ticker by table, and the keys of stored ones that have none any more."""

    rows: dict[Table, pl.DataFrame]
    removed: list[tuple[Table, pl.DataFrame]]


def _measured(platform: Platform, ticker: str, end: date) -> _Measured:
    """What is due of one ticker."""
    days = real_chains(platform.chains, ticker, end)
    stored = platform.warehouse.read(SURFACE_FIT, tickers=[ticker], end=end)
    if not days and stored.is_empty():
        return _Measured({}, [])
    market = _market(platform, ticker)
    hashes = market.input_hashes(platform.chains, days)
    stored_hashes = dict(stored.select("date", "inputs_hash").iter_rows())
    # A chain bears on every later session, by its fits and by what their scores decide.
    is_due = [stored_hashes.get(day) != hashes[day] for day in days]
    first = is_due.index(True) if any(is_due) else len(days)
    due = days[first:]
    parts: dict[Table, list[pl.DataFrame]] = {table: [table.empty()] for table in TABLES}
    if due:
        course = _Course.of(stored.filter(pl.col("date").is_in(days[:first])), hashes)
        for table, rows in _course_rows(platform, market, course, days, first):
            fitted = rows.select(table.schema.names())
            parts[table].append(fitted.cast(dict(table.schema)))  # type: ignore[arg-type]
    frames = {table: pl.concat(rows) for table, rows in parts.items()}
    removed = []
    for table, rows in frames.items():
        keys = platform.warehouse.read(table, columns=KEY, tickers=[ticker], end=end).unique()
        kept = pl.col("date").is_in(days[:first])
        without = keys.filter(~kept).join(rows, on=KEY, how="anti")
        removed += [(table, without)] if without.height else []
    now = platform.now().astimezone(UTC)
    fits = first_known(frames[SURFACE_FIT].with_columns(known_from=pl.lit(now)), stored)
    frames[SURFACE_FIT] = fits.cast(dict(SURFACE_FIT.schema))  # type: ignore[arg-type]
    source = platform.settings.source
    frames[REVISIONS] = fit_revisions(frames[SURFACE_FIT], stored, now, source)
    return _Measured(frames, removed)


def _course_rows(
    platform: Platform, market: _Market, course: _Course, days: list[date], first: int
) -> Iterator[tuple[Table, pl.DataFrame]]:
    """Rows of the three tables of `days` from the position `first` on, session by session."""
    oldest = shift(days[first], 1 - WINDOW)
    for at, day in enumerate(days):
        if day < oldest:
            continue
        quotes = platform.chains.readable((day, market.ticker), columns=COLUMNS)
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
    """What a ticker's chains have taught so far: `fit` of `fitted_on`, and if it is adopted.

    `hashes` has the digest of each session's inputs.
    """

    hashes: dict[date, str]
    chains: list[MeasuredChain]
    scores: list[Score]
    fitted_on: date | None = None
    fit: Fit | None = None
    is_adopted: bool = False

    @classmethod
    def of(cls, stored: pl.DataFrame, hashes: dict[date, str]) -> _Course:
        """The course after rows of `surface_fit`, ascending; without their chains."""
        rows = stored.sort("date").to_dicts()
        scores = [
            Score(row["date"], Error(*(row[name] for name in FIT_ERRORS)),
                  Error(*(row[name] for name in CLASS_ERRORS)))
            for row in rows
            if row["fit_near_points"] is not None or row["fit_far_points"] is not None
        ]  # fmt: skip
        if not rows or rows[-1]["c"] is None:
            return cls(hashes, [], scores)
        last = rows[-1]
        fit = Smile(*(last[name] for name in NUMBERS)), last["level"]
        return cls(hashes, [], scores, last["date"], fit, bool(last["is_adopted"]))

    def measure(self, points: pl.DataFrame, market: _Market, day: date) -> pl.DataFrame:
        """Score the fit and the class on a chain; its rows of `surface_error` by the one in use."""
        errors, fitted_on = surface_errors(points, market.rules), None
        if self.fit is not None and self.fitted_on is not None and day <= end_of(self.fitted_on):
            smile, level = self.fit
            fits = {market.ticker: TickerFits((self.fitted_on,), (smile,), (level,))}
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
        row = {
            "date": day, "ticker": market.ticker, "n_chains": chains,
            "iv_symbol": market.iv_symbol(day), "surface_hash": market.surface_hash,
            "inputs_hash": self.hashes[day],
        }  # fmt: skip
        if self.scores and self.scores[-1].session == day:
            score = self.scores[-1]
            row |= dict(zip(FIT_ERRORS, astuple(score.by_fit), strict=True))
            row |= dict(zip(CLASS_ERRORS, astuple(score.by_class), strict=True))
        was_adopted = self.is_adopted
        self.fitted_on, self.fit, self.is_adopted = day, None, False
        if fit is not None:
            self.fit = fit.smile, fit.level
            self.is_adopted = is_adopted(self.scores, day, was_adopted=was_adopted)
            row |= {name: getattr(fit.smile, name) for name in NUMBERS}
            row |= {
                "level": fit.level, "n_sessions": fit.sessions, "n_months": fit.months,
                "n_quotes": fit.quotes, "is_adopted": self.is_adopted,
            }  # fmt: skip
        return pl.DataFrame([row], schema=SURFACE_FIT.schema)


def _market(platform: Platform, ticker: str) -> _Market:
    chain = platform.settings.plan.chain
    index = platform.warehouse.read(
        VIX, columns=["date", "vix", "iv_close", "iv_symbol"], tickers=[ticker]
    )
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
    digest = surface_hash(chain, ticker)
    return _Market(ticker, index, rules, digest, carry, chain.risk_free_rate)


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
    return bool(quotes["source"].is_in(proxy_sources()).any())
