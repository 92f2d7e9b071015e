"""At which prices an order is worked: from the fair one in steps to a floor, never beyond.

A spread is never sent as a market order: its legs are quoted wide, and a market order pays any
price. In the convention of :class:`~options_platform.domain.orders.order.Order` (debit positive,
credit negative) a worse price is always a higher one, for debits and credits alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TICK_USD = 0.01
SLACK = 1e-9


@dataclass(frozen=True)
class LadderRules:
    """How orders are worked.

    `rungs` prices, each standing for `rung_seconds`; an entry gives way by up to
    `entry_concession` of its fair price, an exit by up to `exit_concession`. The last rung stands
    until the order expires.
    """

    rungs: int = 4
    rung_seconds: float = 120.0
    entry_concession: float = 0.08
    exit_concession: float = 0.40

    def __post_init__(self) -> None:
        if self.rungs < 1:
            raise ValueError("a ladder has at least one rung")
        if not self.rung_seconds > 0:
            raise ValueError("a rung stands for more than 0 seconds")
        if not (0 <= self.entry_concession < 1 and 0 <= self.exit_concession < 1):
            raise ValueError("a concession is a share of the fair price, from 0 to below 1")


def ladder(fair_price: float, concession: float, rungs: int, tick: float = TICK_USD) -> list[float]:
    """The prices of an order's attempts, USD a share, from the fair one to the floor.

    Rounded to the tick in the order's favour, strictly rising, at most `rungs` of them. A credit
    stays a credit and a debit a debit.
    """
    floor = fair_price + concession * abs(fair_price)
    found: list[float] = []
    for rung in range(rungs):
        share = rung / (rungs - 1) if rungs > 1 else 0.0
        price = _down_to_tick(fair_price + share * (floor - fair_price), tick)
        if fair_price < 0 and price > -tick + SLACK:
            break
        if not found or price > found[-1] + SLACK:
            found.append(price)
    return found


def rung_price(
    fair_price: float, concession: float, rules: LadderRules, attempt: int
) -> float | None:
    """The price of the nth attempt (from 1), or None when the ladder has no more."""
    prices = ladder(fair_price, concession, rules.rungs)
    return prices[attempt - 1] if attempt <= len(prices) else None


def _down_to_tick(price: float, tick: float) -> float:
    return round(math.floor(price / tick + SLACK) * tick, 10)
