"""A control chart: does the account do what the backtest's sessions would give?

Honest records are drawn from the backtest's own daily returns, in blocks, since positions stay open
for weeks. The backtest's mean is itself known only so well as its length allows, so each draw has a
mean of its own, that of a backtest drawn anew. The band around them is as wide as it takes for the
given share of them to leave it anywhere in the horizon, not at a single session: a chart that is
looked at each evening would else raise a false alarm sooner or later with near certainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.domain.statistics.bootstrap import Interval, block_positions, interval_of
from options_platform.domain.statistics.curve import sharpe

LEVEL = 0.05
"""Share of honest records that fall below the band anywhere in its horizon."""
HORIZON = 252
"""Sessions of the first band; each that a record outgrows is followed by one twice as long."""
FEWEST_SESSIONS = 21
"""Below these a record is not judged: the mean of so few returns says nothing."""
FEWEST_EXPECTED = 1008
"""Sessions that a backtest needs for a band; of fewer the blocks say too little of its mean."""
DRAWS = 2000


@dataclass(frozen=True)
class ControlChart:
    """A record beside the band of honest ones.

    `profit` is the record's sum of daily returns by session (a fraction of the account), `expected`
    the mean of the draws, `low` and `high` the band; nan before `FEWEST_SESSIONS`. `horizon` are
    the sessions in which `level` of honest records ever fall below it. `fell_at` is the number of
    the first session below the band, counted from 1, None if there is none. `sharpe` is the
    record's annualised Sharpe ratio with the 95% interval of draws as long as the record, `p_value`
    the share of these at or below it; both None for an account that has not moved.
    """

    profit: Floats
    expected: Floats
    low: Floats
    high: Floats
    horizon: int
    level: float
    fell_at: int | None
    sharpe: Interval | None
    p_value: float | None


def control_chart(
    record: Floats, backtest: Floats, *, draws: int = DRAWS, seed: int = 0
) -> ControlChart | None:
    """The chart of a record's daily returns beside those of its backtest, both fractions, in order.

    None for a record below `FEWEST_SESSIONS` or a backtest below `FEWEST_EXPECTED`.
    """
    count = len(record)
    if count < FEWEST_SESSIONS or len(backtest) < FEWEST_EXPECTED:
        return None
    horizon, level = horizon_of(count)
    drawn = drawn_returns(backtest, horizon, draws=draws, seed=seed)
    profit = np.cumsum(record)
    bands = [(horizon, level)]
    while bands[-1][0] > HORIZON:
        bands.append((bands[-1][0] // 2, bands[-1][1] * 2.0))
    judged = [_band(drawn[:, :sessions], share) for sessions, share in bands]
    # A fall below the band of the time stays one when the record has outgrown that band.
    falls = [
        int(session)
        for _, low, _ in judged
        for session in np.flatnonzero(profit[: len(low)] < low[:count])[:1]
    ]
    expected, low, high = judged[0]
    return ControlChart(
        profit=profit,
        expected=expected[:count],
        low=low[:count],
        high=high[:count],
        horizon=horizon,
        level=level,
        fell_at=min(falls) + 1 if falls else None,
        **_sharpe(record, drawn[:, :count]),
    )


def _band(drawn: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean, lower and upper bound by session, so that `level` of the draws ever leave each side."""
    paths = np.cumsum(drawn, axis=1)
    mean, spread = paths.mean(axis=0), paths.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.nan_to_num((paths - mean) / spread)[:, FEWEST_SESSIONS - 1 :]
    low = mean + np.quantile(distance.min(axis=1), level) * spread
    high = mean + np.quantile(distance.max(axis=1), 1.0 - level) * spread
    low[: FEWEST_SESSIONS - 1], high[: FEWEST_SESSIONS - 1] = np.nan, np.nan
    return mean, low, high


def _sharpe(record: Floats, drawn: Floats) -> dict[str, Any]:
    """The Sharpe ratio of the record among those of the draws; None while it has not moved."""
    ratio = float(sharpe(record))
    if not np.isfinite(ratio):
        return {"sharpe": None, "p_value": None}
    ratios = sharpe(drawn)
    at_or_below = float((1 + (ratios <= ratio).sum()) / (1 + len(ratios)))
    return {"sharpe": interval_of(ratio, ratios), "p_value": at_or_below}


def horizon_of(count: int) -> tuple[int, float]:
    """The sessions of the band that a record of `count` sessions is judged by, and its level.

    A record that outgrows its band is judged by one twice as long at half the level, so that of
    honest records of any length at most `LEVEL` ever fall below a band.
    """
    horizon, level = HORIZON, LEVEL / 2.0
    while horizon < count:
        horizon, level = horizon * 2, level / 2.0
    return horizon, level


def drawn_returns(backtest: Floats, sessions: int, *, draws: int, seed: int) -> Floats:
    """Records of `sessions` as the backtest's blocks would give them, shape [draws, sessions].

    Each has the mean of a backtest of the same length that is drawn anew, in place of that of the
    backtest itself.
    """
    rounds = -(-sessions // len(backtest))
    parts = [
        backtest[block_positions(len(backtest), draws=draws, seed=seed + at)]
        for at in range(rounds)
    ]
    drawn = np.concatenate(parts, axis=1)[:, :sessions]
    anew = backtest[block_positions(len(backtest), draws=draws, seed=seed + rounds)]
    shift = anew.mean(axis=1) - backtest.mean()
    return np.asarray(drawn + shift[:, None])
