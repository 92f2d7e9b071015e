"""The policy of expiry: when positions leave, and what an account that keeps them must carry.

Backtest, daily run and simulated broker go by it. Options of ETFs settle in shares, and a broker
closes on expiry day itself what it deems at risk (Alpaca from 15:30 New York on), so by default
nothing is held that long. Whatever is, settles by what is in the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import OrderLeg

SHARES = 100
LEAST_USD = 0.01
"""From this on an option in the money is exercised at expiry without being asked for."""


@dataclass(frozen=True)
class ExpiryRules:
    """Positions are closed in the last session before their first expiry.

    With `hold_to_expiry` they are kept into it, which a backtest settles in cash at what is in the
    money, and says so. Orders are sent for such a position only where the account can carry the
    shares that it may settle in; what it can no longer carry is closed as by default.
    """

    hold_to_expiry: bool = False

    def last_decision(self, expiry: date) -> date | None:
        """The close at which leaving is decided at the latest; None if positions are held.

        The order works in the next session, which is the last one before the expiry.
        """
        return None if self.hold_to_expiry else shift(expiry, -2)

    def is_too_late(self, planned_on: date, expiry: date) -> bool:
        """Whether an entry planned at that close would fill too late to leave before its expiry."""
        last = self.last_decision(expiry)
        return last is not None and shift(planned_on, 1) > last


@dataclass(frozen=True)
class Outcome:
    """How an option ends: with the shares that it brings, negative if they are delivered.

    `kind` is OPEXP (expired worthless), OPEXC (exercised) or OPASN (assigned), as brokers say.
    """

    kind: str
    shares: int


def outcome_of(quantity: int, right: str, strike: float, spot: float) -> Outcome:
    """How `quantity` contracts of an option end, sold ones negative, with the stock at `spot`."""
    sign = 1 if right == "call" else -1
    if round(sign * (spot - strike), 6) < LEAST_USD:
        return Outcome("OPEXP", 0)
    return Outcome("OPEXC" if quantity > 0 else "OPASN", sign * quantity * SHARES)


def early_assignment(quantity: int, right: str) -> Outcome:
    """How `quantity` sold contracts, below 0, end that are assigned before they expire."""
    return Outcome("OPASN", (1 if right == "call" else -1) * quantity * SHARES)


@dataclass(frozen=True)
class Delivery:
    """The most that settling a position may take: USD of cash, and shares to deliver."""

    cash_usd: float
    shares: int


def delivery(legs: Sequence[OrderLeg], contracts: int) -> Delivery:
    """The most that `contracts` spreads may take at their first expiry, wherever the stock ends.

    Legs that expire later bring no shares then.
    """
    first = min(leg.expiry for leg in legs)
    expiring = [leg for leg in legs if leg.expiry == first]
    strikes = sorted({leg.strike for leg in expiring})
    between = [(low + high) / 2.0 for low, high in pairwise(strikes)]
    cash, shares = 0.0, 0
    for spot in (strikes[0] / 2.0, *between, strikes[-1] * 2.0):
        moves = [
            (leg, outcome_of(leg.signed_ratio * contracts, leg.right, leg.strike, spot).shares)
            for leg in expiring
        ]
        cash = max(cash, sum(count * leg.strike for leg, count in moves))
        shares = max(shares, -sum(count for _, count in moves))
    return Delivery(cash, shares)
