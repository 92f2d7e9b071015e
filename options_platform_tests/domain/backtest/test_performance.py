from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.backtest.results import EQUITY, FILLS, TRADES, BacktestResult
from options_platform.domain.backtest.trade_metrics import trade_metrics
from options_platform.domain.statistics.bootstrap import (
    block_positions,
    bootstrap_interval,
)
from options_platform.domain.statistics.breakdown import BREAKDOWNS, breakdown, monthly_returns
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


def result(rows, equity=(1000.0, 1010.0, 1005.0, 1030.0)):
    days = [date(2023, 1, 30), date(2023, 1, 31), date(2023, 2, 1), date(2023, 3, 1)]
    trades = pl.DataFrame(
        [
            {
                "plan_id": str(n), "ticker": "SPY", "strategy": s, "regime": "neutral",
                "opened_on": days[0], "closed_on": closed, "exit_reason": reason,
                "days_held": held_days, "pnl_usd": pnl, "max_loss_usd": 100.0, "fees_usd": 1.0,
                "slippage_usd": 2.0, "delta_usd": pnl + 3.0, "gamma_usd": 0.0, "theta_usd": 0.0,
                "vega_usd": 0.0, "other_usd": 0.0,
            }
            for n, (s, reason, closed, held_days, pnl) in enumerate(rows)
        ],
        schema=TRADES,
    )  # fmt: skip
    curve = pl.DataFrame({"session": days, "equity_usd": equity, "open_positions": [0, 1, 1, 0]})
    curve = pl.concat([EQUITY.to_frame(), curve.cast({"open_positions": pl.Int64})], how="diagonal")
    fills = pl.DataFrame(
        {"action": ["open", "close", "settle", "assign"], "price": [1.0, 2.0, 40.0, 40.0],
         "contracts": [3, 1, 1, 1]},
    )  # fmt: skip
    fills = pl.concat([FILLS.to_frame(), fills], how="diagonal")
    return BacktestResult(1000.0, trades, fills, *[pl.DataFrame()] * 1, curve,
                          *[pl.DataFrame()] * 3)  # fmt: skip


ROWS = [
    ("a", "TAKE_PROFIT", date(2023, 1, 31), 1, 30.0),
    ("a", "STOP_LOSS", date(2023, 2, 1), 2, -40.0),
    ("b", "TAKE_PROFIT", date(2024, 2, 1), 3, 20.0),
    ("b", None, None, 9, 500.0),  # still open, ignored
]


def test_trade_metrics_worked_by_hand():
    metrics = trade_metrics(result(ROWS))
    assert metrics.trades == 3
    assert metrics.win_rate == pytest.approx(2 / 3)
    assert metrics.profit_factor == pytest.approx(50 / 40)
    assert metrics.expectancy_usd == pytest.approx(10 / 3)
    assert metrics.expectancy_r == pytest.approx(0.1 / 3)
    assert (metrics.average_win_usd, metrics.average_loss_usd) == (25.0, -40.0)
    assert metrics.average_days_held == 2.0
    assert metrics.exposure == 0.5
    # 500 USD traded in 4 of 252 sessions over a mean equity of 1,011.25.
    assert metrics.turnover_annual == pytest.approx(500 / (4 / 252) / 1011.25)
    assert np.isnan(trade_metrics(result([])).win_rate)


def test_each_breakdown_adds_up_to_the_whole():
    run = result(ROWS)
    for by in BREAKDOWNS:
        rows = breakdown(run.trades, by)
        assert rows["trades"].sum() == 3
        assert rows["pnl_usd"].sum() == pytest.approx(10.0)
    years = breakdown(run.trades, "year")
    assert years["year"].to_list() == ["2023", "2024"]
    assert years["profit_factor"].to_list() == [0.75, None]
    assert breakdown(run.trades, "exit_reason")["delta_usd"].sum() == pytest.approx(19.0)


def test_monthly_returns_worked_by_hand():
    months = monthly_returns(result([]).equity)
    assert months.select("year", "month").rows() == [(2023, 1), (2023, 2), (2023, 3)]
    assert months["return"].to_list() == pytest.approx([0.01, 1005 / 1010 - 1, 1030 / 1005 - 1])


def test_blocks_are_runs_of_sessions_and_every_session_is_as_likely():
    at = block_positions(50, draws=4000, block=10, seed=1)
    assert at.shape == (4000, 50)
    steps = np.diff(at[:, :10], axis=1) % 50
    assert (steps == 1).all()
    counts = np.bincount(at.ravel(), minlength=50)
    assert counts.min() > 0.9 * counts.max()


def test_intervals_cover_the_true_value_about_as_often_as_stated():
    random = np.random.default_rng(4)
    covered = 0
    for draw in range(150):
        returns = random.normal(0.0005, 0.01, 400)
        interval = bootstrap_interval(returns, lambda r: np.mean(r, axis=-1), draws=300, seed=draw)
        covered += interval.low <= 0.0005 <= interval.high
    assert 0.85 < covered / 150 < 1.0


def test_annual_return_compounds():
    assert annual_return(np.full(252, 0.001)) == pytest.approx(1.001**252 - 1)
    assert returns_of(np.array([100.0, 101.0])) == pytest.approx([0.01])
