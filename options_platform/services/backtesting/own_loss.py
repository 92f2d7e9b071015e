"""Backtests without the spreads that a model forecasts to be stopped most likely.

The rules are run as they are; a model learns from what had become of their sold spreads, year after
year; then they are run again without the likeliest stops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import polars as pl

from options_platform.common import KEY
from options_platform.domain.backtest import BacktestMarket, run_backtest
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.study import StudyRun, policies_of, study_run
from options_platform.domain.backtest_study.variants import Variant
from options_platform.domain.planning.plan import build_plans
from options_platform.models.study.own_loss import score_stops, stop_forecasts

MARKET_INPUTS = ("vix", "iv_rank", "har_rv_rank", "vrp_percentile", "vix_to_mean_10")


def run_without_stops(
    hypothesis: str, variants: Sequence[Variant], inputs: pl.DataFrame, market: BacktestMarket
) -> Iterator[StudyRun]:
    """Each variant under both policies of expiry, without its share `leave_out` of likeliest stops.

    Whether a spread is left out depends on its forecast and on those of the spreads that had closed
    before its year alone.
    """
    for variant in variants:
        for policy, own in policies_of(variant).items():
            plans, legs = build_plans(inputs, own.plan, market.chain_of(own.rules.chains))
            as_set = run_backtest(plans, legs, market, own.rules)
            forecasts = stop_forecasts(sold_spreads(plans, as_set, inputs))
            likely = forecasts.filter(pl.col("p_rank") >= 1.0 - own.leave_out)
            kept = plans.join(likely, on="plan_id", how="anti", maintain_order="left")
            result = run_backtest(
                kept, legs.join(kept, on="plan_id", how="semi"), market, own.rules
            )
            scores = score_stops(forecasts)
            note = "" if scores is None else f"forecasts of stops for {hypothesis}, {scores}"
            yield study_run(hypothesis, policy, own, result, market, note=note)


def sold_spreads(plans: pl.DataFrame, result: BacktestResult, inputs: pl.DataFrame) -> pl.DataFrame:
    """The planned credit spreads, with what the model reads and what became of them."""
    became = result.trades.select(
        "plan_id",
        "closed_on",
        stopped=pl.when(pl.col("closed_on").is_not_null()).then(
            pl.col("exit_reason").eq_missing("STOP_LOSS")
        ),
    )
    sold = pl.col("limit_price") < 0.0
    return (
        plans.filter((pl.col("decision") == "trade") & sold)
        .select("plan_id", *KEY, credit_share=-pl.col("limit_price") / pl.col("width"))
        .join(inputs.select(*KEY, *MARKET_INPUTS), on=KEY, how="left", maintain_order="left")
        .join(became, on="plan_id", how="left", maintain_order="left")
        .with_columns(log_vix=pl.col("vix").log(math.e))
    )
