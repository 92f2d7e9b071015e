"""Outliers in daily bars: jumps and spikes beyond a robust bound, and unadjusted splits.

A bar is judged only by good bars before it, so the verdict does not depend on when it is made. The
scale is the typical daily move: 1.4826 x the median absolute log return of the previous 63 good
bars (the MAD as a standard deviation, Rousseeuw and Croux 1993), but at least 0.5% and at least
the median distance of open, high and low from the closes.

A move beyond the bound is accepted if turnover (close x volume) confirms it: a genuine jump trades
more than the median turnover, and a larger jump must trade more. Without that confirmation, a new
level that persists and is at least as far away as the smallest usual split (5:4) is an unadjusted
split, whatever its ratio. If the source reports a split and the prices still step by its ratio,
they are unadjusted, and turnover does not matter.
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
# Over a hole the bound grows with the square root of its sessions, up to one quarter.
LONGEST_HOLE = 63.0
# A split ratio closer to 1 than 5:4 cannot be distinguished from a daily move.
LEAST_SPLIT = float(np.log(1.25))
LEAST_SHIFT = LEAST_SPLIT - 0.05
# Smallest step back that shows that the source has adjusted its prices, even after a drift.
LEAST_STEP_BACK = 0.75 * LEAST_SHIFT
# A close within this fraction of the log ratio of a reported split has moved by that split.
NEAR = 0.25
TOLERANCE = 1e-9
# Log ratios of usual splits: a move of this size is called an unadjusted split at once.
USUAL = np.log(
    np.array([1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0])
)
USUAL_WITHIN = np.where(np.arange(len(USUAL)) == 0, 0.05, 0.1)
# Turnover (multiple of the median) that confirms a move, by its log size: a fall by a third is
# plausible, a fall by half only with four times the usual turnover.
MOVE_SIZES = (LEAST_SPLIT, np.log(1.5) - 0.05, np.log(1.5) + 0.05, np.log(2.0) - 0.1)
MOVE_TURNOVERS = (CONFIRMING_TURNOVER, 2.0, 2.0, 4.0)

Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Series:
    """Bars of one ticker, prices as logs; `turnover` (USD) is NaN where the volume is missing.

    `split` is the log of the bar's split ratio, 0 without a split; `factor` the log of its split
    factor (all later splits), NaN where it is missing.
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
    """The rule that each bar breaks; None for a good bar.

    - `jump`: the close moved beyond the bound.
    - `spike`: open, high or low is beyond both closes by more than the bound.
    - `unadjusted_split`: the prices step by a reported split or a usual split ratio, or a new level
      at least that far away persists.

    A bar with fewer than 21 moves before it is not judged, unless it reports a split. After a
    smaller jump, the next bar confirms the new level. After an unadjusted split no bar does, until
    prices step back into the bound; prices that drift back were never adjusted.

    Args:
        bars: one ticker, ascending, prices finite and positive: `gap` (sessions since the
            previous bar, good or bad), open, high, low, close, volume, split_ratio, split_factor
            (both null if unknown) and `settled` (true: already known as good; not judged, but part
            of the scale).
        rule_before: the rule for which the bar before the first unsettled one was set aside,
            `jump` or `unadjusted_split`; None if it was not.
        level_before: the close of that bar; None if unknown.
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
        # Bars that are set aside do not count, so the scale stays fixed until a good one follows.
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
    """Scale of a normal move, from the good bars before a suspect.

    `last` is the newest of these bars (empty if there are none); `scale` the typical daily move
    (log), NaN with fewer than 21 moves; `turnover` the median turnover (USD), NaN if unknown.
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
        """The rule that bar `at` breaks, None if it is good.

        `rule_before` and `level` (log close) belong to the bar before it.
        """
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
        """Whether bar `at` has returned to the prices before the shift to `level` (log close).

        It must be within the bound of the last good bar, and have moved back by at least half of
        the shift in one step. If `level` is unknown, the bound alone decides.
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
    """Size of each kept bar's move relative to its bound; above 1 it is suspect.

    A move confirmed by turnover has size 0; one by a reported split has size infinity.
    """
    excess = np.zeros(len(kept))
    if len(kept) > 1:
        excess[1:] = np.where(_steps_by_its_split(series, kept[1:], kept[:-1]), np.inf, 0.0)
    if len(kept) <= LEAST:
        return excess
    jump, spike = _sizes(series, kept[1:], kept[:-1])
    typical, reach = (
        pl.Series(sizes).rolling_median(WINDOW, min_samples=LEAST).to_numpy()
        for sizes in (np.abs(np.diff(series.close[kept])), spike)
    )
    normal = pl.Series(series.turnover[kept]).fill_nan(None)
    normal = normal.rolling_median(WINDOW, min_samples=LEAST).fill_null(float("nan"))
    # The n-th kept bar ends move n - 1, so its scale must come from index n - 2.
    scale = _scale(typical[:-1], reach[:-1])
    surge = _traded(series, kept[2:], kept[1:-1]) / normal.to_numpy()[1:-1]
    shift = _shift(series, kept[2:], kept[1:-1])
    excess[2:] = np.maximum(excess[2:], _beyond(jump[1:], spike[1:], shift, scale, surge))
    return excess


def _sizes(series: _Series, bars: Places, before: Places) -> tuple[Floats, Floats]:
    """Log size of the close's move and of the farthest other price, both scaled to one day."""
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
    # Without a volume nothing can confirm the move, so the bound is doubled.
    size = np.where(np.isnan(surge), 0.5 * size, size)
    needed = np.interp(shift, MOVE_SIZES, MOVE_TURNOVERS)
    confirmed = np.where(np.isnan(surge), False, surge >= needed)
    return np.where(confirmed | np.isnan(size), 0.0, size)


def _shift(series: _Series, bars: Places, before: Places) -> Floats:
    """Log size of the close's whole move, not scaled by the number of sessions."""
    shift: Floats = np.abs(series.close[bars] - series.close[before])
    return shift


def _steps_by_its_split(series: _Series, bars: Places, before: Places) -> NDArray[np.bool_]:
    """Whether each close differs from that of the bar `before` by the split reported between."""
    # The factor also contains splits on days without a bar.
    since = series.factor[before] - series.factor[bars]
    reported_split = np.where(np.isnan(since), series.split[bars], since)
    away = np.abs(series.close[bars] - series.close[before] + reported_split)
    stepped: NDArray[np.bool_] = away <= NEAR * np.abs(reported_split)
    return stepped & (np.abs(reported_split) >= LEAST_SPLIT - TOLERANCE)
