"""The surface as stored real chains have taught it, ticker by ticker and session by session."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.chain.event_steps import Step, TickerEvents, split
from options_platform.domain.chain.learning.fits import WINDOW
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.chain.stock_quotes import NearReports
from options_platform.domain.chain.surface import Ints, Kind, SurfaceRules
from options_platform.domain.chain.underlying import Underlying

NUMBERS = ("c", "p", "q", "rho", "wing")


@dataclass(frozen=True)
class TickerFits:
    """What is known of a ticker's surface after each of `sessions` (ascending dates).

    `smiles` and `levels` belong to them; None where the ticker's class holds. A level is what the
    volatility at the money is times. Equal, and hashed alike, where these are.
    """

    sessions: tuple[date, ...]
    smiles: tuple[Smile | None, ...]
    levels: tuple[float, ...]

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """`sessions` as an array."""
        return np.array(self.sessions, dtype="datetime64[D]")

    def before(self, session: date) -> TickerFits:
        """The fits of sessions before one."""
        count = bisect_left(self.sessions, session)
        return TickerFits(self.sessions[:count], self.smiles[:count], self.levels[:count])


@dataclass(frozen=True)
class LearnedSurface(SurfaceRules):
    """A surface that prices a ticker by its last fit before the session, where that still holds.

    A session never uses its own fit: the chain that taught it was quoted at the session's end.
    `points` are vol points by ticker, added beside `iv_points`: a scenario in which the surface is
    off by each ticker's own error. `events` has the reports of the tickers whose volatility is
    modelled, `near` the sessions around the reports of all.
    """

    fits: dict[str, TickerFits] = field(default_factory=dict)
    events: dict[str, TickerEvents] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=dict)
    near: dict[str, NearReports] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        rules: SurfaceRules,
        fits: dict[str, TickerFits],
        events: dict[str, TickerEvents] | None = None,
        near: dict[str, NearReports] | None = None,
    ) -> LearnedSurface:
        """`rules` with fits and reports by ticker; the reports are by default those of `rules`."""
        if isinstance(rules, LearnedSurface):
            events = rules.events if events is None else events
            near = rules.near if near is None else near
        return cls(**_fields_of(rules), fits=fits, events=events or {}, near=near or {})

    def without_fits(self) -> SurfaceRules:
        """The same rules with nothing learned, and without reports."""
        return SurfaceRules(**_fields_of(self))

    def without_reports(self, underlying: Underlying) -> tuple[Underlying, Step | None]:
        """`underlying` without the reports that lie ahead, and the step of each; None for none."""
        return split(underlying, self.events)

    def near_reports(self, underlying: Underlying, count: int) -> NDArray[np.bool_]:
        """Which rows are of sessions at most `count` from a report of their ticker."""
        if not any(name in self.near for name in underlying.names):
            return np.zeros((), dtype=bool)
        ticker, session = np.broadcast_arrays(underlying.ticker, underlying.session)
        is_near = np.zeros(ticker.shape, dtype=bool)
        for at, name in enumerate(underlying.names):
            if name in self.near:
                rows = ticker == at
                is_near[rows] = self.near[name].within(session[rows], count)
        return is_near

    def points_of(self, underlying: Underlying) -> Floats | float:
        """Vol points that are added to the volatilities of each row."""
        if not self.points:
            return self.iv_points
        own = np.array([self.points.get(name, 0.0) for name in underlying.names])
        return self.iv_points + np.take(own, underlying.ticker)

    def kinds(self, underlying: Underlying) -> tuple[tuple[Kind, ...], Ints | None]:
        """The kinds of surface that occur, and each row's position among them; None if one does."""
        ticker, session = np.broadcast_arrays(underlying.ticker, underlying.session)
        has_fits = self.learn and any(name in self.fits for name in underlying.names)
        if not (has_fits and ticker.size):
            return super().kinds(underlying)
        position = np.zeros(ticker.shape, dtype=np.int64)
        kinds: list[Kind] = []
        for at, name in enumerate(underlying.names):
            rows = ticker == at
            before = self._fits_before(name, session[rows])
            versions, place = np.unique(before, return_inverse=True)
            position[rows] = len(kinds) + place
            kinds += [self._kind_after(name, int(version)) for version in versions]
        return (tuple(kinds), None) if len(kinds) == 1 else (tuple(kinds), position)

    def _fits_before(self, ticker: str, session: NDArray[np.datetime64]) -> Ints:
        """The number of the ticker's fits that are of earlier sessions."""
        own = self.fits.get(ticker)
        if own is None:
            return np.zeros(session.shape, dtype=np.int64)
        return np.searchsorted(own.days, session, side="left").astype(np.int64)

    def _kind_after(self, ticker: str, count: int) -> Kind:
        plain = self.kind_of(ticker)
        smile = self.fits[ticker].smiles[count - 1] if count else None
        if smile is None:
            return plain
        return plain._replace(smile=smile, level=self.fits[ticker].levels[count - 1])


def moved_by_ticker(rules: SurfaceRules, points: Mapping[str, float]) -> LearnedSurface:
    """`rules`, with the fits that they have, and vol points added by ticker."""
    fits = rules.fits if isinstance(rules, LearnedSurface) else {}
    return replace(LearnedSurface.of(rules, fits), points=dict(points))


def is_by_fit(rules: SurfaceRules, ticker: str, sessions: Sequence[date]) -> NDArray[np.bool_]:
    """Whether the rules price each session of a ticker by a fit, and not as its class."""
    ones = np.ones(len(sessions))
    days = np.array(sessions, dtype="datetime64[D]")
    kinds, position = rules.kinds(Underlying.of(ticker, days, ones, ones))
    own = np.array([kind != rules.kind_of(ticker) for kind in kinds])
    return np.full(len(sessions), own[0]) if position is None else own[position]


def _fields_of(rules: SurfaceRules) -> dict[str, Any]:
    return {item.name: getattr(rules, item.name) for item in fields(SurfaceRules)}


def fits_of(rows: pl.DataFrame) -> dict[str, TickerFits]:
    """The fits of rows of `surface_fit`, by ticker; tickers without any adopted are left out.

    Each holds for the `WINDOW` sessions after its own, or after `fitted_on` where the rows have it:
    beyond them every chain that taught it is too old to teach, and the ticker's class holds.
    """
    fits = {}
    current = _with_ends(rows).sort("date")
    for (ticker,), own in current.group_by("ticker", maintain_order=True):
        if not own["is_adopted"].any():
            continue
        smiles = tuple(
            Smile(*numbers) if is_adopted else None
            for is_adopted, *numbers in own.select("is_adopted", *NUMBERS).iter_rows()
        )
        levels = tuple(own["level"].fill_null(1.0))
        fits[str(ticker)] = TickerFits(tuple(own["date"]), smiles, levels)
    return fits


def end_of(fitted_on: date) -> date:
    """The last session that a fit prices; that of the calendar, if the fit holds beyond it."""
    every = all_sessions()
    return every[min(bisect_left(every, fitted_on) + WINDOW, len(every) - 1)]


def _with_ends(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` and, where no other follows in time, one without a fit after which the class holds."""
    if "fitted_on" not in rows.columns:
        rows = rows.with_columns(fitted_on="date")
    ends_on = pl.Series([end_of(day) for day in rows["fitted_on"]], dtype=pl.Date)
    # A fit may have become known only after its end.
    end = pl.max_horizontal(ends_on, "date")
    following = pl.col("date").shift(-1).over("ticker", order_by="date")
    dated = rows.with_columns(_end=end).with_columns(_following=following)
    is_over = pl.col("_end") == pl.col("date")
    is_last = pl.col("_following").is_null() | (pl.col("_following") > pl.col("_end"))
    kept = dated.with_columns(is_adopted=pl.col("is_adopted") & ~is_over)
    ends = dated.filter(is_last & ~is_over).with_columns(
        date="_end", is_adopted=pl.lit(value=False)
    )
    return pl.concat([kept, ends]).drop("_end", "_following")
