"""The grid of prices that a broker takes orders at.

Orders of several legs move by a cent. A single option of the penny classes does too; of every other
class it moves by 0.05 USD below 3 USD and by 0.10 from there on, which exchanges take in each class
(those of the penny program take 0.01 and 0.05 as well). An order between is refused. Source:
https://alpaca.markets/support/options-pricing-increments-and-options-order-handling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from options_platform.domain.trading.orders.order import OrderLeg

TICK_USD = 0.01
NICKEL_USD, DIME_USD = 0.05, 0.10
DIME_FROM_USD = 3.0
PENNY_CLASSES = frozenset({"SPY", "QQQ", "IWM"})
"""Roots whose options trade by the cent at any price."""
SLACK = 1e-9


def down_to_tick(price: float, tick: float = TICK_USD) -> float:
    """The price rounded to the tick in the order's favour, USD a share."""
    return round(math.floor(price / tick + SLACK) * tick, 10)


def has_own_grid(ticker: str, legs: Sequence[OrderLeg]) -> bool:
    """Whether an order for `legs` of a ticker has a coarser grid than cents."""
    (leg, *others) = legs
    return not others and not leg.is_shares and (leg.root or ticker) not in PENNY_CLASSES


def on_grid(price: float, *, sells: bool) -> float:
    """A price of a single option, USD a share, on its grid, rounded towards being filled.

    In the convention of orders (debit positive): what `sells` asks a smaller amount, though never
    below the smallest that there is, and what buys pays more.
    """
    tick = NICKEL_USD if abs(price) < DIME_FROM_USD - SLACK else DIME_USD
    rounded = round(math.ceil(price / tick - SLACK) * tick, 10)
    return min(rounded, -NICKEL_USD) if sells else max(rounded, NICKEL_USD)
