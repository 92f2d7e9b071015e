"""Metrics of an equity curve, worked by hand and against a published example."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.statistics.curve import (
    annual_return,
    curve_metrics,
    drawdown,
    returns_of,
    sharpe,
    sortino,
)

YEAR = [date(2023, 1, 2) + timedelta(days=n) for n in range(366)]


def test_a_curve_worked_by_hand():
    # 100, 110, 99, 108.9: returns +10%, -10%, +10%; mean 3.33%, sample deviation 11.547%.
    days = [date(2020, 1, 1), date(2020, 5, 1), date(2020, 9, 1), date(2021, 1, 1)]
    metrics = curve_metrics(days, np.array([100.0, 110.0, 99.0, 108.9]))
    assert metrics.total_return == pytest.approx(0.089)
    # 366 of 365.25 days.
    assert metrics.cagr == pytest.approx(1.089 ** (365.25 / 366) - 1)
    assert metrics.volatility_annual == pytest.approx(0.11547005 * np.sqrt(252))
    assert metrics.sharpe == pytest.approx(0.0333333 / 0.11547005 * np.sqrt(252), rel=1e-5)
    # Downside: sqrt(0.01 / 3) = 5.7735%.
    assert metrics.sortino == pytest.approx(0.0333333 / 0.0577350 * np.sqrt(252), rel=1e-5)
    assert metrics.max_drawdown == pytest.approx(0.1)
    assert metrics.max_drawdown_sessions == 2  # 110, then two closes below it, to the end
    assert metrics.calmar == pytest.approx(metrics.cagr / 0.1)
    assert (metrics.best_session, metrics.worst_session) == pytest.approx((0.1, -0.1))
    # Quantiles at 5 and 95%: -8% and +10%.
    assert metrics.tail_ratio == pytest.approx(0.1 / 0.08)


def test_the_sharpe_ratio_of_a_published_example():
    # Sharpe (1994), "The Sharpe Ratio": mean over standard deviation of differential returns. A
    # mean of 1 and a deviation of 2 give 0.5 per period, x sqrt(252) per year.
    returns = np.array([3.0, -1.0, 3.0, -1.0]) / 100
    mean, spread = 0.01, np.std(returns, ddof=1)
    assert sharpe(returns) == pytest.approx(mean / spread * np.sqrt(252))
    assert curve_metrics(
        YEAR[:5], 100 * np.cumprod(np.r_[1, 1 + returns]), risk_free=np.full(4, 0.01)
    ).sharpe == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("equity", "depth", "sessions"),
    [
        ([100, 101, 102], 0.0, 0),
        ([100, 90, 100], 0.1, 2),  # recovered on the second session after the peak
        ([100, 90, 95, 120, 60, 80], 0.5, 3),
        ([100, 50], 0.5, 1),
    ],
)
def test_drawdowns_worked_by_hand(equity, depth, sessions):
    assert drawdown(np.array(equity, dtype=float)) == (pytest.approx(depth), sessions)


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        # The account trades one day in ten, so the 5th percentile is a loss of one millionth.
        ([0.006, -0.004, *[0.0] * 17, -1e-6], "mostly_flat"),
        ([0.0] * 20, "mostly_flat"),
        ([0.01, 0.02] * 30, "no_losing_tail"),
        ([0.01, 0.02] * 30 + [-0.05], "no_losing_tail"),
        ([0.01, -0.02] * 30, None),
    ],
)
def test_a_tail_ratio_with_a_negligible_denominator_is_null_with_its_reason(returns, reason):
    days = [date(2023, 1, 2) + timedelta(days=n) for n in range(len(returns) + 1)]
    equity = 100.0 * np.cumprod(np.r_[1.0, 1.0 + np.array(returns)])
    metrics = curve_metrics(days, equity)
    assert metrics.tail_ratio_null == reason
    assert np.isnan(metrics.tail_ratio) == (reason is not None)
    # The same holds if idle days earn only the interest on cash.
    cash = np.full(len(returns), 2e-4)
    growing = 100.0 * np.cumprod(np.r_[1.0, 1.0 + np.array(returns) + cash])
    assert curve_metrics(days, growing, cash).tail_ratio_null == reason


def test_undefined_metrics_are_nan_and_an_account_without_equity_is_refused():
    flat = curve_metrics(YEAR[:3], np.full(3, 100.0))
    assert np.isnan([flat.sharpe, flat.sortino, flat.calmar, flat.tail_ratio]).all()
    with pytest.raises(ValueError, match="zero or below"):
        curve_metrics(YEAR[:3], np.array([100.0, 0.0, 10.0]))
    with pytest.raises(ValueError, match="at least two sessions"):
        curve_metrics(YEAR[:1], np.array([100.0]))


@given(
    returns=st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=60).filter(
        lambda r: np.std(r) > 1e-4
    ),
    scale=st.floats(0.5, 3),
)
@settings(deadline=None, max_examples=60)
def test_ratios_do_not_depend_on_leverage_and_drawdown_is_bounded(returns, scale):
    returns = np.array(returns)
    assert sharpe(returns * scale) == pytest.approx(sharpe(returns), rel=1e-6)
    if np.any(returns < -1e-6):
        assert sortino(returns * scale) == pytest.approx(sortino(returns), rel=1e-6)
    depth, sessions = drawdown(np.cumprod(np.r_[1.0, 1 + returns]))
    assert 0 <= depth < 1
    assert 0 <= sessions <= len(returns)


def test_annual_return_compounds():
    assert annual_return(np.full(252, 0.001)) == pytest.approx(1.001**252 - 1)
    assert returns_of(np.array([100.0, 101.0])) == pytest.approx([0.01])
