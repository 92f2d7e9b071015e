"""Tables of rule sets beside each other; a comparison replaces the one before."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.backtest import FILL_MODEL_NAMES
from options_platform.contracts.table import DATE, TIMESTAMP, Column, Table, usd

LATEST = "latest"
"""Name of the one comparison that is stored."""

AS_SET, HELD, LEFT = "as_set", "held_to_expiry", "left_before_expiry"
COMPARED_CASES = (
    AS_SET,
    *(f"fill_{name}" for name in FILL_MODEL_NAMES),
    "iv_minus_1pt",
    "iv_minus_8pct",
    HELD,
    LEFT,
)

COMPARISON = Column("comparison", pl.String, "name of the comparison", nullable=False)
NAME = Column("rule_set", pl.String, "name of the rule set", nullable=False)


def _number(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Float64, description, unit)


def _with_ends(name: str, description: str, unit: str = "") -> tuple[Column, ...]:
    return (
        _number(name, description, unit),
        _number(f"{name}_low", f"lower end of the 95% interval of `{name}`", unit),
        _number(f"{name}_high", f"upper end of the interval of `{name}`", unit),
    )


RULE_SET_SCORES = Table(
    "rule_set_scores",
    "Rule sets side by side over the same sessions: each as it is set, and under other fills, "
    "lower implied volatilities and the other policy of expiry; null where a metric is undefined.",
    (
        COMPARISON,
        NAME,
        Column("case", pl.String, "what was changed", nullable=False, values=COMPARED_CASES),
        Column("version", pl.Int64, "version that the set's file states", nullable=False, low=1),
        Column("title", pl.String, "title that the set's file states", nullable=False),
        Column("digest", pl.String, "hash of the rules", nullable=False),
        Column("beside", pl.String, "set that `gain` compares with, the first", nullable=False),
        Column("compared_at", TIMESTAMP, "time of the comparison", nullable=False),
        Column("tickers", pl.List(pl.String), "tickers traded", nullable=False),
        Column("first", pl.Date, "first session", nullable=False),
        Column("last", pl.Date, "last session", nullable=False),
        *_with_ends("sharpe", "annualised Sharpe ratio of excess returns"),
        *_with_ends("gain", "this Sharpe ratio less that of `beside`, in the same case"),
        _number("cagr", "compound annual growth rate", "fraction"),
        _number("volatility_annual", "standard deviation of daily returns", "annualised fraction"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        usd("equity_usd", "equity at the end"),
        Column("trades", pl.Int64, "closed trades", "trades"),
        *_with_ends("win_rate", "share of closed trades with a profit", "fraction"),
        *_with_ends("profit_factor", "sum of profits over sum of losses"),
        _number("expectancy_usd", "mean profit per trade", "USD"),
        _number("average_days_held", "mean holding period", "calendar days"),
        _number("exposure", "share of sessions with a position open", "fraction"),
        Column("held_to_expiry", pl.Int64, "trades settled at their expiry", "trades", low=0),
        _number("real_share", "legs times sessions at real quotes, of all", "fraction"),
        Column(
            "own_trials",
            pl.Int64,
            "variants of this set that were ever tried here, and those that its file states",
            low=0,
        ),
        Column(
            "trials",
            pl.Int64,
            "variants of all rules that were ever tried here, and those that the set's file states",
            low=0,
        ),
        _number(
            "deflated_sharpe",
            "probability that the Sharpe ratio as set exceeds the luck of all `trials`; null in "
            "other cases",
        ),
    ),
    key=("comparison", "rule_set", "case"),
    partition=("comparison",),
)

RULE_SET_CURVES = Table(
    "rule_set_curves",
    "Equity of each rule set of the comparison at each close, as it is set.",
    (COMPARISON, NAME, DATE, usd("equity_usd", "equity")),
    key=("comparison", "rule_set", "date"),
    partition=("comparison",),
)

ACCOUNT_PART, SET_PART = "account", "set"

ACCOUNT_SET_SCORES = Table(
    "account_set_scores",
    "The rule sets of `budgets` backtested together in one account: the account, and what each set "
    "has made of it. Replaced by each such backtest; null where a metric is undefined.",
    (
        COMPARISON,
        Column("fill_model", pl.String, "fill model", nullable=False, values=FILL_MODEL_NAMES),
        Column(
            "part",
            pl.String,
            "the whole account, or one set's part of its P&L",
            nullable=False,
            values=(ACCOUNT_PART, SET_PART),
        ),
        Column("rule_set", pl.String, "the set; of the account all of them", nullable=False),
        Column("share", pl.Float64, "share of the account", "fraction", low=0.0, high=1.0),
        Column("tested_at", TIMESTAMP, "time of the backtest", nullable=False),
        Column("first", pl.Date, "first session", nullable=False),
        Column("last", pl.Date, "last session", nullable=False),
        usd("pnl_usd", "P&L, open positions at their marks; of the account with interest"),
        *_with_ends(
            "sharpe",
            "annualised Sharpe ratio of excess returns, of a set as if the account had held only "
            "its positions",
        ),
        _number("cagr", "compound annual growth rate", "fraction"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        Column("trades", pl.Int64, "closed trades", "trades"),
        *_with_ends("win_rate", "share of closed trades with a profit", "fraction"),
        *_with_ends("profit_factor", "sum of profits over sum of losses"),
        Column("moved", pl.Int64, "trades at the next strikes of their plan", "trades"),
        Column("netting_conflicts", pl.Int64, "entries refused as NETTING_CONFLICT", "entries"),
        Column("set_limits", pl.Int64, "entries refused by a limit of their set", "entries"),
    ),
    key=("comparison", "fill_model", "part", "rule_set"),
    partition=("comparison",),
)
