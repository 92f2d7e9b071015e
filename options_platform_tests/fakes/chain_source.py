"""The simulated market with option chains and earnings; sessions can be removed."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.optimize import brentq

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA, SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.chain import ChainRules, Underlying, atm_vol, option_sign, quote
from options_platform.domain.chain.occ_symbols import symbol_expr
from options_platform.errors import SourceError

STRIKES = np.arange(0.80, 1.2001, 0.02)


class ChainSource(SimulatedSource):
    """A simulated source with chains that differ from the synthetic surface."""

    def __init__(self, seed: int = 7, *, without: frozenset[date] = frozenset()) -> None:
        super().__init__(seed)
        self.info = replace(self.info, kinds=self.info.kinds | {"chain", "earnings"})
        self.without = set(without)
        self.asked: list[tuple[date, str]] = []

    def option_chain(self, ticker, session, now):
        self.asked.append((session, ticker))
        if session in self.without:
            raise SourceError(f"no stored chain of {ticker} for {session}")
        spot = self.bars(ticker, session, session)["close"][0]
        atm = self.index_bars("VIX", session, session)["close"][0] / 100.0
        return synthetic_chain(ticker, session, spot, atm)

    def earnings(self, ticker, start, end):
        years = range(start.year, end.year + 1)
        days = [date(year, 1, 28) + timedelta(days=91 * n) for year in years for n in range(4)]
        kept = [day for day in days if start <= day <= end]
        return pl.DataFrame(
            {
                "date": kept,
                "ticker": ticker,
                "timing": "after_close",
                "eps_estimate": 1.0,
                "eps_reported": None,
                "source": "simulated",
            },
            schema=EARNINGS_SCHEMA,
        )


def synthetic_chain(ticker, session, spot, atm, *, rules=None):
    """A chain in the port's schema, quoted off the synthetic surface at the close.

    `atm` is the volatility at the money in 30 days.
    """
    rules = rules or ChainRules()
    index = _index_for(ticker, session, atm, rules)
    grid = pl.DataFrame({"expiry": listed_expiries(ticker, session)}).join(
        pl.DataFrame({"strike": np.round(spot * STRIKES)}).unique(maintain_order=True), how="cross"
    )
    grid = grid.join(pl.DataFrame({"right": ["call", "put"]}), how="cross")
    years = (grid["expiry"] - session).dt.total_days().to_numpy() / 365.0
    quotes = quote(
        Underlying.of(ticker, session, np.full(grid.height, spot), np.full(grid.height, index)),
        grid["strike"].to_numpy(),
        years,
        option_sign(grid["right"].to_numpy().astype(str)),
        rules,
    )
    frame = grid.with_columns(
        ticker=pl.lit(ticker),
        bid=quotes.bid,
        ask=quotes.ask,
        spot=pl.lit(spot),
        source=pl.lit("simulated"),
        source_iv=quotes.iv,
        contract_symbol=symbol_expr(
            pl.lit(ticker), pl.col("expiry"), pl.col("right"), pl.col("strike")
        ),
    )
    missing = [name for name in SOURCE_CHAIN_SCHEMA if name not in frame.columns]
    return (
        frame.with_columns(pl.lit(None).alias(name) for name in missing)
        .select(SOURCE_CHAIN_SCHEMA.names())
        .cast(dict(SOURCE_CHAIN_SCHEMA))
    )


def _index_for(ticker, session, atm, rules):
    """The 30-day index at which the surface has `atm` at the money in 30 days."""

    def excess(index):
        underlying = Underlying.of(ticker, session, np.array([100.0]), np.array([index]))
        return atm_vol(underlying, np.array([30 / 365]), rules.surface)[0] - atm

    return brentq(excess, atm / 2, 3 * atm, xtol=1e-12)
