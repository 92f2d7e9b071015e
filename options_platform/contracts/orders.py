"""Tables of orders."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, TIMESTAMP, Column, Table

ORDER_STATUSES = (
    "no_trade",
    "not_sent",
    "intent",
    "unknown",
    "submitted",
    "accepted",
    "partially_filled",
    "filled",
    "cancel_pending",
    "canceled",
    "expired",
    "rejected",
)

PAPER_ORDERS = Table(
    "paper_orders",
    "What was sent for the plan and what became of it; a copy of the ledger's truth.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "plan of the session", nullable=False),
        Column("client_order_id", pl.String, "id at the broker; null if nothing was sent"),
        Column("status", pl.String, "state of the order", nullable=False, values=ORDER_STATUSES),
        Column("reason", pl.String, "why that state, e.g. BACKFILL"),
        Column("contracts", pl.Int32, "spreads ordered", nullable=False, low=0),
        Column("filled_qty", pl.Int32, "spreads filled", nullable=False, low=0),
        Column("avg_price", pl.Float64, "net price of the fills, debit positive", "USD a share"),
        Column("broker", pl.String, "broker and account label", nullable=False),
        Column("updated_at", TIMESTAMP, "last change of the state", nullable=False),
    ),
)
