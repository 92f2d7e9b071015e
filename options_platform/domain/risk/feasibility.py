"""Smallest account with which each strategy fits the sizing rules and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from options_platform.domain.risk.rules import RiskRules
from options_platform.domain.risk.sizing import SizingRules, largest_loss, risk_budget

FEASIBILITY_SCHEMA = pl.Schema(
    {
        "ticker": pl.String,
        "strategy": pl.String,
        "width": pl.Float64,
        "max_loss_usd": pl.Float64,
        "fees_share": pl.Float64,
        "needed_for_sizing_usd": pl.Float64,
        "needed_in_full_usd": pl.Float64,
        "needed_for_limits_usd": pl.Float64,
        "needed_for_greeks_usd": pl.Float64,
        "account_needed_usd": pl.Float64,
        "fits": pl.Boolean,
    }
)

OPTIONAL = ("width", "fees_share")


def feasibility(
    one_spread: pl.DataFrame,
    sizing: SizingRules,
    rules: RiskRules,
    *,
    confidence: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """The smallest account that can trade one spread of each strategy, `FEASIBILITY_SCHEMA`.

    `needed_for_sizing_usd` takes one spread, which may exceed the budget of its regime and
    confidence where `at_least_one` is set; from `needed_in_full_usd` on it fits that budget too.

    Args:
        one_spread: ticker, strategy, regime and max_loss_usd of one contract, fees included; the
            median is taken over the rows of a ticker and strategy. Limits on greeks are included
            if it has delta_usd, gamma_usd, vega_usd and theta_usd (as in :class:`Exposure`);
            width (USD a share) and fees_share are null if it does not have them.
        sizing: sizing rules; if `max_risk_usd` is below the loss, no account is large enough and
            `account_needed_usd` is null.
        rules: limits of the account.
        confidence: confidence by strategy, 0 to 1; 0 for a strategy without one.
    """
    confidences = dict(confidence or {})
    multiplier = one_spread["regime"].replace_strict(
        sizing.regime_multiplier, default=1.0, return_dtype=pl.Float64
    )
    each_confidence = one_spread["strategy"].replace_strict(
        confidences, default=0.0, return_dtype=pl.Float64
    )
    cap = float("inf") if sizing.max_risk_usd is None else sizing.max_risk_usd
    one_dollar = replace(sizing, account_value_usd=1.0, max_risk_usd=None)
    scales = multiplier.to_numpy(), each_confidence.to_numpy()
    account = pl.max_horizontal(
        "needed_for_sizing_usd", "needed_for_limits_usd", "needed_for_greeks_usd"
    )
    medians = (
        "width", "max_loss_usd", "fees_share", "needed_for_sizing_usd", "needed_in_full_usd",
        "needed_for_greeks_usd",
    )  # fmt: skip
    shown = [pl.lit(None, pl.Float64).alias(n) for n in OPTIONAL if n not in one_spread.columns]
    return (
        one_spread.with_columns(
            *shown,
            needed_for_sizing_usd=pl.col("max_loss_usd") / largest_loss(*scales, one_dollar),
            needed_in_full_usd=pl.col("max_loss_usd") / risk_budget(*scales, one_dollar),
            needed_for_greeks_usd=_needed_for_greeks(one_spread, rules),
        )
        .group_by("ticker", "strategy")
        .agg(pl.col(medians).median())
        .with_columns(
            needed_for_limits_usd=pl.col("max_loss_usd") / _tightest_limit(rules),
            reachable=pl.col("max_loss_usd") <= cap,
        )
        .with_columns(account_needed_usd=pl.when("reachable").then(account))
        .with_columns(
            fits=(pl.col("account_needed_usd") <= sizing.account_value_usd).fill_null(value=False)
        )
        .sort("ticker", "strategy")
        .select(FEASIBILITY_SCHEMA.names())
    )


def _tightest_limit(rules: RiskRules) -> float:
    """The smallest share of the account that the maximum loss of one trade may be, a fraction."""
    return min(
        rules.max_trade_risk_pct,
        rules.max_ticker_risk_pct,
        rules.max_expiry_risk_pct,
        rules.max_group_risk_pct,
        rules.max_total_risk_pct,
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
