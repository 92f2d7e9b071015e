"""Metrics of the closed trades of a backtest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.statistics.bootstrap import Interval, bootstrap_interval

SESSIONS_A_YEAR = 252.0
BLOCK_TRADES = 5


@dataclass(frozen=True)
class TradeMetrics:
    """Metrics of closed trades after fees; NaN where there are no trades to compute one from.

    win_rate: fraction of trades with a profit. profit_factor: sum of profits over sum of losses.
    expectancy_usd: mean profit per trade; expectancy_r: mean of profit over maximum loss.
    exposure: fraction of sessions that end with a position open. turnover_annual: premium traded,
    bought and sold, per year over mean equity.
    """

    trades: int
    win_rate: float
    profit_factor: float
    expectancy_usd: float
    expectancy_r: float
    average_win_usd: float
    average_loss_usd: float
    average_days_held: float
    fees_usd: float
    slippage_usd: float
    exposure: float
    turnover_annual: float


def trade_metrics(result: BacktestResult) -> TradeMetrics:
    """Metrics of a run's closed trades; open positions are ignored."""
    closed = result.trades.drop_nulls("closed_on")
    profit = closed["pnl_usd"]
    wins, losses = profit.filter(profit > 0), profit.filter(profit <= 0)
    equity = result.equity
    # Expiry and assignment are not trades.
    fills = result.fills.filter(pl.col("action").is_in(["open", "close"]))
    traded = float((fills["price"] * fills["contracts"]).sum()) * 100.0
    years = equity.height / SESSIONS_A_YEAR
    return TradeMetrics(
        trades=closed.height,
        win_rate=_share(wins.len(), closed.height),
        profit_factor=_share(wins.sum(), -losses.sum()),
        expectancy_usd=_share(profit.sum(), closed.height),
        expectancy_r=_share((profit / closed["max_loss_usd"]).sum(), closed.height),
        average_win_usd=_share(wins.sum(), wins.len()),
        average_loss_usd=_share(losses.sum(), losses.len()),
        average_days_held=_share(closed["days_held"].sum(), closed.height),
        fees_usd=float(closed["fees_usd"].sum()),
        slippage_usd=float(closed["slippage_usd"].sum()),
        exposure=_share((equity["open_positions"] > 0).sum(), equity.height),
        turnover_annual=_share(traded / years, _mean(equity["equity_usd"])),
    )


def break_even_win_rate(win_rate: float | None, profit_factor: float | None) -> float | None:
    """The share of trades that has to win so that mean wins pay for mean losses, a fraction.

    With win rate p and profit factor F the mean win is F (1 - p) / p mean losses, so it is
    p / (p + F (1 - p)). None where the trades have no win or no loss to tell it by.
    """
    if win_rate is None or profit_factor is None or not math.isfinite(profit_factor):
        return None
    if not 0.0 < win_rate < 1.0:
        return None
    return win_rate / (win_rate + profit_factor * (1.0 - win_rate))


def trade_intervals(profit: Floats) -> dict[str, Interval]:
    """Block-bootstrap intervals of `win_rate` and `profit_factor`; empty without trades.

    `profit` are the profits of closed trades (USD), in the order of their exits.
    """
    if not len(profit):
        return {}
    # Positions overlap for weeks, hence blocks; with few trades they must stay short to vary.
    block = max(1, min(BLOCK_TRADES, len(profit) // 4))
    return {
        "win_rate": bootstrap_interval(profit, _win_rate, block=block),
        "profit_factor": bootstrap_interval(profit, _profit_factor, block=block),
    }


def _win_rate(profit: Floats) -> Floats:
    return np.asarray(np.mean(profit > 0, axis=-1))


def _profit_factor(profit: Floats) -> Floats:
    won = np.sum(np.maximum(profit, 0.0), axis=-1)
    lost = -np.sum(np.minimum(profit, 0.0), axis=-1)
    return np.asarray(np.where(lost > 0, won / np.where(lost > 0, lost, 1.0), np.nan))


def _share(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _mean(values: pl.Series) -> float:
    return _share(values.sum(), values.len())
