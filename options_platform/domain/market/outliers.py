"""Prices that cannot be true: jumps and spikes beyond a robust bound that nothing confirms.

A bar is judged by the good bars before it alone, never by later ones, so a judgement is the same
whenever it is made. The yardstick is the typical daily move: 1.4826 x the median absolute log
return of the 63 good bars before (the MAD as a standard deviation, Rousseeuw and Croux 1993), at
least 0.5 per cent and the median reach of open, high and low beyond the closes. What lies beyond
the bound is looked at a second time: news moves money, so a true jump comes with turnover
(close x volume) above its own median, the more of it the larger the jump. Without, a level that
stays and lies as far away as the smallest usual split is one that the source did not adjust for,
whatever its ratio. A split that the source itself names is looked for in the prices first: where
they step by its ratio, no turnover excuses them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats

JUMP, SPIKE, UNADJUSTED_SPLIT = "jump", "spike", "unadjusted_split"
WINDOW, LEAST = 63, 21
FLOOR = 0.005
MAD_TO_DEVIATION = 1.4826
JUMP_BOUND = 10.0
SPIKE_BOUND = 7.0
CONFIRMING_TURNOVER = 1.25
# Over a hole a price may go further, by the square root of its sessions; a quarter's at most.
LONGEST_HOLE = 63.0
# Nearer to 1 than 5:4 a split cannot be told from a day's move.
LEAST_SPLIT = float(np.log(1.25))
LEAST_SHIFT = LEAST_SPLIT - 0.05
# Prices that have drifted to where they were step by this much at least once they are adjusted.
LEAST_STEP_BACK = 0.75 * LEAST_SHIFT
# A close within this share of a named split's log ratio has moved by the split itself.
NEAR = 0.25
TOLERANCE = 1e-9
# Log ratios of the usual splits: a move as large as one of these is named for it at once.
USUAL = np.log(
    np.array([1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0])
)
USUAL_WITHIN = np.where(np.arange(len(USUAL)) == 0, 0.05, 0.1)
# The turnover that confirms a move, by its log size: a fall by a third happens, one by half with
# four times the usual turnover only.
MOVE_SIZES = (LEAST_SPLIT, np.log(1.5) - 0.05, np.log(1.5) + 0.05, np.log(2.0) - 0.1)
MOVE_TURNOVERS = (CONFIRMING_TURNOVER, 2.0, 2.0, 4.0)

Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Series:
    """Bars of one ticker as logs; `turnover` is NaN where the volume is unknown.

    `split` is the log of the ratio of the bar's own split, 0 without one; `factor` that of the
    splits after it, NaN where they are unknown.
    """

    gap: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    turnover: Floats
    split: Floats
    factor: Floats


def find_outliers(
    bars: pl.DataFrame, *, rule_before: str | None = None, level_before: float | None = None
) -> list[str | None]:
    """The rule that each bar breaks, None for a good one.

    Args:
        bars: `gap` (sessions since the ticker's bar before, good or not), open, high, low,
            close, volume, split_ratio, split_factor (both null where unknown) and `settled` (good
            already: yardstick, not judged) of one ticker, ascending, prices finite and above zero.
        rule_before: `jump` or `unadjusted_split` if the bar before the first one that is not
            settled was set aside for it.
        level_before: the close of that bar, None where it is not known.

    The rules are `jump` (the close), `spike` (open, high or low beyond the close and the close
    before) and `unadjusted_split` (a step by a split that the bar names, by a usual ratio, or a
    level as far away as any that stays). Fewer than 21 moves before it leave a bar unjudged, unless
    it names a split. After a smaller jump the next bar confirms the new level; after an unadjusted
    split none does, until prices step back into the bound: one that drifts there has never been
    adjusted.
    """
    series = _series(bars)
    settled = bars["settled"].to_numpy()
    rules: list[str | None] = [None] * bars.height
    good = np.ones(bars.height, dtype=bool)
    at = int(np.argmin(settled)) if not settled.all() else bars.height
    before = rule_before
    shifted = before == UNADJUSTED_SPLIT
    level = float(np.log(level_before)) if level_before else None
    while True:
        if not shifted:
            kept = np.flatnonzero(good)
            suspects = kept[(_excess(series, kept) > 1.0) & ~settled[kept] & (kept >= at)]
            if not len(suspects):
                return rules
            if suspects[0] > at:
                before, level = rules[suspects[0] - 1], float(series.close[suspects[0] - 1])
            at = int(suspects[0])
        # The yardstick stands still while bars are set aside, since they are no part of it.
        yardstick = _Yardstick.of(series, np.flatnonzero(good[:at]))
        while at < bars.height and not settled[at]:
            if shifted:
                rule = None if yardstick.is_back(at, level) else UNADJUSTED_SPLIT
            else:
                rule = yardstick.judge(at, before, level)
            if rule is None:
                break
            rules[at], good[at] = rule, False
            before, level = rule, float(series.close[at])
            shifted = rule == UNADJUSTED_SPLIT
            at += 1
        shifted, before = False, None
        level = float(series.close[at]) if at < bars.height else None
        at += 1


@dataclass(frozen=True)
class _Yardstick:
    """What the good bars before a suspect say of the size of a move.

    `last` is the newest of them, empty without any; `scale` is the typical daily move, NaN with
    fewer than 21 moves, `turnover` the usual one, NaN where it is not known.
    """

    series: _Series
    last: Places
    scale: Floats
    turnover: float

    @classmethod
    def of(cls, series: _Series, before: Places) -> _Yardstick:
        window = before[-WINDOW - 1 :]
        scale, turnover = np.array([np.nan]), np.nan
        if len(window) > LEAST:
            moves = np.abs(np.diff(series.close[window]))
            reach = _sizes(series, window[1:], window[:-1])[1]
            scale = _scale(np.array([np.median(moves)]), np.array([np.median(reach)]))
            traded = series.turnover[window[-WINDOW:]]
            traded = traded[~np.isnan(traded)]
            turnover = float(np.median(traded)) if len(traded) >= LEAST else np.nan
        return cls(series, before[-1:], scale, turnover)

    def judge(self, at: int, rule_before: str | None, level: float | None) -> str | None:
        """The rule that bar `at` breaks; `rule_before` and log `level` are of the bar before it."""
        here, series = np.array([at]), self.series
        if _steps_by_its_split(series, here, self.last).any():
            return UNADJUSTED_SPLIT
        if np.isnan(self.scale[0]):
            return None
        jump, spike = _sizes(series, here, self.last)
        surge = _traded(series, here, self.last) / self.turnover
        shift = _shift(series, here, self.last)
        if not _beyond(jump, spike, shift, self.scale, surge)[0] > 1.0:
            return None
        lenient = 2.0 if np.isnan(surge[0]) else 1.0
        bound = JUMP_BOUND * self.scale[0]
        if jump[0] <= lenient * bound:
            return SPIKE
        stays = rule_before == JUMP and level is not None
        if stays and abs(series.close[at] - level) <= bound:
            return UNADJUSTED_SPLIT if shift[0] >= LEAST_SHIFT else None
        is_usual = np.any(np.abs(shift[0] - USUAL) < USUAL_WITHIN)
        return UNADJUSTED_SPLIT if is_usual else JUMP

    def is_back(self, at: int, level: float | None) -> bool:
        """Whether bar `at` is where prices were before they shifted to `level`, a log close.

        It has to lie in the bound of the last good bar, and to have come back by half of the shift
        in one step; without a known level the bound alone says so.
        """
        if not len(self.last):
            return False
        jump = _sizes(self.series, np.array([at]), self.last)[0][0]
        bound = LEAST_SHIFT if np.isnan(self.scale[0]) else JUMP_BOUND * self.scale[0]
        if level is None:
            return bool(jump <= bound)
        shift = abs(level - self.series.close[self.last[0]])
        step = abs(self.series.close[at] - level)
        return bool(jump <= bound and step >= max(0.5 * shift, LEAST_STEP_BACK))


def _series(bars: pl.DataFrame) -> _Series:
    logs = {name: np.log(bars[name].to_numpy()) for name in ("open", "high", "low", "close")}
    volume = bars["volume"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    turnover = np.where(volume > 0, volume, np.nan) * bars["close"].to_numpy()
    ratio, factor = (
        bars[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in ("split_ratio", "split_factor")
    )
    return _Series(
        gap=bars["gap"].cast(pl.Float64).to_numpy(),
        turnover=turnover,
        split=np.log(np.where(ratio > 0, ratio, 1.0)),
        factor=np.log(np.where(factor > 0, factor, np.nan)),
        **logs,
    )


def _excess(series: _Series, kept: Places) -> Floats:
    """How far each kept bar exceeds its bound after the second look; above 1 is suspect."""
    found = np.zeros(len(kept))
    if len(kept) > 1:
        found[1:] = np.where(_steps_by_its_split(series, kept[1:], kept[:-1]), np.inf, 0.0)
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
    shift = _shift(series, kept[2:], kept[1:-1])
    found[2:] = np.maximum(found[2:], _beyond(jump[1:], spike[1:], shift, scale, surge))
    return found


def _sizes(series: _Series, bars: Places, before: Places) -> tuple[Floats, Floats]:
    """Log sizes of the close's move (a day's worth) and of the farthest of the other prices."""
    days = np.sqrt(np.clip(series.gap[bars], 1.0, LONGEST_HOLE))
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


def _beyond(jump: Floats, spike: Floats, shift: Floats, scale: Floats, surge: Floats) -> Floats:
    size = np.maximum(jump / JUMP_BOUND, spike / SPIKE_BOUND) / scale
    # Without a volume there is no second look, so the first one is more lenient.
    size = np.where(np.isnan(surge), 0.5 * size, size)
    needed = np.interp(shift, MOVE_SIZES, MOVE_TURNOVERS)
    confirmed = np.where(np.isnan(surge), False, surge >= needed)
    return np.where(confirmed | np.isnan(size), 0.0, size)


def _shift(series: _Series, bars: Places, before: Places) -> Floats:
    """Log size of the close's whole move, however many sessions it took."""
    shift: Floats = np.abs(series.close[bars] - series.close[before])
    return shift


def _steps_by_its_split(series: _Series, bars: Places, before: Places) -> NDArray[np.bool_]:
    """Whether each close differs from that of the bar `before` by the split named between them."""
    # The factor knows a split on a day without a bar as well.
    since = series.factor[before] - series.factor[bars]
    named = np.where(np.isnan(since), series.split[bars], since)
    away = np.abs(series.close[bars] - series.close[before] + named)
    stepped: NDArray[np.bool_] = away <= NEAR * np.abs(named)
    return stepped & (np.abs(named) >= LEAST_SPLIT - TOLERANCE)
