"""Tables of option chains and of the implied volatility taken from them."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, TIMESTAMP, Column, Table

GATES = (
    "NONSTANDARD",
    "EXPIRED",
    "DUPLICATE",
    "NO_BID",
    "CROSSED",
    "WIDE",
    "STALE",
    "PARITY",
    "IV_BOUNDS",
)
"""Quality gates of a quote, in the order in which they are applied; the first failure is stored."""

SHARE = "USD a share, as traded"


def _greek(name: str, description: str, unit: str) -> Column:
    return Column(name, pl.Float64, description, unit)


OPTION_CHAIN = Table(
    "option_chain",
    "The option chain of a session, good and bad quotes alike: the quotes as the source gave them, "
    "implied volatility and greeks computed from them, and the quality gate that a quote failed.",
    (
        DATE,
        TICKER,
        Column("contract_symbol", pl.String, "OCC symbol of the contract", nullable=False),
        Column("expiry", pl.Date, "expiry date in the symbol", nullable=False),
        Column("dte", pl.Int32, "days to the last trading day of the contract", "calendar days"),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("strike", pl.Float64, "strike", SHARE, nullable=False, low=0.0),
        Column("bid", pl.Float64, "bid", SHARE),
        Column("ask", pl.Float64, "ask", SHARE),
        Column("mid", pl.Float64, "mean of bid and ask; null unless both are quoted", SHARE),
        Column("last", pl.Float64, "price of the last trade", SHARE),
        Column("last_trade_at", TIMESTAMP, "time of the last trade"),
        Column("volume", pl.Float64, "contracts traded in the session", "contracts"),
        Column("open_interest", pl.Float64, "open interest", "contracts"),
        Column("multiplier", pl.Float64, "shares per contract", "shares", nullable=False),
        Column("spot", pl.Float64, "spot used for `iv` and the greeks", SHARE, low=0.0),
        Column(
            "spot_method",
            pl.String,
            "origin of `spot`: put-call parity of the expiry, the source, or the bar's close",
            values=("parity", "source", "close"),
        ),
        Column("years", pl.Float64, "time to expiry", "years of 365 days"),
        Column("iv", pl.Float64, "implied volatility of `mid`", "annualised fraction", low=0.0),
        _greek("delta", "delta at `iv`", "per share"),
        _greek("gamma", "gamma at `iv`", "per USD"),
        _greek("theta", "theta at `iv`", "USD a calendar day"),
        _greek("vega", "vega at `iv`", "USD a vol point"),
        _greek("source_iv", "implied volatility as the source gave it", "annualised fraction"),
        _greek("source_delta", "delta as the source gave it", "per share"),
        _greek("source_gamma", "gamma as the source gave it", "per USD"),
        _greek("source_theta", "theta as the source gave it", "USD a calendar day"),
        _greek("source_vega", "vega as the source gave it", "USD a vol point"),
        Column("quality", pl.String, "gate that the quote failed; null if good", values=GATES),
        Column("quoted_at", TIMESTAMP, "time of the quote; null if the source does not report it"),
        Column("source", pl.String, "source of the row", nullable=False),
        Column("fetched_at", TIMESTAMP, "when the row was fetched", nullable=False),
    ),
    key=("date", "ticker", "contract_symbol"),
)

IV_HISTORY = Table(
    "iv_history",
    "At-the-money 30-day implied volatility from each ticker's option chains, one row per session, "
    "and its rank.",
    (
        DATE,
        TICKER,
        Column("iv_30d", pl.Float64, "30-day implied volatility", "annualised fraction", low=0.0),
        Column("near_expiry", pl.Date, "expiry at or before 30 days"),
        Column("next_expiry", pl.Date, "expiry after 30 days"),
        Column("n_strikes", pl.Int32, "good strikes of the expiries used", "strikes", low=0.0),
        Column(
            "iv_rank",
            pl.Float64,
            "(v - min) / (max - min) over the last 252 observations; null with fewer",
            "0 to 1",
            low=0.0,
            high=1.0,
        ),
        Column(
            "n_observations",
            pl.Int32,
            "sessions with a value, up to and including this one",
            "sessions",
            nullable=False,
            low=0.0,
        ),
        Column("missing", pl.String, "why `iv_30d` is null; null where it has a value"),
    ),
)
