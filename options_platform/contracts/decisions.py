"""Tables of regimes and of trade plans."""

from __future__ import annotations

import polars as pl

from options_platform.common import KEY
from options_platform.contracts.features import DIRECTIONS
from options_platform.contracts.regimes import REGIMES
from options_platform.contracts.table import DATE, RULE_SET, TICKER, Column, Table, usd

REGIME = Table(
    "regime",
    "Rule-based volatility regime, after the confirmation rule of the settings.",
    (
        DATE,
        TICKER,
        Column(
            "regime", pl.String, "first rule that matches; null on missing data", values=REGIMES
        ),
        Column("matched", pl.List(pl.String), "all rules that match, in order of precedence"),
        Column("days_in_regime", pl.Int32, "sessions since the regime began", "sessions", low=0),
        Column("previous_regime", pl.String, "regime before the current one", values=REGIMES),
    ),
)

REGIME_TRANSITIONS = Table(
    "regime_transitions",
    "Sessions on which the regime changed.",
    (
        DATE,
        TICKER,
        Column("from_regime", pl.String, "regime of the previous session", values=REGIMES),
        Column("to_regime", pl.String, "regime of this session", values=REGIMES),
        Column("sessions_in_previous", pl.Int32, "length of the previous regime", "sessions"),
    ),
)

TRADE_PLAN = Table(
    "trade_plan",
    "The decision of each session and ticker, to trade or not, with its reasons.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "hash of date, ticker, content and rule set", nullable=False),
        Column("decision", pl.String, "decision", nullable=False, values=("trade", "no_trade")),
        Column("reasons", pl.List(pl.String), "reason codes of the decision", nullable=False),
        Column("strategy", pl.String, "name of the strategy, or none", nullable=False),
        Column("direction", pl.String, "predicted direction", values=DIRECTIONS),
        Column("confidence", pl.Float64, "as in direction_model", low=0.0, high=1.0),
        Column("regime", pl.String, "regime of the session", values=REGIMES),
        Column("iv_rank", pl.Float64, "IV rank of the session", "0 to 1", low=0.0, high=1.0),
        Column(
            "spot", pl.Float64, "price of the underlying, see strike_basis", "USD a share", low=0.0
        ),
        Column("expiry", pl.Date, "expiry of all legs; the first of several"),
        Column("dte", pl.Int32, "days from the session to `expiry`", "calendar days", low=0),
        Column("target_dte", pl.Int32, "DTE that the DTE rule aims at", "calendar days", low=0),
        Column(
            "width", pl.Float64, "strike width, of a condor the wider one", "USD a share", low=0.0
        ),
        Column("contracts", pl.Int32, "number of spreads", nullable=False, low=0),
        Column("limit_price", pl.Float64, "debit positive, credit negative", "USD a share"),
        usd("max_loss_usd", "maximum loss, or capital at risk where it is undefined, plus fees"),
        usd("max_profit_usd", "maximum profit, fees deducted; null without a bound"),
        Column("net_delta", pl.Float64, "delta", "shares, whole position"),
        Column("net_gamma", pl.Float64, "gamma", "shares per USD, whole position"),
        Column("net_theta", pl.Float64, "theta", "USD per calendar day, whole position"),
        Column("net_vega", pl.Float64, "vega", "USD per vol point, whole position"),
        Column("chain_source", pl.String, "origin of the quotes", values=("real", "synthetic")),
        Column(
            "strike_basis",
            pl.String,
            "basis of spot and strikes: as traded, or split-adjusted",
            values=("as_traded", "adjusted"),
        ),
        Column("needs", pl.String, "what would let a refused plan through; null on a trade"),
        Column(
            "call_rank",
            pl.Float64,
            "share of the ticker's earlier directional calls that were less probable",
            "0 to 1",
            low=0.0,
            high=1.0,
        ),
        Column("earlier_calls", pl.Int32, "directional calls that call_rank counts", low=0),
        Column("iv_symbol", pl.String, "volatility index that synthetic quotes rest on"),
        Column(
            "iv_basis",
            pl.String,
            "whose volatility that is: the ticker's own index, the market's, a chain's, or a "
            "model's of the stock",
            values=("own", "market", "chain", "modelled"),
        ),
        Column(
            "vol_error",
            pl.Float64,
            "measured error of the synthetic implied volatility; null on a real chain, and where "
            "it is not measured",
            "vol points",
            low=0.0,
        ),
        Column("votes", pl.Int32, "votes that hold; null where the rules ask for none", low=0),
        Column(
            "vol_scale",
            pl.Float64,
            "what the volatility target scales the budget by; null where the rules have none",
            low=0.0,
        ),
        RULE_SET,
        Column(
            "account_share",
            pl.Float64,
            "share of the account that the rule set trades with; 1 where it trades alone",
            "fraction",
            low=0.0,
            high=1.0,
        ),
    ),
    key=(*KEY, RULE_SET.name),
)

TRADE_PLAN_LEGS = Table(
    "trade_plan_legs",
    "The legs of each planned trade.",
    (
        DATE,
        TICKER,
        Column("plan_id", pl.String, "plan that the leg belongs to", nullable=False),
        Column("leg", pl.Int32, "number of the leg, from 1", nullable=False, low=1),
        Column("side", pl.String, "bought or sold", nullable=False, values=("buy", "sell")),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("strike", pl.Float64, "strike", "USD a share", nullable=False, low=0.0),
        Column("expiry", pl.Date, "expiry", nullable=False),
        Column("ratio", pl.Int32, "contracts per spread", nullable=False, low=1),
        Column("iv", pl.Float64, "implied volatility", "annualised fraction", low=0.0),
        Column("delta", pl.Float64, "delta of one option", "per share", low=-1.0, high=1.0),
        Column("bid", pl.Float64, "bid", "USD a share", low=0.0),
        Column("mid", pl.Float64, "mid", "USD a share", low=0.0),
        Column("ask", pl.Float64, "ask", "USD a share", low=0.0),
        RULE_SET,
    ),
    key=("plan_id", "leg"),
)

PLAN_ALTERNATES = Table(
    "plan_alternates",
    "The planned trades again at the next listed strikes, where several rule sets trade: an entry "
    "takes the first whose contracts no position holds and no order works on the opposite side.",
    (
        *TRADE_PLAN.columns,
        Column("of_plan", pl.String, "plan whose place it may take", nullable=False),
        Column(
            "alternate",
            pl.Int32,
            "listed strikes that it lies further from the money than the plan",
            nullable=False,
            low=1,
        ),
    ),
    key=(*KEY, RULE_SET.name, "alternate"),
)

PLAN_ALTERNATE_LEGS = Table(
    "plan_alternate_legs",
    "The legs of the plans in plan_alternates.",
    TRADE_PLAN_LEGS.columns,
    key=("plan_id", "leg"),
)
