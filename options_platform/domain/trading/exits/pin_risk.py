"""Pin risk: short legs near the money are closed some sessions before their expiry.

Near the strike, and near the expiry, a small move decides whether a sold option ends in the money:
its gamma is at its highest, its holder may exercise early, and what the account would hold the next
morning is not known. Far from the strike none of that is in doubt. Near is measured by the expected
move up to the expiry, since 1% of the spot is much in a calm week and nothing in a wild one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import years_of
from options_platform.domain.trading.fill_prices import LEG_SIDES, MarketClose
from options_platform.domain.trading.orders import OrderLeg


@dataclass(frozen=True)
class PinRiskRules:
    """When a position with a short leg near the money is closed before its expiry.

    Asked at closes from `sessions` sessions before the leg's expiry on; 0 asks never. Near is a
    strike within `moves` expected moves of the spot, in or out of the money. The expected move is
    that up to the expiry: spot x volatility index x sqrt(T).
    """

    sessions: int = 4
    moves: float = 1.0

    def __post_init__(self) -> None:
        if self.sessions < 0:
            raise ValueError("pin_risk.sessions must not be negative")
        if not self.moves > 0.0:
            raise ValueError(f"pin_risk.moves must be positive, not {self.moves:g}")

    def asked_from(self, expiry: date) -> date | None:
        """The first session at whose close a leg of that expiry is asked; None for never."""
        return shift(expiry, -self.sessions) if self.sessions else None


def near_the_money(
    side: Floats, strike: Floats, spot: Floats, index: Floats, years: Floats, moves: float
) -> NDArray[np.bool_]:
    """Which legs are short and within `moves` expected moves of the spot.

    Arrays of one shape, or such as broadcast to it; `side` is negative where sold, prices are USD a
    share, `index` is an annualised fraction, `years` the time to the expiry. A spot or an index
    that is not known (NaN) is near nothing.
    """
    expected = spot * index * np.sqrt(years)
    return (side < 0) & (np.abs(strike - spot) <= moves * expected)


def at_pin_risk(
    legs: Sequence[OrderLeg], session: date, market: MarketClose, rules: PinRiskRules
) -> bool:
    """Whether a position of `legs` has a short leg to leave at the close of `session`."""
    asked = [
        leg
        for leg in legs
        if leg.side == "sell"
        and not leg.is_shares
        and leg.expiry > session
        and (first := rules.asked_from(leg.expiry)) is not None
        and session >= first
    ]
    if not asked:
        return False
    near = near_the_money(
        np.full(len(asked), LEG_SIDES["sell"]),
        np.array([leg.strike for leg in asked]),
        np.array(market.spot),
        np.array(market.implied_vol),
        years_of(np.array([(leg.expiry - session).days for leg in asked])),
        rules.moves,
    )
    return bool(near.any())
