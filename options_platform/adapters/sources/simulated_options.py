"""Option chains of the simulated market.

Quotes lie on the synthetic surface of `domain.chain`, around the simulated volatility index, in
whole cents, at listed strikes and expiries. The variance of a stock's next report is a step at the
expiries that know it. A chain depends only on the seed, the ticker and the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.chain import (
    ChainRules,
    Underlying,
    option_sign,
    quote,
    strike_step,
    years_of,
)
from options_platform.domain.chain.event_steps import TickerEvents
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.chain.listing import RANGE_DEVIATIONS
from options_platform.domain.chain.occ_symbols import standard_symbol

LONGEST_DAYS = 75
SHARES = 100.0


@dataclass(frozen=True)
class ReportAhead:
    """The variance of the log move that options price of a report, and its anchor."""

    variance: float
    anchor: date


def chain(
    ticker: str,
    session: date,
    spot: float,
    index: float,
    random: np.random.Generator,
    report: ReportAhead | None = None,
) -> pl.DataFrame:
    """The chain of a session in SOURCE_CHAIN_SCHEMA.

    Args:
        ticker: the underlying.
        session: session of the quotes, which are of its close.
        spot: close of the underlying, USD.
        index: the ticker's 30-day volatility index, an annualised fraction; with the report if
            its anchor is within 30 days, else without.
        random: draws the volumes and the open interest.
        report: the next report; None if none is priced.
    """
    listed = listed_expiries(ticker, session)
    expiries = [day for day in listed if (day - session).days <= LONGEST_DAYS]
    close = Underlying.of(ticker, session, np.array([spot]), np.array([index]))
    step = float(strike_step(close)[0])
    deviations = [_deviation(day, session, index, report) for day in expiries]
    grid = pl.concat(
        [_ladder(*each, spot, step) for each in zip(expiries, deviations, strict=True)]
    )
    rights = pl.DataFrame({"right": ["call", "put"]})
    table = grid.join(rights, how="cross", maintain_order="left_right")
    days = table.select((pl.col("expiry") - session).dt.total_days()).to_series().to_numpy()
    strikes, count = table["strike"].to_numpy(), table.height
    quotes = quote(
        Underlying.of(ticker, session, np.full(count, spot), np.full(count, index)),
        strikes,
        years_of(days),
        option_sign(table["right"].to_numpy()),
        _rules(ticker, session, report),
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


def _rules(ticker: str, session: date, report: ReportAhead | None) -> ChainRules:
    rules = ChainRules()
    if report is None:
        return rules
    ahead = TickerEvents((session,), (report.variance,), (report.anchor,))
    return ChainRules(surface=LearnedSurface.of(rules.surface, {}, {ticker: ahead}))


def _deviation(expiry: date, session: date, index: float, report: ReportAhead | None) -> float:
    """At most the standard deviation of the log price at the expiry."""
    years = float(years_of(np.array([(expiry - session).days]))[0])
    step = report.variance if report is not None and expiry > report.anchor else 0.0
    return float(np.sqrt(index * index * years + step))


def _ladder(expiry: date, deviation: float, spot: float, step: float) -> pl.DataFrame:
    """`expiry` and `strike`: the listed strikes within four deviations of the spot."""
    reach = RANGE_DEVIATIONS * deviation
    low = max(np.floor(spot * np.exp(-reach) / step), 1.0)
    high = np.ceil(spot * np.exp(reach) / step)
    strikes = np.arange(low, high + 1.0) * step
    return pl.DataFrame({"strike": strikes}).select(expiry=pl.lit(expiry), strike="strike")
