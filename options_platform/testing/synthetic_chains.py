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
    frames = []
    for expiry in sorted(expiries):
        years = np.array([(expiry - session).days / DAYS_A_YEAR])
        if years[0] <= 0:
            continue
        deviation = atm_vol(underlying, years, rules.surface) * np.sqrt(years)
        reach = int(np.ceil(RANGE_DEVIATIONS * deviation[0] * spot / step[0]))
        strikes = snap_strike(at, step) + step * np.arange(-reach, reach + 1)
        strikes = strikes[strikes > 0]
        for right, sign in (("call", CALL), ("put", PUT)):
            quotes = quote(underlying, strikes, years, np.array([sign]), rules)
            frames.append(
                pl.DataFrame(
                    {
                        "expiry": expiry,
                        "right": right,
                        "strike": strikes,
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
            )
    if not frames:
        raise PricingError(f"no expiry after {session} to quote {ticker} for")
    return Chain(session, ticker, spot, "synthetic", pl.concat(frames))
