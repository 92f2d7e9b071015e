"""What legs are worth by the model at the present spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.fills import AT_MID, MarketClose, net_price
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
    """What `legs` are worth on `day` with the underlying at `spot`, USD a share, debit positive.

    Volatility within a session is not known, but it is no less than that of `close`, the close
    before, after a fall: one end of the band has that one, the other has what the fall may have
    added. Without a fall both are the same.
    """
    fall = max(0.0, 1.0 - spot / close.spot)
    bounds = bounds_of(legs)
    values = [
        bounds.kept(
            net_price(
                legs,
                day,
                replace(close, spot=spot, implied_vol=close.implied_vol * (1.0 + more)),
                chain,
                AT_MID,
            )
        )
        for more in (0.0, rules.vol_beta * fall)
    ]
    return Band(min(values), max(values))
