"""Metrics of an equity curve, one value a session.

Definitions: Bacon, Practical Portfolio Performance Measurement and Attribution. Returns are
simple and daily; a year has 252 sessions where a return is annualised and 365.25 days where a
span is. What cannot be told (no loss, no deviation) is NaN, never zero or infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from options_platform.common import Floats

SESSIONS_A_YEAR = 252.0
DAYS_A_YEAR = 365.25
NONE = 1e-12
# Below this share of the deviation a day did not move.
FLAT_SHARE = 0.01
MOSTLY_FLAT, NO_LOSING_TAIL = "mostly_flat", "no_losing_tail"


@dataclass(frozen=True)
class CurveMetrics:
    """Fractions, annualised where the name says so; drawdowns are positive.

    cagr: compound growth a year. volatility_annual: sample deviation of daily returns. sharpe and
    sortino: mean excess return over its deviation, or over its downside deviation (root mean
    square of the losses against all sessions). max_drawdown: largest fall from a peak;
    max_drawdown_sessions: longest time from a peak to its recovery, or to the end. calmar: cagr
    over max_drawdown. tail_ratio: 95th over the absolute 5th percentile of daily returns; NaN with
    the reason in tail_ratio_null where it would divide by next to nothing: `mostly_flat` (at least
    half of the days did not move) or `no_losing_tail` (fewer than one day in twenty lost).
    """

    total_return: float
    cagr: float
    volatility_annual: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    max_drawdown_sessions: int
    tail_ratio: float
    tail_ratio_null: str | None
    best_session: float
    worst_session: float


def returns_of(equity: Floats) -> Floats:
    """Simple returns from session to session, one fewer than the values."""
    return np.asarray(equity[1:] / equity[:-1] - 1.0)


def curve_metrics(
    sessions: list[date], equity: Floats, risk_free: Floats | None = None
) -> CurveMetrics:
    """The metrics of an equity curve.

    Args:
        sessions: ascending, one a value.
        equity: USD, all positive, at least two.
        risk_free: what cash earned in each session after the first, as a fraction; None is 0.

    Raises :class:`ValueError` on fewer than two values, and on equity that is not positive:
    an account that lost everything has no rate of return.
    """
    if len(equity) < 2 or len(equity) != len(sessions):
        raise ValueError("an equity curve has at least two sessions, and one value each")
    if not np.all(equity > 0):
        raise ValueError("equity fell to zero or below: there are no returns after that")
    returns = returns_of(equity)
    excess = returns if risk_free is None else returns - risk_free
    years = (sessions[-1] - sessions[0]).days / DAYS_A_YEAR
    growth = float(equity[-1] / equity[0])
    cagr = growth ** (1.0 / years) - 1.0
    depth, length = drawdown(equity)
    ratio, why_null = tail_ratio(returns, excess)
    return CurveMetrics(
        total_return=growth - 1.0,
        cagr=cagr,
        volatility_annual=deviation(returns) * np.sqrt(SESSIONS_A_YEAR),
        sharpe=float(sharpe(excess)),
        sortino=float(sortino(excess)),
        calmar=cagr / depth if depth > NONE else float("nan"),
        max_drawdown=depth,
        max_drawdown_sessions=length,
        tail_ratio=ratio,
        tail_ratio_null=why_null,
        best_session=float(returns.max()),
        worst_session=float(returns.min()),
    )


def tail_ratio(returns: Floats, excess: Floats) -> tuple[float, str | None]:
    """The 95th over the absolute 5th percentile of daily returns, or NaN and why.

    A day is flat if its return, or what it returned beyond cash, is next to none of the deviation.
    """
    least = max(NONE, FLAT_SHARE * float(np.std(returns)))
    flat = (np.abs(returns) <= least) | (np.abs(excess) <= least)
    if np.mean(flat) >= 0.5:
        return float("nan"), MOSTLY_FLAT
    low, high = np.quantile(returns, [0.05, 0.95])
    if low > -least:
        return float("nan"), NO_LOSING_TAIL
    return float(high / -low), None


def deviation(returns: Floats) -> float:
    """Sample standard deviation; NaN for a single return."""
    return float(np.std(returns, ddof=1)) if len(returns) > 1 else float("nan")


def sharpe(excess: Floats) -> Floats:
    """Annualised Sharpe ratio along the last axis; NaN without deviation (Sharpe 1994)."""
    mean, spread = np.mean(excess, axis=-1), np.std(excess, axis=-1, ddof=1)
    known = spread > NONE
    ratio = mean / np.where(known, spread, 1.0) * np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(np.where(known, ratio, np.nan))


def sortino(excess: Floats) -> Floats:
    """Annualised Sortino ratio along the last axis; NaN without a loss (Sortino, Price 1994)."""
    down = np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2, axis=-1))
    known = down > NONE
    ratio = np.mean(excess, axis=-1) / np.where(known, down, 1.0) * np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(np.where(known, ratio, np.nan))


def annual_return(returns: Floats) -> Floats:
    """Compound return a year of 252 sessions, along the last axis."""
    count = returns.shape[-1]
    total = np.sum(np.log1p(returns), axis=-1)
    return np.asarray(np.expm1(total * SESSIONS_A_YEAR / count))


def drawdown(equity: Floats) -> tuple[float, int]:
    """The largest fall from a peak as a fraction, and the longest time below one in sessions."""
    peak = np.maximum.accumulate(equity)
    depth = float(np.max(1.0 - equity / peak))
    at_peak = np.flatnonzero(equity >= peak)
    # From each peak to the next session at or above it; the last one lasts to the end.
    gaps = np.diff(np.append(at_peak, len(equity)))
    inside = np.maximum(gaps, 1)
    inside[-1] -= 1
    longest = int(inside.max(initial=0))
    return depth, longest if depth > 0 else 0
