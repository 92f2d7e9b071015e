"""Metrics of an equity curve with one value per session.

Definitions: Bacon, Practical Portfolio Performance Measurement and Attribution. Returns are simple
and daily. Annualisation uses 252 sessions for returns and 365.25 days for time spans. Undefined
metrics (no loss, no deviation) are NaN, never zero or infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from options_platform.common import Floats

SESSIONS_A_YEAR = 252.0
DAYS_A_YEAR = 365.25
NONE = 1e-12
# A day is flat if its return is below this fraction of the standard deviation.
FLAT_SHARE = 0.01
MOSTLY_FLAT, NO_LOSING_TAIL = "mostly_flat", "no_losing_tail"


@dataclass(frozen=True)
class CurveMetrics:
    """Metrics of an equity curve, as fractions; drawdowns are positive.

    - cagr: compound annual growth rate.
    - volatility_annual: annualised sample standard deviation of daily returns.
    - sharpe, sortino: annualised mean excess return over its standard deviation, or over its
      downside deviation (root mean square of losses over all sessions).
    - max_drawdown: largest fall from a peak; max_drawdown_sessions: longest time from a peak to its
      recovery, or to the end.
    - calmar: cagr over max_drawdown.
    - tail_ratio: 95th percentile of daily returns over the absolute 5th. NaN where the denominator
      is negligible, with the reason in tail_ratio_null: `mostly_flat` (at least half of the days
      flat) or `no_losing_tail` (fewer than one day in twenty lost).
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
    """Simple returns from session to session, one fewer than the equity values."""
    return np.asarray(equity[1:] / equity[:-1] - 1.0)


def curve_metrics(
    sessions: list[date], equity: Floats, risk_free: Floats | None = None
) -> CurveMetrics:
    """Metrics of an equity curve.

    Args:
        sessions: ascending, one per equity value.
        equity: USD, positive, at least two values.
        risk_free: return of cash in each session after the first, a fraction; None means 0.

    Raises:
        ValueError: fewer than two values, or equity that is not positive, since returns are
            undefined after a total loss.
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
    """95th percentile of daily returns over the absolute 5th, or NaN with the reason.

    A day is flat if its return, or its excess return, is below 1% of the standard deviation.
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
    """Sample standard deviation (n - 1); NaN for a single return."""
    return float(np.std(returns, ddof=1)) if len(returns) > 1 else float("nan")


def sharpe(excess: Floats) -> Floats:
    """Annualised Sharpe ratio along the last axis; NaN for constant returns (Sharpe 1994)."""
    mean, spread = np.mean(excess, axis=-1), np.std(excess, axis=-1, ddof=1)
    varies = spread > NONE
    ratio = mean / np.where(varies, spread, 1.0) * np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(np.where(varies, ratio, np.nan))


def sortino(excess: Floats) -> Floats:
    """Annualised Sortino ratio along the last axis; NaN without a loss (Sortino, Price 1994)."""
    down = np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2, axis=-1))
    has_losses = down > NONE
    ratio = np.mean(excess, axis=-1) / np.where(has_losses, down, 1.0) * np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(np.where(has_losses, ratio, np.nan))


def annual_return(returns: Floats) -> Floats:
    """Compound annual return (252 sessions) along the last axis, a fraction."""
    count = returns.shape[-1]
    total = np.sum(np.log1p(returns), axis=-1)
    return np.asarray(np.expm1(total * SESSIONS_A_YEAR / count))


def drawdown(equity: Floats) -> tuple[float, int]:
    """Largest fall from a peak (fraction), and longest time below a peak (sessions)."""
    peak = np.maximum.accumulate(equity)
    depth = float(np.max(1.0 - equity / peak))
    at_peak = np.flatnonzero(equity >= peak)
    # Sessions from each peak to the next one at or above it; the last gap runs to the end.
    gaps = np.diff(np.append(at_peak, len(equity)))
    inside = np.maximum(gaps, 1)
    inside[-1] -= 1
    longest = int(inside.max(initial=0))
    return depth, longest if depth > 0 else 0
