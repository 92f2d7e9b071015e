"""Prices that cannot be true: jumps and spikes beyond a robust bound that nothing confirms.

A bar is judged by the good bars before it alone, never by later ones, so a judgement is the same
whenever it is made. The yardstick is the typical daily move: 1.4826 x the median absolute log
return of the 63 good bars before (the MAD as a standard deviation, Rousseeuw and Croux 1993), at
least 0.5 per cent and the median reach of open, high and low beyond the closes. What lies beyond
the bound is looked at a second time: news moves money, so a true jump comes with turnover
(close x volume) above its own median, and one as large as a split with several times as much;
else it is a split that the source did not adjust for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

JUMP, SPIKE, UNADJUSTED_SPLIT = "jump", "spike", "unadjusted_split"
WINDOW, LEAST = 63, 21
FLOOR = 0.005
MAD_TO_DEVIATION = 1.4826
JUMP_BOUND = 10.0
SPIKE_BOUND = 7.0
CONFIRMING_TURNOVER = 1.25
# (log of the ratio, tolerance, turnover that confirms a move of this size). A fall by a third
# happens, so for 3:2 the ratio has to be closer and less turnover is enough.
SPLITS = np.array(
    [(np.log(1.5), 0.05, 2.0)]
    + [(np.log(ratio), 0.1, 4.0) for ratio in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50)]
)

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Series:
    """Bars of one ticker as logs; `turnover` is NaN where the volume is unknown."""

    gap: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    turnover: Floats


def find_outliers(bars: pl.DataFrame, *, after_split: bool = False) -> list[str | None]:
    """The rule that each bar breaks, None for a good one.

    Args:
        bars: `gap` (sessions since the ticker's bar before, good or not), open, high, low,
            close, volume and `settled` (good already: yardstick, not judged) of one ticker,
            ascending, prices finite and above zero.
        after_split: whether the bar before the first one that is not settled was set aside as
            `unadjusted_split`.

    The rules are `jump` (the close), `spike` (open, high or low beyond the close and the close
    before) and `unadjusted_split`. Fewer than 21 moves before it leave a bar unjudged. After a
    jump the next bar confirms the new level; after an unadjusted split none does, until prices
    are back in the bound.
    """
    series = _series(bars)
    settled = bars["settled"].to_numpy()
    rules: list[str | None] = [None] * bars.height
    good = np.ones(bars.height, dtype=bool)
    at = int(np.argmin(settled)) if not settled.all() else bars.height
    streak = after_split
    while True:
        if not streak:
            kept = np.flatnonzero(good)
            suspects = kept[(_excess(series, kept) > 1.0) & ~settled[kept] & (kept >= at)]
            if not len(suspects):
                return rules
            at = int(suspects[0])
        # The yardstick stands still while bars are set aside, since they are no part of it.
        before = np.flatnonzero(good[:at])
        while at < bars.height and not settled[at]:
            rule = _judge(series, before, at, rules[at - 1] if at else None, streak=streak)
            if rule is None:
                break
            rules[at], good[at] = rule, False
            streak = rule == UNADJUSTED_SPLIT
            at += 1
        streak = False
        at += 1


def _series(bars: pl.DataFrame) -> _Series:
    logs = {name: np.log(bars[name].to_numpy()) for name in ("open", "high", "low", "close")}
    volume = bars["volume"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    turnover = np.where(volume > 0, volume, np.nan) * bars["close"].to_numpy()
    return _Series(gap=bars["gap"].cast(pl.Float64).to_numpy(), turnover=turnover, **logs)


def _excess(series: _Series, kept: Places) -> Floats:
    """How far each kept bar exceeds its bound after the second look; above 1 is suspect."""
    found = np.zeros(len(kept))
    if len(kept) <= LEAST:
        return found
    jump, spike = _sizes(series, kept[1:], kept[:-1])
    typical, reach = (
        pl.Series(sizes).rolling_median(WINDOW, min_samples=LEAST).to_numpy()
        for sizes in (np.abs(np.diff(series.close[kept])), spike)
    )
    normal = pl.Series(series.turnover[kept]).fill_nan(None)
    normal = normal.rolling_median(WINDOW, min_samples=LEAST).fill_null(float("nan"))
    # The n-th kept bar ends the move n - 1, so what stands at n - 2 is known before it.
    scale = _scale(typical[:-1], reach[:-1])
    surge = _traded(series, kept[2:], kept[1:-1]) / normal.to_numpy()[1:-1]
    found[2:] = _beyond(jump[1:], spike[1:], scale, surge)
    return found


def _sizes(series: _Series, bars: Places, before: Places) -> tuple[Floats, Floats]:
    """Log sizes of the close's move (a day's worth) and of the farthest of the other prices."""
    days = np.sqrt(np.maximum(series.gap[bars], 1.0))
    o, c, previous = series.open[bars], series.close[bars], series.close[before]
    opening = np.minimum(np.abs(o - previous), np.abs(o - c))
    above = series.high[bars] - np.maximum(np.maximum(o, c), previous)
    below = np.minimum(np.minimum(o, c), previous) - series.low[bars]
    spike = np.maximum(opening, np.maximum(above, below))
    return np.abs(c - previous) / days, spike / days


def _traded(series: _Series, bars: Places, before: Places) -> Floats:
    """Turnover at the lower of the close and the close before: a wrong price buys no turnover."""
    excess = np.maximum(series.close[bars] - series.close[before], 0.0)
    traded: Floats = series.turnover[bars] * np.exp(-excess)
    return traded


def _scale(typical: Floats, reach: Floats) -> Floats:
    return np.maximum(np.maximum(MAD_TO_DEVIATION * typical, reach), FLOOR)


def _beyond(jump: Floats, spike: Floats, scale: Floats, surge: Floats) -> Floats:
    size = np.maximum(jump / JUMP_BOUND, spike / SPIKE_BOUND) / scale
    # Without a volume there is no second look, so the first one is more lenient.
    size = np.where(np.isnan(surge), 0.5 * size, size)
    needed = np.maximum(_split_turnover(jump), CONFIRMING_TURNOVER)
    confirmed = np.where(np.isnan(surge), False, surge >= needed)
    return np.where(confirmed | np.isnan(size), 0.0, size)


def _judge(
    series: _Series, before: Places, at: int, rule_before: str | None, *, streak: bool
) -> str | None:
    """The rule that bar `at` breaks, measured by the good bars `before` it."""
    window = before[-WINDOW - 1 :]
    if len(window) <= LEAST:
        return None
    moves = np.abs(np.diff(series.close[window]))
    reach = _sizes(series, window[1:], window[:-1])[1]
    scale = _scale(np.array([np.median(moves)]), np.array([np.median(reach)]))
    here = np.array([at])
    jump, spike = _sizes(series, here, before[-1:])
    if streak:
        return UNADJUSTED_SPLIT if jump[0] > JUMP_BOUND * scale[0] else None
    known = series.turnover[window[-WINDOW:]]
    known = known[~np.isnan(known)]
    normal = float(np.median(known)) if len(known) >= LEAST else np.nan
    surge = _traded(series, here, before[-1:]) / normal
    if not _beyond(jump, spike, scale, surge)[0] > 1.0:
        return None
    lenient = 2.0 if np.isnan(surge[0]) else 1.0
    if jump[0] <= lenient * JUMP_BOUND * scale[0]:
        return SPIKE
    if _split_turnover(jump)[0] > 0.0:
        return UNADJUSTED_SPLIT
    step = abs(series.close[at] - series.close[at - 1])
    return None if rule_before == JUMP and step <= JUMP_BOUND * scale[0] else JUMP


def _split_turnover(log_moves: Floats) -> Floats:
    """The turnover that confirms a move as large as a split's; 0 where it is not that large."""
    away = np.abs(log_moves[:, None] - SPLITS[:, 0])
    turnover: Floats = np.max(np.where(away < SPLITS[:, 1], SPLITS[:, 2], 0.0), axis=1)
    return turnover
