"""Metrics of closed trades and their breakdowns, worked by hand on one small result."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest.results import EQUITY, FILLS, TRADES, BacktestResult
from options_platform.domain.backtest.trade_metrics import break_even_win_rate, trade_metrics
from options_platform.domain.statistics.breakdown import BREAKDOWNS, breakdown, monthly_returns


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


def test_the_rate_to_break_even_is_the_mean_loss_over_mean_loss_and_mean_win():
    # 8 wins of 50 USD and 2 losses of 150 USD: a win rate of 75% would make nothing.
    assert break_even_win_rate(0.8, 400.0 / 300.0) == pytest.approx(150.0 / (150.0 + 50.0))
    for win_rate, profit_factor in [(1.0, math.inf), (0.0, 0.0), (None, None), (math.nan, 1.0)]:
        assert break_even_win_rate(win_rate, profit_factor) is None
