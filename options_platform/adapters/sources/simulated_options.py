"""Option chains and earnings of the simulated market.

Quotes lie on the synthetic surface of `domain.chain`, around the simulated volatility index, in
whole cents, at listed strikes and expiries. A chain depends only on the seed, the ticker and the
session.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, timedelta

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA, SOURCE_CHAIN_SCHEMA
from options_platform.contracts.funds import FUNDS
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import all_sessions, close_time
from options_platform.domain.chain import (
    ChainRules,
    Underlying,
    option_sign,
    quote,
    strike_step,
    years_of,
)
from options_platform.domain.chain.listing import RANGE_DEVIATIONS
from options_platform.domain.chain.occ_symbols import standard_symbol

LONGEST_DAYS = 75
REPORT_DELAY_DAYS = (15, 45)
SHARES = 100.0


def chain(
    ticker: str, session: date, spot: float, index: float, random: np.random.Generator
) -> pl.DataFrame:
    """The chain of a session in SOURCE_CHAIN_SCHEMA.

    Args:
        ticker: the underlying.
        session: session of the quotes, which are of its close.
        spot: close of the underlying, USD.
        index: the ticker's volatility index, an annualised fraction.
        random: draws the volumes and the open interest.
    """
    listed = listed_expiries(ticker, session)
    expiries = [day for day in listed if (day - session).days <= LONGEST_DAYS]
    close = Underlying.of(ticker, session, np.array([spot]), np.array([index]))
    step = float(strike_step(close)[0])
    grid = pl.concat([_ladder(day, session, spot, index, step) for day in expiries])
    rights = pl.DataFrame({"right": ["call", "put"]})
    table = grid.join(rights, how="cross", maintain_order="left_right")
    days = table.select((pl.col("expiry") - session).dt.total_days()).to_series().to_numpy()
    strikes, count = table["strike"].to_numpy(), table.height
    quotes = quote(
        Underlying.of(ticker, session, np.full(count, spot), np.full(count, index)),
        strikes,
        years_of(days),
        option_sign(table["right"].to_numpy()),
        ChainRules(),
    )
    near = np.exp(-0.5 * (np.log(strikes / spot) / 0.05) ** 2)
    at_close = close_time(session).astimezone(UTC)
    return (
        table.with_columns(
            quoted_at=pl.lit(at_close),
            ticker=pl.lit(ticker),
            contract_symbol=standard_symbol(pl.lit(ticker)),
            bid=quotes.bid,
            ask=quotes.ask,
            last=np.round(quotes.mid, 2),
            last_trade_at=pl.lit(at_close),
            volume=random.poisson(2_000.0 * near).astype(np.float64),
            open_interest=random.poisson(10_000.0 * near).astype(np.float64),
            multiplier=pl.lit(SHARES),
            spot=pl.lit(spot),
            source_iv=quotes.iv,
            source_delta=quotes.greeks.delta,
            source_gamma=quotes.greeks.gamma,
            source_theta=quotes.greeks.theta,
            source_vega=quotes.greeks.vega,
            source=pl.lit("simulated"),
        )
        .select(SOURCE_CHAIN_SCHEMA.names())
        .cast(dict(SOURCE_CHAIN_SCHEMA))  # type: ignore[arg-type]
    )


def _ladder(expiry: date, session: date, spot: float, index: float, step: float) -> pl.DataFrame:
    """`expiry` and `strike`: the listed strikes within four deviations of the spot."""
    years = years_of(np.array([(expiry - session).days]))
    reach = RANGE_DEVIATIONS * index * float(np.sqrt(years[0]))
    low = max(np.floor(spot * np.exp(-reach) / step), 1.0)
    high = np.ceil(spot * np.exp(reach) / step)
    strikes = np.arange(low, high + 1.0) * step
    return pl.DataFrame({"strike": strikes}).select(expiry=pl.lit(expiry), strike="strike")


def earnings(
    ticker: str, start: date, end: date, draw: Callable[[str], np.random.Generator]
) -> pl.DataFrame:
    """One report per quarter in EARNINGS_SCHEMA, two to six weeks after its end; none for a fund.

    `draw` returns the random generator of a named part.
    """
    calendar = all_sessions()
    quarters = [
        date(year, month, 1)
        for year in range(calendar[0].year, calendar[-1].year + 1)
        for month in (1, 4, 7, 10)
    ]
    timing = ("before_open", "after_close")[int(draw("timing").integers(2))]
    delays = draw("delays").integers(*REPORT_DELAY_DAYS, len(quarters))
    growth = 1.0 + 0.01 * np.arange(len(quarters))
    estimates = np.round((0.5 + 2.0 * draw("level").random()) * growth, 2)
    surprises = 0.05 * draw("surprises").standard_normal(len(quarters))
    reported = np.round(estimates * (1.0 + surprises), 2)
    due = [
        quarter + timedelta(days=int(delay))
        for quarter, delay in zip(quarters, delays, strict=True)
    ]
    days = np.array(calendar)
    at = np.searchsorted(days, np.array(due))
    keep = (at < len(days)) & (ticker not in FUNDS)
    return pl.DataFrame(
        {
            "date": days[at[keep]].tolist(),
            "ticker": [ticker] * int(keep.sum()),
            "timing": [timing] * int(keep.sum()),
            "eps_estimate": estimates[keep],
            "eps_reported": reported[keep],
            "source": ["simulated"] * int(keep.sum()),
        },
        schema=EARNINGS_SCHEMA,
    ).filter(pl.col("date").is_between(start, end))
