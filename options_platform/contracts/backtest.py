"""Tables of backtests: each run replaces its own rows, by the name of the run."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.features import DIRECTIONS
from options_platform.contracts.regimes import REGIMES
from options_platform.contracts.table import DATE, TICKER, Column, Table, usd

CONFIGURED = "configured"
"""The run of the settings as they are, which the report shows."""

FILL_MODEL_NAMES = ("mid", "default", "worst")
"""From the best to the worst; `FILL_MODELS` of the domain says what each does."""

RUN = Column("run", pl.String, "name of the run", nullable=False)
FILL = Column(
    "fill_model", pl.String, "how fills were priced", nullable=False, values=FILL_MODEL_NAMES
)
PLAN = Column("plan_id", pl.String, "plan that the position came from", nullable=False)
SHARE = "USD a share, net"
OUTCOMES = ("passed", "refused", "not_reached")
KINDS = ("model", "baseline", "hold")


def _number(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Float64, description, unit)


def _count(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Int64, description, unit, nullable=False, low=0)


BACKTEST_TRADES = Table(
    "backtest_trades",
    "Positions of the backtest, one row each; one still open is valued at its last mark.",
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
        _number("exit_price", "what closing brought, in the same sense", SHARE),
        Column(
            "exit_reason", pl.String, "rule that closed it; EXPIRY: held into it; null while open"
        ),
        _count("days_held", "from fill to fill, or to the last session", "calendar days"),
        usd("fees_usd", "commission and exchange fees of both sides"),
        usd("slippage_usd", "what fills cost against the mids"),
        usd("pnl_usd", "profit, fees deducted"),
        usd("max_loss_usd", "maximum loss at the entry's fill, fees included"),
        usd(
            "max_profit_usd",
            "maximum profit at the entry's fill, fees deducted; null without a bound",
        ),
        usd("delta_usd", "profit from moves of the underlying, first order"),
        usd("gamma_usd", "profit from moves of the underlying, second order"),
        usd("theta_usd", "profit from time"),
        usd("vega_usd", "profit from changes of implied volatility"),
        usd("other_usd", "what these four leave: higher orders, jumps, settlement"),
    ),
    key=("run", "fill_model", "plan_id"),
    partition=("run",),
)

BACKTEST_FILLS = Table(
    "backtest_fills",
    "Every leg that was traded, settled at expiry, or assigned.",
    (
        RUN,
        FILL,
        DATE,
        PLAN,
        TICKER,
        Column(
            "action",
            pl.String,
            "why it was traded",
            nullable=False,
            values=("open", "close", "settle", "assign"),
        ),
        _count("leg", "number of the leg, from 1"),
        Column("side", pl.String, "bought or sold", nullable=False, values=("buy", "sell")),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("strike", pl.Float64, "strike", "USD a share", nullable=False, low=0.0),
        Column("expiry", pl.Date, "expiry", nullable=False),
        _count("contracts", "options traded"),
        _number("price", "price of the leg", "USD a share"),
    ),
    key=("run", "fill_model", "plan_id", "action", "leg"),
    partition=("run",),
)

BACKTEST_MARKS = Table(
    "backtest_marks",
    "Each open position at each close, with its greeks.",
    (
        RUN,
        FILL,
        DATE,
        PLAN,
        TICKER,
        _number("mark_price", "net mid of the spread", SHARE),
        usd("value_usd", "what the position is worth"),
        Column("stale", pl.Boolean, "the session had no data: the last mark is carried"),
        _number("delta", "delta", "shares, whole position"),
        _number("gamma", "gamma", "shares per USD, whole position"),
        _number("theta", "theta", "USD per calendar day, whole position"),
        _number("vega", "vega", "USD per vol point, whole position"),
        usd("max_loss_usd", "maximum loss"),
        usd("notional_usd", "contracts x 100 x spot"),
    ),
    key=("run", "fill_model", "date", "plan_id"),
    partition=("run",),
)

BACKTEST_EQUITY = Table(
    "backtest_equity",
    "The account at each close: equity is cash + positions, to the cent.",
    (
        RUN,
        FILL,
        DATE,
        usd("cash_usd", "cash"),
        usd("positions_usd", "value of the open positions"),
        usd("equity_usd", "cash + positions"),
        usd("interest_usd", "interest earned since the session before"),
        usd("fees_usd", "fees of the session"),
        _count("open_positions", "positions open at the close"),
        usd("reserved_usd", "maximum losses of what is open"),
        usd("buying_power_usd", "equity less what is reserved"),
        Column(
            "yield_stale",
            pl.Boolean,
            "the yield that earned the interest was unknown, or carried for more than a week",
        ),
    ),
    key=("run", "fill_model", "date"),
    partition=("run",),
)

BACKTEST_CURVES = Table(
    "backtest_curves",
    "Equity of the model and of each baseline at each close, all under one fill model.",
    (
        RUN,
        DATE,
        Column("name", pl.String, "model, a baseline, or hold_TICKER", nullable=False),
        usd("equity_usd", "equity"),
    ),
    key=("run", "date", "name"),
    partition=("run",),
)

BACKTEST_SCORES = Table(
    "backtest_scores",
    "Metrics of the model and of the baselines under each fill model, with 95% block-bootstrap "
    "intervals; null where they cannot be told. What is held, and the median draw of a baseline "
    "without skill, stand under the fill model that is set alone.",
    (
        RUN,
        Column("name", pl.String, "model, a baseline, or hold_TICKER", nullable=False),
        FILL,
        Column("kind", pl.String, "what it is", nullable=False, values=KINDS),
        Column("first", pl.Date, "first session", nullable=False),
        Column("last", pl.Date, "last session", nullable=False),
        usd("equity_usd", "equity at the end"),
        Column(
            "ruined_on",
            pl.Date,
            "session on which a tenth of the start or less was left; null if never",
        ),
        _number("cagr", "compound growth a year", "fraction"),
        _number("volatility_annual", "deviation of daily returns", "annualised fraction"),
        _number("sharpe", "annualised Sharpe ratio of excess returns"),
        _number("sharpe_low", "lower end of its interval"),
        _number("sharpe_high", "upper end"),
        _number("sharpe_gain", "the model's Sharpe ratio less this one's, same fill model"),
        _number("sharpe_gain_low", "lower end of its interval, drawn with the same blocks"),
        _number("sharpe_gain_high", "upper end"),
        _number("sortino", "annualised Sortino ratio"),
        _number("calmar", "cagr over maximum drawdown"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        Column("max_drawdown_sessions", pl.Int64, "longest time below a peak", "sessions"),
        _number("tail_ratio", "95th over the absolute 5th percentile of daily returns"),
        Column(
            "tail_ratio_null",
            pl.String,
            "why there is no tail ratio: at least half of the days did not move, or fewer than one "
            "in twenty lost; null where there is one, and after a ruin",
            values=("mostly_flat", "no_losing_tail"),
        ),
        Column("trades", pl.Int64, "closed trades; null for what is held", "trades"),
        _number("win_rate", "share of closed trades with a profit", "fraction"),
        _number("win_rate_low", "lower end of its interval"),
        _number("win_rate_high", "upper end"),
        _number("profit_factor", "profits over losses"),
        _number("profit_factor_low", "lower end of its interval"),
        _number("profit_factor_high", "upper end"),
        _number("expectancy_usd", "mean profit of a trade", "USD"),
        _number("expectancy_r", "mean profit over maximum loss", "fraction"),
        _number("average_days_held", "mean time held", "calendar days"),
        _number("fees_usd", "fees paid", "USD"),
        _number("slippage_usd", "what fills cost against the mids", "USD"),
        _number("exposure", "share of sessions with a position open", "fraction"),
        _number("turnover_annual", "premium traded a year over mean equity"),
    ),
    key=("run", "name", "fill_model"),
    partition=("run",),
)

BACKTEST_DRAWS = Table(
    "backtest_draws",
    "The baselines without skill, drawn anew with each seed, all under one fill model: what luck "
    "does, and so how often it does as well as the model.",
    (
        RUN,
        Column("name", pl.String, "name of the baseline", nullable=False),
        FILL,
        _count("seed", "seed of the draw"),
        _number("sharpe", "annualised Sharpe ratio of excess returns; null without a trade"),
        usd("equity_usd", "equity at the end"),
        _number("max_drawdown", "largest fall from a peak", "fraction"),
        _count("trades", "closed trades", "trades"),
        _number("win_rate", "share of closed trades with a profit", "fraction"),
        _number("profit_factor", "profits over losses"),
    ),
    key=("run", "name", "fill_model", "seed"),
    partition=("run",),
)

BACKTEST_DECISIONS = Table(
    "backtest_decisions",
    "The rule trace: for each date and ticker the rules that were asked, in order, with "
    "value, threshold and outcome; step 100 is what the account or the market refused.",
    (
        RUN,
        DATE,
        TICKER,
        Column("step", pl.Int32, "place of the rule in the plan's order", nullable=False, low=1),
        Column("rule", pl.String, "code of the rule", nullable=False),
        Column("value", pl.String, "what was compared; null where nothing was known"),
        Column("threshold", pl.String, "what it was compared with"),
        Column("outcome", pl.String, "how it ended", nullable=False, values=OUTCOMES),
    ),
    key=("run", "date", "ticker", "step", "rule"),
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
    BACKTEST_DECISIONS,
)
