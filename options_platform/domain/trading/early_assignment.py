"""Early assignment: which sold contracts are exercised by their holders before they expire.

Option holders know the next ex-date and dividend in advance, so this model of the market asks for
the dividend of the next session. The platform's own decisions never do: exits use the expected
dividend only (:mod:`options_platform.domain.trading.exits.ex_dividend`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain import (
    ChainRules,
    Quotes,
    Underlying,
    option_sign,
    quote,
    years_of,
)
from options_platform.domain.pricing import CALL, PUT, intrinsic_value
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class AssignmentRules:
    """Conditions under which the holder of a short leg exercises early, in a backtest and at the
    simulated broker.

    An in-the-money call is exercised on the session before the ex-date if the put of the same
    strike costs less than the dividend. Any in-the-money option is exercised if its absolute delta
    is at least `min_delta` and its time value at most `max_extrinsic_usd` (USD a share). The shares
    are closed in the next session; if that is an ex-date, short ones owe the dividend and long ones
    receive it.
    """

    enabled: bool = True
    min_delta: float = 0.97
    max_extrinsic_usd: float = 0.01


def has_no_time_value(
    mid: Floats, intrinsic: Floats, delta: Floats, rules: AssignmentRules
) -> Bools:
    """Which options in the money are exercised whatever dividends come; prices in USD a share."""
    nothing_left = mid <= intrinsic + rules.max_extrinsic_usd + 1e-9
    return np.asarray((intrinsic > 0) & (np.abs(delta) >= rules.min_delta) & nothing_left)


def put_mids(underlying: Underlying, strike: Floats, years: Floats, rules: ChainRules) -> Floats:
    """The mids of the puts of calls: a call is exercised for a dividend that is larger."""
    return quote(underlying, strike, years, np.full(strike.shape, PUT), rules).mid


@dataclass(frozen=True)
class ExerciseTerms:
    """What the holder of a sold contract goes by at a close.

    `is_deep`: it is exercised whatever comes; else if the dividend of the next session is above
    `least_dividend_usd` (USD a share), infinite for what no dividend makes worth exercising.
    """

    is_deep: bool
    least_dividend_usd: float

    def is_exercised(self, dividend_usd: float) -> bool:
        """Whether it is exercised in the night before a session that pays `dividend_usd`."""
        return self.is_deep or dividend_usd > self.least_dividend_usd


def exercise_terms(
    legs: Sequence[OrderLeg],
    session: date,
    close: MarketClose,
    chain: ChainRules,
    rules: AssignmentRules,
) -> list[ExerciseTerms]:
    """The terms of each of `legs`, contracts of one ticker that trade on after `session`."""
    strike = np.array([leg.strike for leg in legs])
    sign = option_sign(np.array([leg.right for leg in legs]))
    years = years_of(np.array([(leg.expiry - session).days for leg in legs]))
    underlying = close.underlying(session, len(legs))
    quotes: Quotes = quote(underlying, strike, years, sign, chain)
    intrinsic = intrinsic_value(underlying.spot, strike, sign)
    may = rules.enabled & ~underlying.european
    deep = may & has_no_time_value(quotes.mid, intrinsic, quotes.greeks.delta, rules)
    for_dividend = may & (sign == CALL) & (intrinsic > 0)
    least = np.where(for_dividend, put_mids(underlying, strike, years, chain), np.inf)
    return [ExerciseTerms(*terms) for terms in zip(deep.tolist(), least.tolist(), strict=True)]
