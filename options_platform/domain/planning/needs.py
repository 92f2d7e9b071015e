"""What would let a refused plan through, in words."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from options_platform.domain.risk.sizing import (
    TOLERANCE,
    SizingRules,
    account_needed,
    scaled_multiplier,
)


def needs_account(sizing: SizingRules, share: float = 1.0) -> pl.Expr:
    """What a spread needs that the risk budget refuses: an account, or another setting.

    Columns: regime, votes (null where none are asked), account_needed (USD, infinite where the
    regime or the number of votes is switched off) and spread_loss_usd, the maximum loss of one
    spread; both at the width that needs least. `share` is the share of the account that `sizing`
    counts on.
    """
    account = pl.format("an account of {} USD", in_dollars("account_needed", share))
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


def needs_of_entry(
    loss_usd: float,
    regime: str,
    confidence: float,
    sizing: SizingRules,
    account_usd: float,
    votes: int | None = None,
    vol_scale: float | None = None,
    share: float = 1.0,
) -> str:
    """What takes one spread that an account refused, in words.

    It is an equity, the settings that limit what of it counts, or both.

    Args:
        loss_usd: maximum loss of one spread.
        regime: regime of the plan.
        confidence: confidence of the plan, 0 to 1.
        sizing: rules by which the account is limited.
        account_usd: the share of the account's equity, at most that of `account_value_usd`.
        votes: votes that held, None where the plan's rules asked for none.
        vol_scale: scale of the plan's volatility target, None where it had none.
        share: the share of the account that `sizing` counts on.
    """
    multiplier = scaled_multiplier(regime, vol_scale, sizing)
    scales = np.array([multiplier]), np.array([confidence])
    held = None if votes is None else np.array([float(votes)])
    account = float(account_needed(np.array([loss_usd]), *scales, sizing, held)[0])
    if math.isinf(account) and sizing.regime_multiplier[regime] > 0.0:
        return f"plan.sizing.by_votes of {votes} above 0"
    if math.isinf(account):
        return f"plan.sizing.regime_multiplier of {regime} above 0"
    parts = [f"an equity of {math.ceil(account / share):,} USD"]
    if account > sizing.account_value_usd:
        parts.append(f"account_value_usd of {math.ceil(account / share):,}")
    if sizing.max_risk_usd is not None and loss_usd * (1.0 - TOLERANCE) > sizing.max_risk_usd:
        cap = f"max_risk_usd of {math.ceil(loss_usd):,}"
        parts = [cap] if account <= account_usd else [*parts, cap]
    return " and ".join(parts)


def in_dollars(column: str, share: float = 1.0) -> pl.Expr:
    """What the amount is a share of, rounded up to whole dollars, with commas between thousands."""
    digits = (pl.col(column) / share).ceil().cast(pl.Int64, strict=False).cast(pl.String)
    groups = digits.str.reverse().str.replace_all(r"(\d{3})", "${1},").str.strip_chars_end(",")
    return groups.str.reverse()
