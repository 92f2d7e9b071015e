"""Smallest account with which each strategy fits the sizing rules and the limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from options_platform.domain.risk.rules import RiskRules
from options_platform.domain.risk.sizing import (
    TOLERANCE,
    SizingRules,
    largest_loss,
    risk_budget,
)

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
        "smallest_account_usd": pl.Float64,
        "account_for_90_usd": pl.Float64,
        "plans": pl.UInt32,
        "full_width": pl.UInt32,
        "narrower": pl.UInt32,
        "narrower_width": pl.Float64,
        "fits": pl.Boolean,
    }
)

OPTIONAL = ("width", "fees_share")
MEDIANS = (
    "width", "max_loss_usd", "fees_share", "needed_for_sizing_usd", "needed_in_full_usd",
    "needed_for_greeks_usd",
)  # fmt: skip


def feasibility(one_spread: pl.DataFrame, sizing: SizingRules, rules: RiskRules) -> pl.DataFrame:
    """The accounts that can trade one spread of each strategy, `FEASIBILITY_SCHEMA`.

    The columns up to `account_needed_usd` are medians over the plans at their full width.
    `needed_for_sizing_usd` takes one spread, which may exceed the budget of its regime and
    confidence where `at_least_one` is set; from `needed_in_full_usd` on it fits that budget too.
    `smallest_account_usd` takes half of the plans and `account_for_90_usd` 90% of them, each at
    any of its widths; null where no account does. Of the `plans` this account trades `full_width`
    as they are and `narrower` at a narrower width, half of these at `narrower_width` or less;
    `fits` says whether it trades at least half.

    Args:
        one_spread: ticker, strategy, regime and max_loss_usd of one contract, fees included.
            Limits on greeks are included if it has delta_usd, gamma_usd, vega_usd and theta_usd (as
            in :class:`Exposure`). Without columns for them confidence (0 to 1) is 0, and votes
            (the number that held), vol_scale, width (USD a share) and fees_share are null. Rows
            with the same plan_id are the widths that a plan may have; without that column each row
            is a plan.
        sizing: sizing rules; if `max_risk_usd` is below the loss, no account is large enough and
            the accounts are null.
        rules: limits of the account.
    """
    cap = float("inf") if sizing.max_risk_usd is None else sizing.max_risk_usd
    by_plan = _by_plan(_with_needs(one_spread, sizing, rules), sizing)
    account = pl.max_horizontal(
        "needed_for_sizing_usd", "needed_for_limits_usd", "needed_for_greeks_usd"
    )
    is_full = (pl.col("taken_width") == pl.col("width")).fill_null(value=True)
    return (
        by_plan.group_by("ticker", "strategy")
        .agg(
            pl.col(MEDIANS).median(),
            smallest_account_usd=_account_of_share(0.5),
            account_for_90_usd=_account_of_share(0.9),
            plans=pl.len(),
            full_width=(pl.col("trades") & is_full).sum(),
            narrower=(pl.col("trades") & ~is_full).sum(),
            narrower_width=pl.col("taken_width")
            .filter(pl.col("trades") & ~is_full)
            .quantile(0.5, "lower"),
        )
        .with_columns(needed_for_limits_usd=pl.col("max_loss_usd") / _tightest_limit(rules))
        .with_columns(account_needed_usd=pl.when(pl.col("max_loss_usd") <= cap).then(account))
        .with_columns(fits=2 * (pl.col("full_width") + pl.col("narrower")) >= pl.col("plans"))
        .sort("ticker", "strategy")
        .select(FEASIBILITY_SCHEMA.names())
        .cast(dict(FEASIBILITY_SCHEMA))  # type: ignore[arg-type]
    )


def _with_needs(one_spread: pl.DataFrame, sizing: SizingRules, rules: RiskRules) -> pl.DataFrame:
    """Each row with the accounts that it needs; `need_usd` is infinite where none is enough."""
    multiplier = one_spread["regime"].replace_strict(
        sizing.regime_multiplier, default=1.0, return_dtype=pl.Float64
    )
    if "vol_scale" in one_spread.columns:
        multiplier *= one_spread["vol_scale"].fill_null(1.0)
    one_dollar = replace(sizing, account_value_usd=1.0, max_risk_usd=None)
    confidence = (
        one_spread["confidence"].to_numpy()
        if "confidence" in one_spread.columns
        else np.zeros(one_spread.height)
    )
    votes = (
        one_spread["votes"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if "votes" in one_spread.columns
        else np.full(one_spread.height, np.nan)
    )
    largest = largest_loss(multiplier.to_numpy(), confidence, one_dollar, votes)
    budget = risk_budget(multiplier.to_numpy(), confidence, one_dollar, votes)
    cap = float("inf") if sizing.max_risk_usd is None else sizing.max_risk_usd
    loss = pl.col("max_loss_usd")
    shown = [pl.lit(None, pl.Float64).alias(n) for n in OPTIONAL if n not in one_spread.columns]
    if "plan_id" not in one_spread.columns:
        shown.append(pl.int_range(pl.len()).alias("plan_id"))
    return one_spread.with_columns(
        *shown,
        needed_for_sizing_usd=loss / largest,
        needed_in_full_usd=loss / budget,
        needed_for_greeks_usd=_needed_for_greeks(one_spread, rules),
        sized_usd=pl.when(loss <= cap).then(loss / largest).otherwise(float("inf")),
    ).with_columns(
        need_usd=pl.max_horizontal(
            "sized_usd", loss / _tightest_limit(rules), "needed_for_greeks_usd"
        )
    )


def _by_plan(rows: pl.DataFrame, sizing: SizingRules) -> pl.DataFrame:
    """One row a plan: its full width, the width that this account takes, and whether it `trades`.

    Like the plan, the account takes the widest that its size allows; a limit may refuse that.
    """
    enough = sizing.account_value_usd * (1.0 + TOLERANCE)
    taken = pl.col("sized_usd") <= enough
    return (
        rows.sort("width", descending=True, nulls_last=True, maintain_order=True)
        .group_by("ticker", "strategy", "plan_id", maintain_order=True)
        .agg(
            pl.col(MEDIANS).first(),
            smallest_usd=pl.col("need_usd").min(),
            taken_width=pl.col("width").filter(taken).first(),
            taken_usd=pl.col("need_usd").filter(taken).first(),
        )
        .with_columns(trades=(pl.col("taken_usd") <= enough).fill_null(value=False))
    )


def _account_of_share(share: float) -> pl.Expr:
    """The account that takes this share of the plans, or more; null where none does."""
    account = pl.col("smallest_usd").quantile(share, "higher")
    return pl.when(account.is_finite()).then(account)


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
