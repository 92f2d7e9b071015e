"""Baselines without skill, drawn many times: one draw is luck, all of them are what luck does.

The rules are worth a look where few draws do better than they.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.trade_metrics import trade_metrics
from options_platform.domain.backtest_study.scorecard import MODEL, excess_returns
from options_platform.domain.statistics.curve import drawdown, sharpe

LOW, HIGH = 0.05, 0.95
DRAW_SCHEMA = pl.Schema(
    {
        "name": pl.String,
        "fill_model": pl.String,
        "seed": pl.Int64,
        "sharpe": pl.Float64,
        "equity_usd": pl.Float64,
        "max_drawdown": pl.Float64,
        "trades": pl.Int64,
        "win_rate": pl.Float64,
        "profit_factor": pl.Float64,
    }
)
"""One row a draw. Null where it cannot be told: a draw without a trade has no Sharpe ratio."""

BAND_SCHEMA = pl.Schema(
    {
        "name": pl.String,
        "draws": pl.Int64,
        "sharpe_mean": pl.Float64,
        "sharpe_p05": pl.Float64,
        "sharpe_p95": pl.Float64,
        "model_sharpe": pl.Float64,
        "better": pl.Float64,
        "p_value": pl.Float64,
    }
)


def draw_row(
    name: str, fill_model: str, seed: int, result: BacktestResult, market: BacktestMarket
) -> dict[str, Any]:
    """A draw as a row of `DRAW_SCHEMA`."""
    equity = np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)
    traded = trade_metrics(result)
    return {
        "name": name,
        "fill_model": fill_model,
        "seed": seed,
        "sharpe": float(sharpe(excess_returns(equity, market))),
        "equity_usd": float(equity[-1]),
        "max_drawdown": min(drawdown(equity)[0], 1.0),
        "trades": traded.trades,
        "win_rate": traded.win_rate,
        "profit_factor": traded.profit_factor,
    }


def median_seed(draws: pl.DataFrame, name: str) -> int:
    """The seed of the draw in the middle, the lower of two; of equal ones the first seed.

    It stands for its baseline where only one curve can be shown.
    """
    own = draws.filter(pl.col("name") == name)
    known = own.drop_nulls("sharpe").sort("sharpe", "seed")
    shown = known if known.height else own.sort("seed")
    return int(shown["seed"][(shown.height - 1) // 2])


def draw_bands(draws: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Where the rules stand among the draws of each baseline, as `BAND_SCHEMA`.

    Args:
        draws: rows of `DRAW_SCHEMA`, of one fill model.
        scores: the scorecard, whose row of the model under that fill model counts.

    Returns:
        A row for each name: mean and 5% and 95% quantiles of the draws' Sharpe ratios, `better`
        the share of draws that did at least as well as the rules, and `p_value`
        (1 + their number) / (1 + draws), which is never zero, as a Monte Carlo test wants
        it (Davison and Hinkley 1997, 4.11). Null where the rules made no trade.
    """
    model = scores.filter(pl.col("name") == MODEL).select("fill_model", model_sharpe="sharpe")
    as_good = (pl.col("sharpe") >= pl.col("model_sharpe")).sum()
    known = pl.col("model_sharpe").first().is_not_null()
    return (
        draws.drop_nulls("sharpe")
        .join(model, on="fill_model", how="left", maintain_order="left")
        .group_by("name", maintain_order=True)
        .agg(
            draws=pl.len(),
            sharpe_mean=pl.col("sharpe").mean(),
            sharpe_p05=pl.col("sharpe").quantile(LOW, "linear"),
            sharpe_p95=pl.col("sharpe").quantile(HIGH, "linear"),
            model_sharpe=pl.col("model_sharpe").first(),
            better=pl.when(known).then(as_good / pl.len()),
            p_value=pl.when(known).then((1 + as_good) / (1 + pl.len())),
        )
        .cast(dict(BAND_SCHEMA))  # type: ignore[arg-type]
    )
