"""Bid-ask width of synthetic quotes, by ticker, hour, vega, tenor and volatility.

    width = level x (vega / 0.1)^by_vega x (atm / 0.20)^by_vol x (T / 30 days)^by_term

in USD a share, with vega in USD a vol point and atm the at-the-money volatility of the expiry. Vega
carries the delta, the price of the share and most of the tenor. The level is that of the ticker
and the hour: within the session, or at and after the close, when market makers quote wider.

`python -m tools.calibrate_widths FOLDER` fits the numbers again. The likelihood is that of the
quoted width, which is a whole number of ticks, so that rounding is counted once: where it is
quoted, not also where it is fitted. docs/synthetic-chains.md has the ratio of real to quoted widths
with each chain left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats
from options_platform.contracts.funds import INDEX_FUNDS
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import DAYS_A_YEAR

HOURS = ("session", "close")
VEGA_AT, VOL_AT, DAYS_AT = 0.1, 0.20, 30.0
SMALLEST_VEGA = 1e-4


@dataclass(frozen=True)
class Levels:
    """Widths of a ticker's options of vega 0.1, 20% volatility and 30 days, USD a share."""

    session: float
    close: float
    by_vol: float


SPY = Levels(session=0.0111, close=0.0261, by_vol=1.5)
QQQ = Levels(session=0.0149, close=0.0350, by_vol=1.5)
"""At the close QQQ is not observed: the ratio of close to session is that of SPY."""
STOCK = Levels(session=0.0240, close=0.0734, by_vol=0.5)
"""AAPL and NVDA. How a stock's width moves with its volatility is assumed: one session does not
show it."""
LEVELS: Mapping[str, Levels] = dict.fromkeys(INDEX_FUNDS, QQQ) | {"SPY": SPY}
"""Any other ticker is a stock. Funds other than SPY and QQQ are not observed, and taken to be like
QQQ."""
BY_VEGA, BY_TERM = 0.708, 0.060


@dataclass(frozen=True)
class WidthRules:
    """The hour whose widths are quoted, and the powers of vega and tenor.

    Raises ValueError for another hour than `session` or `close`.
    """

    hour: str = "close"
    by_vega: float = BY_VEGA
    by_term: float = BY_TERM

    def __post_init__(self) -> None:
        if self.hour not in HOURS:
            raise ValueError(f"the hour of a width is {' or '.join(HOURS)}, not {self.hour!r}")


def quoted_width(
    underlying: Underlying, vega: Floats, years: Floats, atm: Floats, rules: WidthRules
) -> Floats:
    """The width before it is rounded to ticks, USD a share; the arguments broadcast.

    `vega` is in USD a vol point, `years` the time to expiry, `atm` an annualised fraction.
    """
    levels = [LEVELS.get(name, STOCK) for name in underlying.names]
    level = np.array([getattr(own, rules.hour) for own in levels])[underlying.ticker]
    by_vol = np.array([own.by_vol for own in levels])[underlying.ticker]
    width = (
        level
        * np.power(np.maximum(vega, SMALLEST_VEGA) / VEGA_AT, rules.by_vega)
        * np.power(atm / VOL_AT, by_vol)
        * np.power(years * DAYS_A_YEAR / DAYS_AT, rules.by_term)
    )
    return np.asarray(width, dtype=np.float64)
