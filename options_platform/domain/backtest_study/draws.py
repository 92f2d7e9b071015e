"""No-skill baselines drawn with many seeds: the distribution of results by luck alone.

The fewer draws reach the Sharpe ratio of the rules, the less luck explains it.
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
"""One row per draw. Undefined metrics are null: a draw without trades has no Sharpe ratio."""

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
    """The result of one draw as a row of `DRAW_SCHEMA`."""
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
    """The seed of the draw with the median Sharpe ratio, which represents the baseline in charts.

    With an even number of draws it is the lower of the two middle ones; equal ratios are ordered by
    seed.
    """
    of_baseline = draws.filter(pl.col("name") == name)
    with_sharpe = of_baseline.drop_nulls("sharpe").sort("sharpe", "seed")
    candidates = with_sharpe if with_sharpe.height else of_baseline.sort("seed")
    return int(candidates["seed"][(candidates.height - 1) // 2])


def draw_bands(draws: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The Sharpe ratio of the rules beside those of the draws of each baseline, as `BAND_SCHEMA`.

    Draws without a Sharpe ratio, which made no trade, are left out and not counted.

    Args:
        draws: rows of `DRAW_SCHEMA`, all under one fill model.
        scores: the scorecard; the model's row under the same fill model is used.

    Returns:
        One row per baseline: number of its draws; mean and 5% and 95% quantiles of their Sharpe
        ratios; `better`, the fraction of them at least as good as the rules (equal ones count);
        and the Monte Carlo `p_value` (1 + number of those) / (1 + draws), which is never zero
        (Davison and Hinkley 1997, 4.11). `better` and `p_value` are null if the rules made no
        trade. A baseline of which no draw has a Sharpe ratio has no row.
    """
    model = scores.filter(pl.col("name") == MODEL).select("fill_model", model_sharpe="sharpe")
    as_good = (pl.col("sharpe") >= pl.col("model_sharpe")).sum()
    model_traded = pl.col("model_sharpe").first().is_not_null()
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
            better=pl.when(model_traded).then(as_good / pl.len()),
            p_value=pl.when(model_traded).then((1 + as_good) / (1 + pl.len())),
        )
        .cast(dict(BAND_SCHEMA))  # type: ignore[arg-type]
    )
