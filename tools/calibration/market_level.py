"""Errors of chains that are priced on the VIX's level, as a ticker without an own index is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.domain.chain import TermStructure
from tools.calibration.fit import left_out
from tools.calibration.judge import errors, rules_of, spread_prices
from tools.calibration.load import RealChain, closes
from tools.calibration.report import mean_error

SERIES = ("VIX", "VIX9D", "VIX3M", "VIX6M")


def on_the_vix(chains: Sequence[RealChain], folder: Path) -> list[RealChain]:
    """The chains of all tickers but SPY, with the VIX in place of their own index.

    After the end of the series that is the index computed from SPY's chain of the session; a chain
    of a session without either is left out.
    """
    levels = {name: dict(closes(folder, name).iter_rows()) for name in SERIES}
    of_spy = {chain.session: chain for chain in chains if chain.ticker == "SPY"}
    priced = []
    for chain in chains:
        day = chain.session
        if chain.ticker == "SPY":
            continue
        if day in levels["VIX"]:
            tenors = (np.array(levels[name].get(day, np.nan)) for name in SERIES[1:])
            term = TermStructure(*tenors, np.array(chain.rate))
            priced.append(replace(chain, index=levels["VIX"][day], term=term))
        elif day in of_spy:
            priced.append(replace(chain, index=of_spy[day].index, term=of_spy[day].term))
    return priced


def market_errors(chains: Sequence[RealChain], folder: Path) -> pl.DataFrame:
    """How far each chain is priced off on the VIX's level, by the surface without its month.

    Returns:
        ticker, market (month), session, own_index and vix (per cent), points (mean absolute error
        of 10 to 60 delta and 14 to 60 days, vol points), and least_low and most_low: by which share
        the spreads of `judge.SPREADS` were too low, that of the least and the most.
    """
    own = {(chain.ticker, chain.session): chain.index for chain in chains}
    rows = []
    for chain in on_the_vix(chains, folder):
        rules = rules_of(chain.ticker, left_out(chains, chain.market))
        low = 1.0 - pl.col("model") / pl.col("real")
        by_spread = spread_prices(chain, rules).group_by("spread").agg(low=low.mean())["low"]
        rows.append(
            {
                "ticker": chain.ticker, "market": chain.market, "session": chain.session,
                "own_index": 100.0 * own[chain.ticker, chain.session], "vix": 100.0 * chain.index,
                "points": mean_error(errors(chain, rules), "10-60"),
                "least_low": by_spread.min(), "most_low": by_spread.max(),
            }
        )  # fmt: skip
    return pl.DataFrame(rows)
