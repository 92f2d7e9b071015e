"""Tables of orders, and the views that are rebuilt from the order ledger."""

from __future__ import annotations

import polars as pl

from options_platform.common import KEY
from options_platform.contracts.table import DATE, RULE_SET, TICKER, TIMESTAMP, Column, Table, usd

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
    "The order of each plan and its state; a copy, the order ledger is authoritative.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "trade plan of the session", nullable=False),
        Column("client_order_id", pl.String, "client order id; null if nothing was sent"),
        Column("status", pl.String, "state of the order", nullable=False, values=ORDER_STATUSES),
        Column("reason", pl.String, "reason of that state, e.g. BACKFILL"),
        Column("contracts", pl.Int32, "spreads ordered", nullable=False, low=0),
        Column("filled_qty", pl.Int32, "spreads filled", nullable=False, low=0),
        Column("avg_price", pl.Float64, "net price of the fills, debit positive", "USD a share"),
        Column("broker", pl.String, "broker and account label", nullable=False),
        Column("updated_at", TIMESTAMP, "time of the last change of state", nullable=False),
        RULE_SET,
    ),
    key=(*KEY, RULE_SET.name),
    # What one set sent stays when another set plans the session.
    partition=(*KEY, RULE_SET.name),
)

ACCOUNT = Column("account", pl.String, "label of the account, from the settings", nullable=False)
POSITION = Column(
    "position_id", pl.String, "id of the position's first entry order", nullable=False
)
NET_SHARE = "USD a share, net"
UNITS = "spreads; contracts of a leg; shares"
FILL_PURPOSES = ("entry", "exit", "leg", "shares")


def _count(name: str, description: str) -> Column:
    return Column(name, pl.Int64, description, "spreads", nullable=False, low=0)


FILLS = Table(
    "fills",
    "One row per fill of an order, from the events of the ledger.",
    (
        ACCOUNT,
        DATE,
        TICKER,
        Column("client_order_id", pl.String, "client order id", nullable=False),
        Column(
            "number",
            pl.Int64,
            "sequence of the fill within its order, from 1",
            nullable=False,
            low=1,
        ),
        POSITION,
        Column(
            "purpose",
            pl.String,
            "entry and exit: of whole spreads; leg: closes a single leg; shares: closes shares "
            "from assignment or exercise",
            nullable=False,
            values=FILL_PURPOSES,
        ),
        Column("strategy", pl.String, "name of the strategy", nullable=False),
        Column("contracts", pl.Int64, "quantity filled", UNITS, nullable=False, low=1),
        Column("ordered", pl.Int64, "quantity ordered", UNITS, nullable=False, low=1),
        Column("price", pl.Float64, "debit positive, credit negative", NET_SHARE, nullable=False),
        Column("limit_price", pl.Float64, "limit of the order; null: a market order", NET_SHARE),
        usd("fees_usd", "share of the order's fees"),
        usd("cash_usd", "change in cash, fees deducted"),
        RULE_SET,
    ),
    key=("account", "client_order_id", "number"),
    partition=("account",),
)

POSITIONS = Table(
    "positions",
    "Each position at each close from its entry to its exit, marked at the mids: P&L since the "
    "entry and of the day, greeks, and the day's P&L explained by each greek.",
    (
        ACCOUNT,
        DATE,
        POSITION,
        TICKER,
        Column("strategy", pl.String, "name of the strategy", nullable=False),
        Column("opened_on", pl.Date, "session of the entry's fill", nullable=False),
        Column("expiry", pl.Date, "first expiry of its legs", nullable=False),
        _count("contracts", "spreads open at the close; 0 on the session of the exit"),
        Column("exit_reason", pl.String, "reason of the exit, on its session; null while open"),
        Column("entry_price", pl.Float64, "debit positive, credit negative", NET_SHARE),
        Column("mark_price", pl.Float64, "net mid of the spread", NET_SHARE),
        Column("stale", pl.Boolean, "no data for the session: the last mark is carried forward"),
        usd("value_usd", "market value at the mark"),
        usd("pnl_usd", "P&L since the entry, realised and unrealised, after fees"),
        usd("pnl_day_usd", "P&L since the previous close"),
        usd("delta_pnl_usd", "P&L of the day from the underlying's move, first order"),
        usd("gamma_pnl_usd", "P&L of the day from the underlying's move, second order"),
        usd("theta_pnl_usd", "P&L of the day from the passage of time"),
        usd("vega_pnl_usd", "P&L of the day from changes in implied volatility"),
        usd("other_pnl_usd", "unexplained P&L of the day: slippage, fees, higher orders"),
        Column("delta", pl.Float64, "delta", "shares, whole position"),
        Column("gamma", pl.Float64, "gamma", "shares per USD, whole position"),
        Column("theta", pl.Float64, "theta", "USD per calendar day, whole position"),
        Column("vega", pl.Float64, "vega", "USD per vol point, whole position"),
        Column("spot", pl.Float64, "close, on the basis of the strikes", "USD a share", low=0.0),
        usd("max_loss_usd", "maximum loss of the open spreads"),
        RULE_SET,
    ),
    key=("account", "date", "position_id"),
    partition=("account",),
)

PORTFOLIO = Table(
    "portfolio",
    "The account at each close: equity and cash from the ledger, positions marked again at the "
    "mids, and the portfolio greeks that the limits apply to.",
    (
        ACCOUNT,
        DATE,
        usd("cash_usd", "cash"),
        usd("positions_usd", "market value of the open positions"),
        usd("equity_usd", "equity recorded in the ledger"),
        usd("pnl_day_usd", "change in equity since the previous close"),
        usd("realised_usd", "cumulative P&L of closed positions"),
        usd("unrealised_usd", "P&L of open positions since their entries"),
        usd("drawdown_usd", "highest equity so far less current equity"),
        Column("drawdown", pl.Float64, "drawdown_usd over the highest equity", "fraction", low=0.0),
        usd("delta_usd", "beta-weighted dollar delta"),
        usd("gamma_usd", "change of delta_usd for a 1% move of the market"),
        usd("theta_usd", "P&L from one calendar day"),
        usd("vega_usd", "P&L from one volatility point"),
        usd("max_loss_usd", "sum of the maximum losses of the open positions"),
        Column("open_positions", pl.Int64, "positions open at the close", nullable=False, low=0),
        Column("halted", pl.Boolean, "entries were halted that evening", nullable=False),
    ),
    key=("account", "date"),
    partition=("account",),
)

PORTFOLIO_SETS = Table(
    "portfolio_sets",
    "What each rule set has made of the account at each close, from its first position on: the sum "
    "of its positions, so that all sets together make the account's P&L.",
    (
        ACCOUNT,
        DATE,
        RULE_SET,
        usd("value_usd", "market value of the set's open positions"),
        usd("pnl_usd", "P&L of the set's positions since its first, open ones at their marks"),
        usd("pnl_day_usd", "P&L since the previous close"),
        usd("max_loss_usd", "sum of the maximum losses of the set's open positions"),
        Column("open_positions", pl.Int64, "positions open at the close", nullable=False, low=0),
    ),
    key=("account", "date", "rule_set"),
    partition=("account",),
)

LEDGER_VIEWS = (FILLS, POSITIONS, PORTFOLIO)
