"""What the model of a stock's volatility rests on, session by session, as it was known then.

Each session's row rests on the bars up to its close and on the reports known at it, so that it is
the same when it is computed years later. The rows of several sessions are computed at once: as long
as a session's past reports are the first ones of the last session's, its windows are too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.earnings.calibration import WINDOWS
from options_platform.domain.earnings.known_dates import KnownDates, next_report
from options_platform.domain.earnings.moves import EVENTS
from options_platform.domain.earnings.stock_iv import REPORT_DAYS, vol_without_reactions

NO_REPORTS, FEW_REPORTS, SHORT_HISTORY = "NO_REPORTS", "FEW_REPORTS", "SHORT_HISTORY"
NO_VIX = "NO_VIX"
VOLS = tuple(f"hv_{window}x" for window in WINDOWS)

Past = tuple[tuple[date, date], ...]
"""Anchor and reaction of each report that has happened, by date."""


def modelled_inputs(bars: pl.DataFrame, known: KnownDates, days: Sequence[date]) -> pl.DataFrame:
    """The model's inputs on each of `days`.

    Args:
        bars: date and close (split-adjusted, null for a bad bar) of one ticker, from its first bar.
        known: what was known of its reports.
        days: sessions with a bar, in order.

    Returns:
        One row a day: date, `hv_5x`, `hv_22x`, `hv_66x` and `hv_252x` (annual fractions without
        reactions), `rms_move` of the last eight reports (a log move), `event_anchor` (that of the
        next report known), `report_in_30_days`, and `missing`, the reason why a value is null:
        NO_REPORTS (none is known yet), FEW_REPORTS (fewer than eight) or SHORT_HISTORY (fewer than
        252 sessions, or too few good bars among them).
    """
    bars = bars.select("date", close=pl.col("close").fill_nan(None)).sort("date")
    pasts, anchors = _known(known, days)
    series = _Series(bars)
    final = pasts[-1] if pasts else ()
    by_past: dict[Past, list[int]] = {}
    for at, past in enumerate(pasts):
        is_begun = past == final[: len(past)]
        by_past.setdefault(final if is_begun else past, []).append(at)
    position = {day: at for at, day in enumerate(series.days)}
    place = np.array([position[day] for day in days], dtype=np.int64)
    vols = np.full((len(WINDOWS), len(days)), np.nan)
    for past, rows in by_past.items():
        flags = series.flags(past)
        for at, window in enumerate(WINDOWS):
            vols[at, rows] = vol_without_reactions(series.returns, flags, window)[place[rows]]
    moves = [series.rms_move(past) for past in pasts]
    frame = pl.DataFrame(
        {
            "date": pl.Series(days, dtype=pl.Date),
            **dict(zip(VOLS, vols, strict=True)),
            "rms_move": pl.Series([move for move, _ in moves], dtype=pl.Float64),
            "event_anchor": pl.Series(anchors, dtype=pl.Date),
            "_reports": pl.Series([count for _, count in moves], dtype=pl.Int64),
        }
    ).with_columns(pl.col(VOLS).fill_nan(None))
    ahead = (pl.col("event_anchor") - pl.col("date")).dt.total_days()
    return frame.with_columns(
        report_in_30_days=(ahead < REPORT_DAYS).fill_null(value=False),
        missing=pl.when(pl.col("_reports") == 0)
        .then(pl.lit(NO_REPORTS))
        .when(pl.col("rms_move").is_null())
        .then(pl.lit(FEW_REPORTS))
        .when(pl.any_horizontal(pl.col(VOLS).is_null()))
        .then(pl.lit(SHORT_HISTORY)),
    ).drop("_reports")


def _known(known: KnownDates, days: Sequence[date]) -> tuple[list[Past], list[date | None]]:
    """The reports that had happened and the anchor of the next, as known at each day's close."""
    pasts: list[Past] = []
    anchors: list[date | None] = []
    for day in days:
        reports = known.on(day)
        pasts.append(tuple((r.anchor, r.reaction) for r in reports if r.reaction <= day))
        coming = next_report(reports, day)
        anchors.append(None if coming is None else coming.anchor)
    return pasts, anchors


class _Series:
    """The bars of a ticker, and its moves on past reports."""

    def __init__(self, bars: pl.DataFrame) -> None:
        # Of Polars, so that a row's logarithm does not depend on the length of the series.
        logs = bars.select(pl.col("close").log())["close"]
        self.days: list[date] = bars["date"].to_list()
        self.returns: Floats = logs.diff().fill_null(np.nan).to_numpy()
        self._log = dict(zip(self.days, logs.to_list(), strict=True))
        self._moves: dict[Past, tuple[float | None, int]] = {}

    def flags(self, past: Past) -> Floats:
        """1 for each session that is a reaction."""
        reactions = {reaction for _, reaction in past}
        return np.array([day in reactions for day in self.days], dtype=np.float64)

    def rms_move(self, past: Past) -> tuple[float | None, int]:
        """Root mean square of the last eight log moves, null with fewer, and how many there are."""
        if past not in self._moves:
            pairs = ((self._log.get(anchor), self._log.get(reaction)) for anchor, reaction in past)
            moves = [after - before for before, after in pairs if before is not None
                     and after is not None]  # fmt: skip
            last = moves[-EVENTS:]
            whole = len(last) == EVENTS
            rms = math.sqrt(math.fsum(move * move for move in last) / EVENTS) if whole else None
            self._moves[past] = rms, len(moves)
        return self._moves[past]
