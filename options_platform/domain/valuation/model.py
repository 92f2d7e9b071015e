"""Model value of legs at the current spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.fill_prices import AT_MID, MarketClose, net_price
from options_platform.domain.trading.orders import OrderLeg, bounds_of
from options_platform.domain.valuation.band import Band
from options_platform.domain.valuation.rules import ValuationRules


def modelled(
    legs: Sequence[OrderLeg],
    day: date,
    close: MarketClose,
    spot: float,
    chain: ChainRules,
    rules: ValuationRules,
) -> Band:
    """Range of the model value of `legs` on `day` at `spot`, USD a share, debit positive.

    Intraday implied volatility is unknown. After a fall of the underlying it is assumed to be at
    least that of `close`, the previous close, and at most that plus `rules.vol_beta` times the
    fall; these two volatilities give the band. Without a fall both ends are equal.
    """
    fall = max(0.0, 1.0 - spot / close.spot)
    bounds = bounds_of(legs)
    values = [
        bounds.kept(
            net_price(
                legs,
                day,
                replace(close, spot=spot, implied_vol=close.implied_vol * (1.0 + vol_increase)),
                chain,
                AT_MID,
            )
        )
        for vol_increase in (0.0, rules.vol_beta * fall)
    ]
    return Band(min(values), max(values))
