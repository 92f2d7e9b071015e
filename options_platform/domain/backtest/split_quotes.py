"""Quotes of the contracts that whole splits have made of planned ones.

Prices, strikes and greeks are on the basis of the planning day, as in
:mod:`options_platform.domain.backtest.paths`; `splits` are the contracts for each planned one, and
broadcast. Without a split nothing changes by a bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain import ChainRules, Quotes, Underlying, quote
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.splits import adjusted_leg


def strikes_after(strike: Floats, splits: Floats) -> Floats:
    """Strikes as the clearing house rounds them after a split: to the cent of the new ones."""
    return np.where(splits > 1.0, np.round(strike / splits, 2) * splits, strike)


def quoted_after(
    underlying: Underlying,
    strike: Floats,
    years: Floats,
    sign: Floats,
    rules: ChainRules,
    splits: Floats,
) -> Quotes:
    """As :func:`quote`, with the widths and ticks of the prices after a split."""
    traded = replace(underlying, spot=underlying.spot / splits)
    new = quote(traded, strike / splits, years, sign, rules)
    if not (splits > 1.0).any():
        return new
    greeks = new.greeks
    # What is in USD a share is a whole multiple on the old basis, what is per USD a fraction.
    by_share = {
        name: getattr(greeks, name) * splits for name in ("price", "theta", "vega", "rho", "vomma")
    }
    return replace(
        new,
        strike=strike,
        bid=new.bid * splits,
        mid=new.mid * splits,
        ask=new.ask * splits,
        greeks=replace(greeks, gamma=greeks.gamma / splits, **by_share),
    )


def legs_after(legs: tuple[OrderLeg, ...], split: float) -> tuple[OrderLeg, ...]:
    """The legs of one spread after whole splits."""
    return legs if split == 1.0 else tuple(adjusted_leg(leg, int(split)) for leg in legs)
