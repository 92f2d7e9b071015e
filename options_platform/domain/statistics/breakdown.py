"""Breakdown of profits by exit reason, regime, strategy, ticker and year, and monthly returns."""

from __future__ import annotations

import polars as pl

PARTS = ("delta_usd", "gamma_usd", "theta_usd", "vega_usd", "other_usd")

BREAKDOWNS: dict[str, pl.Expr] = {
    "exit_reason": pl.col("exit_reason"),
    "regime": pl.col("regime"),
    "strategy": pl.col("strategy"),
    "ticker": pl.col("ticker"),
    "year": pl.col("closed_on").dt.year().cast(pl.String),
}


def breakdown(trades: pl.DataFrame, by: str) -> pl.DataFrame:
    """Closed trades grouped by one of `BREAKDOWNS`, sorted by it.

    Columns: `by`, trades, win_rate, pnl_usd, profit_factor (null without a loss), expectancy_usd,
    days_held (mean, calendar days), fees_usd, slippage_usd, and the attributed profit before fees
    and slippage: delta_usd, gamma_usd, theta_usd, vega_usd, other_usd.
    """
    profit = pl.col("pnl_usd")
    won = profit.filter(profit > 0).sum()
    lost = -profit.filter(profit <= 0).sum()
    return (
        trades.drop_nulls("closed_on")
        .group_by(BREAKDOWNS[by].alias(by))
        .agg(
            trades=pl.len(),
            win_rate=(profit > 0).mean(),
            pnl_usd=profit.sum(),
            profit_factor=pl.when(lost > 0).then(won / lost),
            expectancy_usd=profit.mean(),
            days_held=pl.col("days_held").mean(),
            fees_usd=pl.col("fees_usd").sum(),
            slippage_usd=pl.col("slippage_usd").sum(),
            **{name: pl.col(name).sum() for name in PARTS},
        )
        .sort(by)
    )


def monthly_returns(equity: pl.DataFrame) -> pl.DataFrame:
    """Returns by calendar month from `BacktestResult.equity`: year, month, return (fraction).

    The first month starts at its first close.
    """
    last = (
        equity.sort("session")
        .group_by(
            year=pl.col("session").dt.year(), month=pl.col("session").dt.month(),
            maintain_order=True,
        )
        .agg(first=pl.col("equity_usd").first(), last=pl.col("equity_usd").last())
    )  # fmt: skip
    base = pl.col("last").shift(1).fill_null(pl.col("first"))
    return last.select("year", "month", (pl.col("last") / base - 1.0).alias("return"))
