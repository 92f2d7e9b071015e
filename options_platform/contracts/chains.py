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


def _vol(name: str, description: str) -> Column:
    return Column(name, pl.Float64, description, "vol points")


def _index(days: int) -> Column:
    return Column(
        f"index_{days}d", pl.Float64, f"index of {days} days; null beyond the quoted expiries",
        "index points", low=0.0,
    )  # fmt: skip


CHAIN_INDEX = Table(
    "chain_index",
    "Volatility indices computed from a stored real chain by Cboe's method.",
    (
        DATE,
        TICKER,
        *(_index(days) for days in (9, 30, 93, 182)),
        Column("n_expiries", pl.Int32, "expiries with enough strikes", "expiries", nullable=False),
    ),
    is_events=True,
)

SURFACE_ERROR = Table(
    "surface_error",
    "Error of the volatility surface on the stored real chain of a session, by delta, right and "
    "tenor. The surface is the one that was known before the session, so every error is of a chain "
    "that it was not fitted to. Sessions without a real chain have no rows; the tables "
    "`surface_fit` and `chain_index` are filled with it.",
    (
        DATE,
        TICKER,
        Column("band", pl.String, "absolute delta, in hundredths", nullable=False,
               values=("2-10", "10-25", "25-60")),
        Column("right", pl.String, "call or put", nullable=False, values=("call", "put")),
        Column("tenor", pl.String, "calendar days to expiry", nullable=False,
               values=("7-21", "22-35", "36-60")),
        Column("n", pl.Int32, "good out-of-the-money quotes", "quotes", nullable=False, low=1.0),
        _vol("mean_error_points", "mean of the surface's volatility less the quoted one"),
        _vol("mae_points", "mean of its absolute value"),
        Column("fitted_on", pl.Date, "session of the ticker's fit in use; null for its class"),
    ),
    key=("date", "ticker", "band", "right", "tenor"),
    is_events=True,
)  # fmt: skip

SURFACE_FIT = Table(
    "surface_fit",
    "What a ticker's stored real chains up to a session say of its surface; used from the next "
    "session on if it is adopted, else the surface stays that of the ticker's class. The numbers "
    "are null while the chains are too few.",
    (
        DATE,
        TICKER,
        Column("c", pl.Float64, "curvature of the smile at 30 days and a volatility of 0.20"),
        Column("p", pl.Float64, "its power of time"),
        Column("q", pl.Float64, "its fading with volatility"),
        Column("rho", pl.Float64, "skew"),
        Column("wing", pl.Float64, "steepness added to far puts"),
        Column("level", pl.Float64, "what the volatility at the money is times", low=0.0),
        Column("n_sessions", pl.Int32, "sessions that the fit rests on", "sessions"),
        Column("n_months", pl.Int32, "calendar months of these sessions", "months"),
        Column("n_quotes", pl.Int32, "quotes that were fitted", "quotes"),
        Column("n_chains", pl.Int32, "stored real chains up to the session, usable or not",
               "chains", nullable=False, low=1.0),
        _vol("fit_near_points", "mean absolute error on the session's own chain, 10 to 60 delta, "
             "of the fit before it"),
        _vol("fit_far_points", "the same of 2 to 10 delta"),
        _vol("class_near_points", "as fit_near_points, of the class"),
        _vol("class_far_points", "as fit_far_points, of the class"),
        Column("is_adopted", pl.Boolean, "whether later sessions are priced by this fit: on "
               "three or more chains the fits before were better than the class by more than a "
               "standard error or, once adopted, not worse by more"),
        Column("iv_symbol", pl.String, "volatility index that the chain was measured on; null for "
               "a session without one. On another index the row prices nothing"),
        Column("surface_hash", pl.String, "digest of the surface and rates that the chains were "
               "measured with. With others the row prices nothing", nullable=False),
        Column("inputs_hash", pl.String, "digest of the surface and of all chains and indices up "
               "to the session; where it differs, the session is measured again", nullable=False),
        Column("known_from", TIMESTAMP, "when the numbers that price were first stored",
               nullable=False),
    ),
    is_events=True,
)  # fmt: skip
