"""The synthetic chain as a whole, for what takes a chain; plans and backtests quote single legs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from options_platform.domain.chain import (
    CHAIN_SCHEMA,
    NO_TERM,
    Chain,
    ChainRules,
    TermStructure,
    Underlying,
    atm_vol,
    quote,
    snap_strike,
    strike_step,
)
from options_platform.domain.chain.listing import RANGE_DEVIATIONS
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT
from options_platform.errors import PricingError


def synthetic_chain(
    session: date,
    ticker: str,
    spot: float,
    index: float,
    expiries: Sequence[date],
    rules: ChainRules,
    term: TermStructure = NO_TERM,
) -> Chain:
    """Synthetic quotes of the listed strikes around `spot`, for each expiry after the session.

    Strikes reach four standard deviations to either side. `index` is the ticker's volatility
    index, an annualised fraction. The quotes equal those of :func:`quote` bit for bit.

    Raises :class:`PricingError` if no expiry is after the session.
    """
    at = np.array([spot])
    underlying = Underlying.of(ticker, session, at, np.array([index]), term)
    step = strike_step(underlying)
    ends = [expiry for expiry in sorted(expiries) if expiry > session]
    if not ends:
        raise PricingError(f"no expiry after {session} to quote {ticker} for")
    years = np.array([(expiry - session).days for expiry in ends]) / DAYS_A_YEAR
    rows = underlying.at(np.zeros(len(ends), dtype=np.int64))
    deviations = atm_vol(rows, years, rules.surface) * np.sqrt(years)
    reaches = np.ceil(RANGE_DEVIATIONS * deviations * spot / step[0]).astype(np.int64)
    ladders = [snap_strike(at, step) + step * np.arange(-reach, reach + 1) for reach in reaches]
    listed = [ladder[ladder > 0] for ladder in ladders]
    # Both rights of an expiry follow each other.
    each = np.repeat(np.arange(len(ends)), [2 * len(strikes) for strikes in listed])
    strike = np.concatenate([np.tile(strikes, 2) for strikes in listed])
    sign = np.concatenate([np.repeat([CALL, PUT], len(strikes)) for strikes in listed])
    quotes = quote(
        underlying.at(np.zeros(len(each), dtype=np.int64)), strike, years[each], sign, rules
    )
    frame = pl.DataFrame(
        {
            "expiry": pl.Series(ends, dtype=pl.Date).gather(each),
            "right": np.where(sign == CALL, "call", "put"),
            "strike": strike,
            "bid": quotes.bid,
            "mid": quotes.mid,
            "ask": quotes.ask,
            "iv": quotes.iv,
            "delta": quotes.greeks.delta,
            "volume": None,
            "open_interest": None,
        },
        schema=CHAIN_SCHEMA,
    )
    return Chain(session, ticker, spot, "synthetic", frame)
