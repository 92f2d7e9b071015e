"""The close at which each exit was decided, which is not the price that it was filled at."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from options_platform.domain.earnings.trade_exits import FOR_REPORT

AT_CLOSE_ONLY = frozenset({"TAKE_PROFIT", "TIME", "PIN_RISK"})
"""Exits that nothing but a close decides, in live trading too."""

BY_RULES = AT_CLOSE_ONLY | {"STOP_LOSS", "EX_DIVIDEND", "EXPIRY_NEAR", *FOR_REPORT}
"""Exits that the rules ask for; a backtest decides all of them at closes."""


def with_decisions(
    trades: pl.DataFrame,
    marks: pl.DataFrame,
    key: str,
    *,
    reasons: Collection[str] = BY_RULES,
) -> pl.DataFrame:
    """Trades with `decided_on` and `decided_price`, in their order.

    They are the last close before the fill at which the position was marked by prices of that
    session, and its value there (USD a share, negative where closing costs money); null for an exit
    of another reason, for an open trade, and without such a close.

    Args:
        trades: rows with `exit_reason`, `closed_on` and the key.
        marks: rows with `date`, `mark_price`, `stale` and the key.
        key: the column that names a position.
        reasons: reasons of exits that were decided at a close.
    """
    decided = (
        trades.filter(pl.col("exit_reason").is_in(list(reasons)))
        .select(key, "closed_on")
        .join(marks.filter(~pl.col("stale")).select(key, "date", "mark_price"), on=key)
        .filter(pl.col("date") < pl.col("closed_on"))
        .sort("date")
        .group_by(key)
        .agg(decided_on=pl.col("date").last(), decided_price=pl.col("mark_price").last())
    )
    return trades.join(decided, on=key, how="left", maintain_order="left")
