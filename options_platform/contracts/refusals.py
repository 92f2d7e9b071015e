"""Tables of what a backtest refused: each trade as it would have ended, and the price of a gate."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, RULE_SET, RUN, TICKER, Column, Table, usd

CHAIN_SOURCES = ("real", "mixed", "synthetic")
SCOPES = ("alone", "first")
VERDICTS = ("saved", "cost", "not proven", "too few", "not followed")
GATE = Column("gate", pl.String, "code of the first rule that refused", nullable=False)


def _number(name: str, description: str, unit: str = "") -> Column:
    return Column(name, pl.Float64, description, unit)


def _count(name: str, description: str) -> Column:
    return Column(name, pl.Int64, description, nullable=False, low=0)


def _with_ends(name: str, description: str, unit: str) -> tuple[Column, ...]:
    return (
        _number(name, description, unit),
        _number(f"{name}_low", f"lower end of the 95% interval of `{name}`", unit),
        _number(f"{name}_high", f"upper end of the interval of `{name}`", unit),
    )


BACKTEST_REFUSED_TRADES = Table(
    "backtest_refused_trades",
    "One row per session and ticker that a rule of the plan, the account or the market refused, "
    "under the configured fill model: the trade that would have been made alone beside the "
    "account, followed to its end at modelled or stored prices; null where there was none.",
    (
        RUN,
        DATE,
        TICKER,
        GATE,
        Column("later_gates", pl.List(pl.String), "codes of others that would have refused it"),
        Column("not_followed", pl.String, "code of what kept it from being followed to its end"),
        Column("chain_source", pl.String, "what its prices rest on", values=CHAIN_SOURCES),
        Column("strategy", pl.String, "name of the strategy"),
        Column("regime", pl.String, "regime of the planning session"),
        Column("direction", pl.String, "predicted direction"),
        Column("opened_on", pl.Date, "session of the entry's fill"),
        Column("closed_on", pl.Date, "session of the exit's fill; null while open"),
        Column("expiry", pl.Date, "first expiry of its legs"),
        Column("contracts", pl.Int64, "number of spreads", low=1),
        _number("entry_price", "debit positive, credit negative", "USD a share, net"),
        _number("exit_price", "value at the exit: positive was received", "USD a share, net"),
        Column("exit_reason", pl.String, "exit rule; EXPIRY: settled at expiry"),
        usd("fees_usd", "commissions and exchange fees, entry and exit"),
        usd("slippage_usd", "cost of the fills against the mids"),
        usd("pnl_usd", "profit or loss after fees"),
        usd("max_loss_usd", "maximum loss at the entry's fill, fees included"),
        RULE_SET,
    ),
    key=("run", "date", "ticker"),
    partition=("run",),
)

BACKTEST_REFUSAL_PRICES = Table(
    "backtest_refusal_prices",
    "What each gate saved or cost: the trades of `backtest_refused_trades` that ended, beside "
    "those that were made (gate MADE). Refused trades overlap, so that means are to be compared, "
    "not sums. R is the maximum loss of a trade.",
    (
        RUN,
        GATE,
        Column(
            "scope",
            pl.String,
            "alone: trades that no other gate would have refused; first: all that this gate was "
            "the first to refuse, stored where it differs",
            nullable=False,
            values=SCOPES,
        ),
        _count("refused", "rows that this gate was the first to refuse"),
        _count("followed", "trades of the scope that were followed to their end"),
        _count("refused_later", "followed trades that another gate would have refused as well"),
        _count("not_followed", "refused rows without a trade, or without its end"),
        _count("modelled", "followed trades whose prices are modelled, all or some of them"),
        Column("missing", pl.String, "codes of what kept them from being followed, with counts"),
        _number("total_usd", "profit of all followed trades after costs", "USD"),
        _number("total_r", "the same in units of risk", "R"),
        _number("win_rate", "share of followed trades with a profit", "fraction"),
        *_with_ends("mean_usd", "mean profit of a followed trade after costs", "USD"),
        *_with_ends("mean_r", "the same in units of risk", "R"),
        _number("saved_usd", "the loss that was spared, negative for a profit missed", "USD"),
        *_with_ends("saved_r", "the same for a mean trade in units of risk", "R"),
        _number("p_value", "two-sided p-value of no effect of this gate, looked at alone"),
        _number("p_corrected", "the same corrected for all gates that are looked at"),
        Column(
            "verdict",
            pl.String,
            "by the corrected p-value at 5%; null for trades that were made, and in scope first",
            values=VERDICTS,
        ),
        RULE_SET,
    ),
    key=("run", "gate", "scope"),
    partition=("run",),
)
