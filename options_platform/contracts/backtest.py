"""Tables of backtests; a run replaces the earlier rows with the same run name."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.features import DIRECTIONS
from options_platform.contracts.refusals import (
    BACKTEST_REFUSAL_PRICES,
    BACKTEST_REFUSED_TRADES,
)
from options_platform.contracts.regimes import REGIMES
from options_platform.contracts.table import DATE, RULE_SET, RUN, TICKER, Column, Table, usd

CONFIGURED = "configured"
"""Name of the run with the settings as configured; the report shows this run."""

ACCOUNT = "account"
"""Name of the run of all sets of `budgets` in one account; its rows name the set of each trade, and
those of the equity all of them."""

FILL_MODEL_NAMES = ("mid", "default", "worst")
"""From the most to the least favourable; the domain's `FILL_MODELS` defines each of them."""

OF_RUN = (RUN.name, RULE_SET.name)
"""What all rows of a run have in common, whatever was computed."""

FILL = Column(
    "fill_model", pl.String, "how fills were priced", nullable=False, values=FILL_MODEL_NAMES
)
PLAN = Column("plan_id", pl.String, "trade plan that opened the position", nullable=False)
SHARE = "USD a share, net"
OUTCOMES = ("passed", "refused", "not_reached")
KINDS = ("model", "baseline", "hold")


def _number(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Float64, description, unit)


def _count(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Int64, description, unit, nullable=False, low=0)


BACKTEST_TRADES = Table(
    "backtest_trades",
    "One row per position of the backtest; a position still open is valued at its last mark.",
    (
        RUN,
        FILL,
        PLAN,
        TICKER,
        Column("strategy", pl.String, "name of the strategy", nullable=False),
        Column("regime", pl.String, "regime of the planning session", values=REGIMES),
        Column("direction", pl.String, "predicted direction", values=DIRECTIONS),
        Column("planned_on", pl.Date, "session of the plan", nullable=False),
        Column("opened_on", pl.Date, "session of the entry's fill", nullable=False),
        Column("closed_on", pl.Date, "session of the exit's fill; null while open"),
        Column("expiry", pl.Date, "first expiry of its legs", nullable=False),
        _count("contracts", "number of spreads"),
        _number("entry_price", "debit positive, credit negative", SHARE),
        _number("exit_price", "value at the exit: positive was received, negative paid", SHARE),
        Column("exit_reason", pl.String, "exit rule; EXPIRY: settled at expiry; null while open"),
        _count("days_held", "from entry to exit, or to the last session", "calendar days"),
        usd("fees_usd", "commissions and exchange fees, entry and exit"),
        usd("slippage_usd", "cost of the fills against the mids"),
        usd("pnl_usd", "profit or loss after fees"),
        usd("max_loss_usd", "maximum loss at the entry's fill, fees included"),
        usd(
            "max_profit_usd",
            "maximum profit at the entry's fill, fees deducted; null without a bound",
        ),
        usd("delta_usd", "P&L from moves of the underlying, first order"),
        usd("gamma_usd", "P&L from moves of the underlying, second order"),
        usd("theta_usd", "P&L from the passage of time"),
        usd("vega_usd", "P&L from changes in implied volatility"),
        usd("other_usd", "unexplained P&L: higher orders, jumps, settlement"),
        RULE_SET,
    ),
    key=("run", "fill_model", "plan_id"),
    partition=("run",),
)

BACKTEST_FILLS = Table(
    "backtest_fills",
    "One row per leg traded, settled at expiry or assigned.",
    (
        RUN,
        FILL,
        DATE,
        PLAN,
        TICKER,
        Column(
            "action",
            pl.String,
            "event that changed the position",
            nullable=False,
            values=("open", "close", "settle", "assign"),
        ),
        _count("leg", "number of the leg, from 1"),
        Column("side", pl.String, "bought or sold", nullable=False, values=("buy", "sell")),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("strike", pl.Float64, "strike", "USD a share", nullable=False, low=0.0),
        Column("expiry", pl.Date, "expiry", nullable=False),
        _count("contracts", "option contracts of this leg"),
        _number("price", "fill price of the leg", "USD a share"),
        RULE_SET,
    ),
    key=("run", "fill_model", "plan_id", "action", "leg"),
    partition=("run",),
)

BACKTEST_MARKS = Table(
    "backtest_marks",
    "Mark and greeks of each open position at each close.",
    (
        RUN,
        FILL,
        DATE,
        PLAN,
        TICKER,
        _number("mark_price", "net mid of the spread", SHARE),
        usd("value_usd", "market value at the mark"),
        Column("stale", pl.Boolean, "no data for the session: the last mark is carried forward"),
        _number("delta", "delta", "shares, whole position"),
        _number("gamma", "gamma", "shares per USD, whole position"),
        _number("theta", "theta", "USD per calendar day, whole position"),
        _number("vega", "vega", "USD per vol point, whole position"),
        usd("max_loss_usd", "maximum loss"),
        usd("notional_usd", "contracts x 100 x spot"),
        RULE_SET,
    ),
    key=("run", "fill_model", "date", "plan_id"),
    partition=("run",),
)

BACKTEST_EQUITY = Table(
    "backtest_equity",
    "The account at each close; equity equals cash + positions, to the cent.",
    (
        RUN,
        FILL,
        DATE,
        usd("cash_usd", "cash"),
        usd("positions_usd", "market value of the open positions"),
        usd("equity_usd", "cash + positions"),
        usd("interest_usd", "interest earned since the previous session"),
        usd("fees_usd", "fees paid in the session"),
        _count("open_positions", "positions open at the close"),
        usd("reserved_usd", "sum of the maximum losses of the open positions"),
        usd("buying_power_usd", "equity less the reserved amount"),
        Column(
            "yield_stale",
            pl.Boolean,
            "the yield behind the interest was missing, or carried forward for more than a week",
        ),
        RULE_SET,
    ),
    key=("run", "fill_model", "date"),
    partition=("run",),
)

BACKTEST_CURVES = Table(
    "backtest_curves",
    "Equity of the model and of each baseline at each close, all under the same fill model.",
    (
        RUN,
        DATE,
        Column("name", pl.String, "model, a baseline, or hold_TICKER", nullable=False),
        usd("equity_usd", "equity"),
        RULE_SET,
    ),
    key=("run", "date", "name"),
    partition=("run",),
)

BACKTEST_SCORES = Table(
    "backtest_scores",
    "Metrics of the model and of the baselines under each fill model, with 95% block-bootstrap "
    "intervals; null where a metric is undefined. Buy-and-hold and the median draw of a no-skill "
    "baseline have rows under the configured fill model only.",
    (
        RUN,
        Column("name", pl.String, "model, a baseline, or hold_TICKER", nullable=False),
        FILL,
        Column("kind", pl.String, "kind of strategy scored", nullable=False, values=KINDS),
        Column("first", pl.Date, "first session", nullable=False),
        Column("last", pl.Date, "last session", nullable=False),
        usd("equity_usd", "equity at the end"),
        Column(
            "ruined_on",
            pl.Date,
            "first session with equity at or below 10% of the starting equity; null if never",
        ),
        _number("cagr", "compound annual growth rate", "fraction"),
        _number("volatility_annual", "standard deviation of daily returns", "annualised fraction"),
        _number("sharpe", "annualised Sharpe ratio of excess returns"),
        _number("sharpe_low", "lower end of the interval of `sharpe`"),
        _number("sharpe_high", "upper end of the interval of `sharpe`"),
        _number("sharpe_gain", "the model's Sharpe ratio less this row's, same fill model"),
        _number("sharpe_gain_low", "lower end of its interval, both drawn with the same blocks"),
        _number("sharpe_gain_high", "upper end of the interval of `sharpe_gain`"),
        _number("sortino", "annualised Sortino ratio"),
        _number("calmar", "cagr over maximum drawdown"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        Column("max_drawdown_sessions", pl.Int64, "longest time below a peak", "sessions"),
        _number("tail_ratio", "95th percentile of daily returns over the absolute 5th"),
        Column(
            "tail_ratio_null",
            pl.String,
            "why `tail_ratio` is null: at least half of the days were flat, or fewer than one in "
            "twenty lost money; null where `tail_ratio` has a value, and after a ruin",
            values=("mostly_flat", "no_losing_tail"),
        ),
        Column("trades", pl.Int64, "closed trades; null for buy-and-hold", "trades"),
        _number("win_rate", "share of closed trades with a profit", "fraction"),
        _number("win_rate_low", "lower end of the interval of `win_rate`"),
        _number("win_rate_high", "upper end of the interval of `win_rate`"),
        _number("profit_factor", "sum of profits over sum of losses"),
        _number("profit_factor_low", "lower end of the interval of `profit_factor`"),
        _number("profit_factor_high", "upper end of the interval of `profit_factor`"),
        _number("expectancy_usd", "mean profit per trade", "USD"),
        _number("expectancy_r", "mean profit over maximum loss", "fraction"),
        _number("average_days_held", "mean holding period", "calendar days"),
        _number("fees_usd", "fees paid", "USD"),
        _number("slippage_usd", "cost of the fills against the mids", "USD"),
        _number("exposure", "share of sessions with a position open", "fraction"),
        _number("turnover_annual", "premium traded per year over mean equity"),
        RULE_SET,
    ),
    key=("run", "name", "fill_model"),
    partition=("run",),
)

BACKTEST_DRAWS = Table(
    "backtest_draws",
    "Results of the no-skill baselines, one row per random seed, all under the same fill model: "
    "they show how often luck alone does as well as the model.",
    (
        RUN,
        Column("name", pl.String, "name of the baseline", nullable=False),
        FILL,
        _count("seed", "random seed of the draw"),
        _number("sharpe", "annualised Sharpe ratio of excess returns; null without a trade"),
        usd("equity_usd", "equity at the end"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        _count("trades", "closed trades", "trades"),
        _number("win_rate", "share of closed trades with a profit", "fraction"),
        _number("profit_factor", "profits over losses"),
        RULE_SET,
    ),
    key=("run", "name", "fill_model", "seed"),
    partition=("run",),
)

BACKTEST_PRICE_RISK = Table(
    "backtest_price_risk",
    "Results of the model and of baselines that sell options if every implied volatility is lower "
    "than the surface says, or off by its measured error at the model's own strikes and tenors, "
    "ticker by ticker (`error_band_low`, `error_band_high`), all under the configured fill model: "
    "entries, sizes, marks, stops and exits are run anew. Where stocks are priced on their own "
    "volatility, the model also at wrong prices, as a warning: on the VIX (`stocks_on_vix`), "
    "and without the rules for stocks as well (`stocks_on_vix_naive`).",
    (
        RUN,
        Column("name", pl.String, "model or a baseline", nullable=False),
        Column("scenario", pl.String, "how volatilities were moved", nullable=False),
        Column(
            "iv_points",
            pl.Float64,
            "added to the volatility of every strike; in the error band "
            "the mean over the model's legs, each ticker by its own",
            "vol points",
        ),
        _number("iv_scale", "multiplies the volatility of every strike"),
        Column("trades", pl.Int64, "closed trades", "trades"),
        _number("sharpe", "annualised Sharpe ratio of excess returns; null after a ruin"),
        _number("sharpe_low", "lower end of its 95% block-bootstrap interval"),
        _number("sharpe_high", "upper end of the interval"),
        _number("cagr", "compound annual growth rate", "fraction"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        _number("win_rate", "share of closed trades with a profit", "fraction"),
        _number("profit_factor", "sum of profits over sum of losses"),
        usd("equity_usd", "equity at the end"),
        RULE_SET,
    ),
    key=("run", "name", "scenario"),
    partition=("run",),
)

BACKTEST_DECISIONS = Table(
    "backtest_decisions",
    "The rule trace: the rules applied to each date and ticker, in order, with value, threshold "
    "and outcome; step 100 is a refusal by the account or by the market.",
    (
        RUN,
        DATE,
        TICKER,
        Column("step", pl.Int32, "position of the rule in the sequence", nullable=False, low=1),
        Column("rule", pl.String, "code of the rule", nullable=False),
        Column("value", pl.String, "value that the rule compared; null if it was missing"),
        Column("threshold", pl.String, "threshold of the comparison"),
        Column("outcome", pl.String, "outcome of the rule", nullable=False, values=OUTCOMES),
        RULE_SET,
    ),
    key=("run", "date", "ticker", "step", "rule"),
    partition=("run",),
)

QUOTE_SOURCES = ("none", "real", "parity", "smile", "shifted", "synthetic")
"""Where the price of a leg is from; `domain.backtest.real_quotes` defines each of them."""

BACKTEST_SOURCES = Table(
    "backtest_sources",
    "How much of each trade rests on real quotes of stored option chains.",
    (
        RUN,
        FILL,
        PLAN,
        Column(
            "chain_source",
            pl.String,
            "real if entry, exit and 90% of the marks are; synthetic if all marks are; else mixed",
            nullable=False,
            values=("real", "mixed", "synthetic"),
        ),
        Column(
            "real_share",
            pl.Float64,
            "legs times sessions at a real quote of the contract, of all",
            "fraction",
            nullable=False,
            low=0.0,
            high=1.0,
        ),
        Column(
            "entry_source",
            pl.String,
            "source of the leg with the worst price at the entry",
            nullable=False,
            values=QUOTE_SOURCES,
        ),
        Column(
            "exit_source",
            pl.String,
            "likewise at the exit, or the last mark; none where the legs are settled at expiry",
            nullable=False,
            values=QUOTE_SOURCES,
        ),
        _count("marks_real", "marks from real quotes of every leg", "sessions"),
        _count("marks_mixed", "marks from real quotes in part, or derived from them", "sessions"),
        _count("marks_synthetic", "marks from the surface alone", "sessions"),
        RULE_SET,
    ),
    key=("run", "fill_model", "plan_id"),
    partition=("run",),
)

BACKTEST_TABLES = (
    BACKTEST_EQUITY,
    BACKTEST_TRADES,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_CURVES,
    BACKTEST_SCORES,
    BACKTEST_DRAWS,
    BACKTEST_PRICE_RISK,
    BACKTEST_DECISIONS,
    BACKTEST_SOURCES,
    BACKTEST_REFUSED_TRADES,
    BACKTEST_REFUSAL_PRICES,
)
