"""Tables of orders, and the views of the ledger that are rebuilt from it."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, TIMESTAMP, Column, Table, usd

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
    "missing",
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

ACCOUNT = Column("account", pl.String, "account whose ledger it is", nullable=False)
POSITION = Column("position_id", pl.String, "id of the position's first entry", nullable=False)
NET_SHARE = "USD a share, net"
UNITS = "spreads; contracts of a leg; shares"
FILL_PURPOSES = ("entry", "exit", "leg", "shares")


def _count(name: str, description: str) -> Column:
    return Column(name, pl.Int64, description, "spreads", nullable=False, low=0)


FILLS = Table(
    "fills",
    "Every fill of an order, one row each, from the events of the ledger.",
    (
        ACCOUNT,
        DATE,
        TICKER,
        Column("client_order_id", pl.String, "id at the broker", nullable=False),
        Column("number", pl.Int64, "number of the order's fill, from 1", nullable=False, low=1),
        POSITION,
        Column(
            "purpose",
            pl.String,
            "opens or closes whole spreads, or closes a single leg or shares that one left",
            nullable=False,
            values=FILL_PURPOSES,
        ),
        Column("strategy", pl.String, "name of the strategy", nullable=False),
        Column("contracts", pl.Int64, "what was filled", UNITS, nullable=False, low=1),
        Column("ordered", pl.Int64, "what was ordered", UNITS, nullable=False, low=1),
        Column("price", pl.Float64, "debit positive, credit negative", NET_SHARE, nullable=False),
        Column("limit_price", pl.Float64, "the order's; null takes the market", NET_SHARE),
        usd("fees_usd", "its share of the order's fees"),
        usd("cash_usd", "what it added to cash, fees deducted"),
    ),
    key=("account", "client_order_id", "number"),
    partition=("account",),
)

POSITIONS = Table(
    "positions",
    "Each position at each close from its entry to its exit, marked at the mids: profit since the "
    "entry and of the day, greeks, and what of the day they explain.",
    (
        ACCOUNT,
        DATE,
        POSITION,
        TICKER,
        Column("strategy", pl.String, "name of the strategy", nullable=False),
        Column("opened_on", pl.Date, "session of the entry's fill", nullable=False),
        Column("expiry", pl.Date, "first expiry of its legs", nullable=False),
        _count("contracts", "spreads held at the close; 0 on the session of the exit"),
        Column("exit_reason", pl.String, "why it ended, on that session; null while open"),
        Column("entry_price", pl.Float64, "debit positive, credit negative", NET_SHARE),
        Column("mark_price", pl.Float64, "net mid of the spread", NET_SHARE),
        Column("stale", pl.Boolean, "the session had no data: the last mark is carried"),
        usd("value_usd", "what closing at the mark would bring"),
        usd("pnl_usd", "profit since the entry, realised and unrealised, fees deducted"),
        usd("pnl_day_usd", "the same since the close before"),
        usd("delta_pnl_usd", "of the day, from the underlying's move, first order"),
        usd("gamma_pnl_usd", "of the day, from the underlying's move, second order"),
        usd("theta_pnl_usd", "of the day, from time"),
        usd("vega_pnl_usd", "of the day, from changes of implied volatility"),
        usd("other_pnl_usd", "what these four leave: slippage, fees, higher orders"),
        Column("delta", pl.Float64, "delta", "shares, whole position"),
        Column("gamma", pl.Float64, "gamma", "shares per USD, whole position"),
        Column("theta", pl.Float64, "theta", "USD per calendar day, whole position"),
        Column("vega", pl.Float64, "vega", "USD per vol point, whole position"),
        Column("spot", pl.Float64, "close, in the basis of its strikes", "USD a share", low=0.0),
        usd("max_loss_usd", "maximum loss of what is held"),
    ),
    key=("account", "date", "position_id"),
    partition=("account",),
)

PORTFOLIO = Table(
    "portfolio",
    "The account at each close: equity and cash as the ledger has them, positions as they are "
    "marked anew, and the greeks that the limits judge.",
    (
        ACCOUNT,
        DATE,
        usd("cash_usd", "cash"),
        usd("positions_usd", "value of the open positions"),
        usd("equity_usd", "equity of the ledger's mark"),
        usd("pnl_day_usd", "equity less that of the close before"),
        usd("realised_usd", "profit of ended positions so far"),
        usd("unrealised_usd", "profit of open positions so far"),
        usd("drawdown_usd", "the highest equity so far less this one"),
        Column("drawdown", pl.Float64, "the same over the highest equity", "fraction", low=0.0),
        usd("delta_usd", "beta-weighted dollar delta"),
        usd("gamma_usd", "its change for a move of the market by 1%"),
        usd("theta_usd", "profit from one calendar day"),
        usd("vega_usd", "profit from one point of volatility"),
        usd("max_loss_usd", "sum of the maximum losses of what is open"),
        Column("open_positions", pl.Int64, "positions open at the close", nullable=False, low=0),
        Column("halted", pl.Boolean, "entries were halted that evening", nullable=False),
    ),
    key=("account", "date"),
    partition=("account",),
)

LEDGER_VIEWS = (FILLS, POSITIONS, PORTFOLIO)
