"""Past reports of a ticker as a session knew them, and the inputs of a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from options_platform.domain.earnings.crush import iv_crush
from options_platform.domain.earnings.event_variance import SESSIONS_A_YEAR
from options_platform.domain.earnings.events import located
from options_platform.domain.earnings.known_dates import KnownDates, Report, as_frame, next_report
from options_platform.domain.earnings.moves import EVENTS, with_moves
from options_platform.models.earnings_moves.folds import EVENT_ROWS
from options_platform.services.earnings.stored import StoredSeries

FEWEST_EVENTS, WINDOW, FEWEST_RETURNS = 4, 60, 36


class Fact(NamedTuple):
    """A past report: its sessions, when they were final, its |move| and the crush of the ticker's
    own volatility (a fraction; None without one)."""

    anchor: date
    reaction: date
    known_on: date
    size: float
    crush: float | None


Inputs = dict[str, float | None]


class History:
    """The reports of one ticker by session; nothing later than a session has a part in it."""

    def __init__(self, ticker: str, known: KnownDates, series: StoredSeries, end: date) -> None:
        """`end` is the newest session that is asked for."""
        self.ticker = ticker
        self.series = series
        self._known = known
        self._facts: dict[Report, Fact | None] = {}
        self._inputs: dict[tuple[date, tuple[int, ...]], Inputs] = {}
        self._days = series.bars["date"].to_list()
        self._at = {day: row for row, day in enumerate(self._days)}
        closes = series.bars["close"].to_numpy()
        self._returns = np.diff(np.log(closes), prepend=np.nan)
        self._vix = dict(series.vix.iter_rows())
        own = series.volatility
        self._iv = {} if own is None else dict(own.select("date", "iv").iter_rows())
        # Nearly all reports are known by the same date at the end; together they take no longer.
        self._measure(known.on(end))

    def next(self, session: date) -> Report | None:
        """The next report as it was known at the close of the session."""
        return next_report(self._known.on(session), session)

    def past(self, session: date) -> tuple[Fact, ...]:
        """The events that were final at the close of the session, by reaction."""
        reports = [r for r in self._known.on(session) if r.reaction < session]
        self._measure([r for r in reports if r not in self._facts])
        facts = (self._facts[report] for report in reports)
        by_reaction = {f.reaction: f for f in facts if f is not None and f.known_on <= session}
        return tuple(by_reaction[day] for day in sorted(by_reaction))

    def own_iv(self, session: date) -> float | None:
        """The ticker's own 30-day volatility, an annual fraction; None without one."""
        iv = self._iv.get(session)
        return iv / 100.0 if iv else None

    def inputs(self, session: date, past: tuple[Fact, ...]) -> Inputs:
        """mean_8, mean_all, vol_60 and vix (both a session) of a session with a bar."""
        # The facts are kept, so their ids stay theirs; to hash the facts takes fifty times as long.
        key = (session, tuple(map(id, past)))
        if key not in self._inputs:
            self._inputs[key] = self._computed(session, past)
        return self._inputs[key]

    def rows(self, session: date) -> list[dict[str, Any]]:
        """The events that were final then, each with its inputs at its anchor, as `EVENT_ROWS`."""
        past = self.past(session)
        rows = []
        for number, fact in enumerate(past):
            earlier = tuple(f for f in past[:number] if f.known_on <= fact.anchor)
            rows.append(
                {
                    "ticker": self.ticker,
                    "anchor": fact.anchor,
                    "known_on": fact.known_on,
                    "size": fact.size,
                    **self.inputs(fact.anchor, earlier),
                }
            )
        return rows

    def _computed(self, session: date, past: tuple[Fact, ...]) -> Inputs:
        sizes = np.array([fact.size for fact in past])
        vix = self._vix.get(session)
        return {
            "mean_8": float(sizes[-EVENTS:].mean()) if sizes.size >= EVENTS else None,
            "mean_all": float(sizes.mean()) if sizes.size >= FEWEST_EVENTS else None,
            "vol_60": self._vol(session, past),
            "vix": None if vix is None else vix / 100.0 / SESSIONS_A_YEAR**0.5,
        }

    def _vol(self, session: date, past: tuple[Fact, ...]) -> float | None:
        at = self._at.get(session)
        if at is None or at < WINDOW:
            return None
        window = self._returns[at - WINDOW + 1 : at + 1]
        first = self._days[at - WINDOW + 1]
        left_out = [self._at[f.reaction] - (at - WINDOW + 1) for f in past if f.reaction >= first]
        usable = np.delete(window, left_out)
        if usable.size < FEWEST_RETURNS:
            return None
        vol = float(np.sqrt(np.mean(usable**2)))
        return vol if vol > 0.0 else None

    def _measure(self, reports: Sequence[Report]) -> None:
        """Measure reports that were not met before."""
        if not reports:
            return
        dated = located(as_frame(reports), self.series.bars, self.series.volatility)
        moves = with_moves(dated, self.series.bars)
        columns = moves.select("anchor", "reaction", "known_on", "earnings_move")
        for report, row in zip(reports, columns.iter_rows(), strict=True):
            anchor, reaction, known_on, move = row
            if move is None:
                self._facts[report] = None
                continue
            pre, post = self._iv.get(anchor), self._iv.get(reaction)
            crush = iv_crush(pre, post) if pre and post else None
            self._facts[report] = Fact(anchor, reaction, known_on, abs(move), crush)


def event_rows(histories: list[History], session: date) -> pl.DataFrame:
    """The events of all tickers that were final at the close of the session."""
    rows = [row for history in histories for row in history.rows(session)]
    return pl.DataFrame(rows, schema=EVENT_ROWS)
