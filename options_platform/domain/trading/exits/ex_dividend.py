"""Short calls before an ex-date: closed where their holders gain by exercising for the dividend.

The holder of a call in the money gives up its time value by exercising it and gets the dividend,
so a call with less time value than that is exercised in the last session before the ex-date. The
rule knows no more than the dividend that is to be expected on the day
(`domain/market/ex_dates.py`), whose ex-date is uncertain, so it asks some sessions
around it: of 127 ex-dates of SPY and QQQ from 2007 to 2024, 123 came between five sessions before
the expected one and ten after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain import ChainRules
from options_platform.domain.pricing import CALL, intrinsic_value
from options_platform.domain.trading.fill_prices import AT_MID, LEG_SIDES, MarketClose, leg_prices
from options_platform.domain.trading.orders import OrderLeg

TO_LEAVE = 2
"""Sessions from a close to the first ex-date that an order decided at it still comes before."""


@dataclass(frozen=True)
class ExDividendRules:
    """When a short call in the money with less time value than the next dividend is closed.

    Asked while the ex-date may follow the session in which the exit works: from `early_sessions`
    before the expected one until it has passed, or until it is `late_sessions` overdue.
    """

    enabled: bool = True
    early_sessions: int = 5
    late_sessions: int = 10

    def __post_init__(self) -> None:
        if self.early_sessions < 0 or self.late_sessions < 0:
            raise ValueError("early_sessions and late_sessions must not be negative")

    def dividend_due(self, amount: Any, sessions_ahead: Any) -> Floats:
        """The dividend to fear at a close, USD a share; 0 outside the window and where NaN."""
        ahead, paid = np.asarray(sessions_ahead, dtype=float), np.asarray(amount, dtype=float)
        near = (ahead <= self.early_sessions + TO_LEAVE) & (ahead >= -self.late_sessions)
        return np.where(self.enabled & near & (paid > 0), paid, 0.0)


def calls_to_close(
    side: Floats, sign: Floats, strike: Floats, spot: Floats, mid: Floats, dividend: Floats
) -> NDArray[np.bool_]:
    """Which legs are short calls in the money with less time value than `dividend`.

    Arrays of one shape, or such as broadcast to it; `side` is negative where sold, `sign` positive
    for a call, all prices USD a share.
    """
    time_value = mid - intrinsic_value(spot, strike, sign)
    is_short_call = (side < 0) & (sign > 0)
    return is_short_call & (spot > strike) & (dividend > 0) & (time_value < dividend)


def before_ex_date(
    legs: Sequence[OrderLeg],
    session: date,
    market: MarketClose,
    chain: ChainRules,
    rules: ExDividendRules,
) -> bool:
    """Whether a position of `legs` has a call to close at the close of `session`."""
    coming = market.next_dividend
    if coming is None:
        return False
    sold = [leg for leg in legs if (leg.side, leg.right) == ("sell", "call")]
    alive = [leg for leg in sold if leg.expiry > session]
    if not alive:
        return False
    to_close = calls_to_close(
        np.full(len(alive), LEG_SIDES["sell"]),
        np.full(len(alive), CALL),
        np.array([leg.strike for leg in alive]),
        np.full(len(alive), market.spot),
        leg_prices(alive, session, market, chain, AT_MID),
        rules.dividend_due(coming.amount, coming.sessions_ahead),
    )
    return bool(to_close.any())
