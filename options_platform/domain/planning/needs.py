"""What would let a refused plan through, in words."""

from __future__ import annotations

import math

import polars as pl

from options_platform.domain.risk.sizing import TOLERANCE, SizingRules


def needs_account(sizing: SizingRules) -> pl.Expr:
    """What a spread needs that the risk budget refuses: an account, or another setting.

    Columns: regime, votes (null where none are asked), account_needed (USD, infinite where the
    regime or the number of votes is switched off) and spread_loss_usd, the maximum loss of one
    spread; both at the width that needs least.
    """
    account = pl.format("an account of {} USD", in_dollars("account_needed"))
    multiplier = pl.col("regime").replace_strict(sizing.regime_multiplier, default=1.0)
    switched_off = (
        pl.when(multiplier == 0.0)
        .then(pl.format("plan.sizing.regime_multiplier of {} above 0", pl.col("regime")))
        .otherwise(pl.format("plan.sizing.by_votes of {} above 0", pl.col("votes")))
    )
    cap = math.inf if sizing.max_risk_usd is None else sizing.max_risk_usd
    higher_cap = pl.format("max_risk_usd of {}", in_dollars("spread_loss_usd"))
    fits = pl.col("account_needed") <= sizing.account_value_usd
    return (
        pl.when(pl.col("account_needed").is_infinite())
        .then(switched_off)
        .when(pl.col("spread_loss_usd") * (1.0 - TOLERANCE) <= cap)
        .then(account)
        .when(fits)
        .then(higher_cap)
        .otherwise(pl.format("{} and {}", account, higher_cap))
    )


def in_dollars(column: str) -> pl.Expr:
    """The amount rounded up to whole dollars, with commas between thousands."""
    digits = pl.col(column).ceil().cast(pl.Int64, strict=False).cast(pl.String)
    groups = digits.str.reverse().str.replace_all(r"(\d{3})", "${1},").str.strip_chars_end(",")
    return groups.str.reverse()
