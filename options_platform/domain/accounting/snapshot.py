"""Snapshot of an order ledger, from which the accounting views are rebuilt."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from options_platform.domain.backtest.leg_marks import GREEKS
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position

BROKEN_MARKS = pl.Schema(
    {"session": pl.Date, "position_id": pl.String, "open_contracts": pl.Int32}
    | dict.fromkeys(("value_usd", "profit_usd", "risk_usd", *GREEKS), pl.Float64)
)


@dataclass(frozen=True)
class LedgerSnapshot:
    """Content of an order ledger at one moment.

    `order_events`, `account_events`, `marks` and `broken_marks` are its tables of the same names,
    oldest row first. `start_usd` is the starting equity, None before the first mark.
    """

    account: str
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    order_events: pl.DataFrame
    account_events: pl.DataFrame
    marks: pl.DataFrame
    start_usd: float | None
    broken_marks: pl.DataFrame = field(default_factory=BROKEN_MARKS.to_frame)
