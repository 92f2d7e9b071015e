"""Smallest account with which each strategy fits the sizing rules and the limits."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from options_platform.domain.risk.rules import RiskRules
from options_platform.domain.risk.sizing import SizingRules

FEASIBILITY_SCHEMA = pl.Schema(
    {
        "ticker": pl.String,
        "strategy": pl.String,
        "max_loss_usd": pl.Float64,
        "needed_for_sizing_usd": pl.Float64,
        "needed_for_limits_usd": pl.Float64,
        "needed_for_greeks_usd": pl.Float64,
        "account_needed_usd": pl.Float64,
        "fits": pl.Boolean,
    }
)


def feasibility(
    one_spread: pl.DataFrame,
    sizing: SizingRules,
    rules: RiskRules,
    *,
    confidence: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """The smallest account that can trade one spread of each strategy, `FEASIBILITY_SCHEMA`.

    Args:
        one_spread: ticker, strategy, regime and max_loss_usd of one contract, fees included; the
            median is taken over the rows of a ticker and strategy. Limits on greeks are included
            if it has delta_usd, gamma_usd, vega_usd and theta_usd (as in :class:`Exposure`).
        sizing: sizing rules; if `max_risk_usd` is below the loss, no account is large enough and
            `account_needed_usd` is null.
        rules: limits of the account.
        confidence: confidence by strategy, 0 to 1; 0 for a strategy without one.
    """
    confidences = dict(confidence or {})
    share = min(
        rules.max_trade_risk_pct,
        rules.max_ticker_risk_pct,
        rules.max_expiry_risk_pct,
        rules.max_group_risk_pct,
        rules.max_total_risk_pct,
    )
    confidence_expr = pl.col("strategy").replace_strict(
        confidences, default=0.0, return_dtype=pl.Float64
    )
    multiplier = pl.col("regime").replace_strict(
        sizing.regime_multiplier, default=1.0, return_dtype=pl.Float64
    )
    cap = float("inf") if sizing.max_risk_usd is None else sizing.max_risk_usd
    needed = pl.col("max_loss_usd") / (sizing.risk_pct * multiplier * (0.5 + 0.5 * confidence_expr))
    account = pl.max_horizontal(
        "needed_for_sizing_usd", "needed_for_limits_usd", "needed_for_greeks_usd"
    )
    medians = ("max_loss_usd", "needed_for_sizing_usd", "needed_for_greeks_usd")
    return (
        one_spread.with_columns(
            needed_for_sizing_usd=needed,
            needed_for_greeks_usd=_needed_for_greeks(one_spread, rules),
        )
        .group_by("ticker", "strategy")
        .agg(pl.col(medians).median())
        .with_columns(
            needed_for_limits_usd=pl.col("max_loss_usd") / share,
            reachable=pl.col("max_loss_usd") <= cap,
        )
        .with_columns(account_needed_usd=pl.when("reachable").then(account))
        .with_columns(
            fits=(pl.col("account_needed_usd") <= sizing.account_value_usd).fill_null(value=False)
        )
        .sort("ticker", "strategy")
        .select(FEASIBILITY_SCHEMA.names())
    )


def _needed_for_greeks(one_spread: pl.DataFrame, rules: RiskRules) -> pl.Expr:
    """The account value at which one spread just reaches the greek limits; zero without greeks."""
    limits = rules.greeks
    shares = {
        "delta": limits.delta_pct,
        "gamma": limits.gamma_pct,
        "vega": limits.vega_pct,
        "theta": limits.theta_pct,
    }
    if not {f"{greek}_usd" for greek in shares} <= set(one_spread.columns):
        return pl.lit(0.0)
    beta = pl.col("ticker").replace_strict(rules.betas, default=1.0, return_dtype=pl.Float64)
    weight = {"delta": beta, "gamma": beta * beta}
    return pl.max_horizontal(
        (pl.col(f"{greek}_usd") * weight.get(greek, pl.lit(1.0))).abs() / share
        for greek, share in shares.items()
    )
