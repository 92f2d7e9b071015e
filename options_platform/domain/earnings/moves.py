"""How the price moved on past reports: the move of each, and what the last eight were like.

A move is close to close from the anchor to the reaction, a gap from the anchor's close to the
reaction's open; both are fractions of the anchor's close.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.common import Floats

EVENTS = 8


def with_moves(reports: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """`reports` (anchor, reaction) with `earnings_move` and `earnings_gap`.

    `bars` (date, open, close) are of one ticker. Null where the bar of either session is missing.
    """
    closes = bars.select(anchor="date", anchor_close="close")
    reactions = bars.select(reaction="date", _open="open", _close="close")
    joined = reports.join(closes, on="anchor", how="left", maintain_order="left").join(
        reactions, on="reaction", how="left", maintain_order="left"
    )
    return joined.with_columns(
        earnings_move=pl.col("_close") / pl.col("anchor_close") - 1.0,
        earnings_gap=pl.col("_open") / pl.col("anchor_close") - 1.0,
    ).drop("anchor_close", "_open", "_close")


def mean_move(moves: Floats) -> float:
    """The mean size of the last 8 moves; NaN with fewer."""
    last = _last(moves)
    return float(np.abs(last).mean()) if last.size else float("nan")


def rms_move(moves: Floats) -> float:
    """The root mean square of the last 8 log moves, which is their volatility; NaN with fewer."""
    last = _last(moves)
    return float(np.sqrt(np.mean(np.log1p(last) ** 2))) if last.size else float("nan")


def _last(moves: Floats) -> Floats:
    return moves[-EVENTS:] if moves.size >= EVENTS else moves[:0]
