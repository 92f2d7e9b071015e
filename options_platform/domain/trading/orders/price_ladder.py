"""The prices of an order's attempts: from the fair one in steps to the worst, never beyond.

A spread is never sent as a market order: its legs are quoted wide, and a market order pays any
price. Which price comes next is in `domain/trading/repricing.py`, the worst price of an exit in
`domain/valuation/offers.py`. In the convention of
:class:`~options_platform.domain.trading.orders.order.Order` (debit positive, credit negative) a
worse price is always a higher one, for debits and credits alike, so the worst of a ladder is its
highest.
"""

from __future__ import annotations

from dataclasses import dataclass

from options_platform.domain.trading.orders.bounds import bounds_of
from options_platform.domain.trading.orders.increments import (
    SLACK,
    TICK_USD,
    down_to_tick,
    has_own_grid,
    on_grid,
)
from options_platform.domain.trading.orders.order import OrderLeg, Purpose


@dataclass(frozen=True)
class LadderRules:
    """How orders are worked.

    `rungs` prices, each kept for `rung_seconds`; an entry gives way by up to
    `entry_concession` of its fair price, an exit by up to `exit_concession` and at least by
    `exit_concession_usd` a share: what is nearly worthless has to be closed too. An exit never
    leaves the bounds of what its legs can be worth, and legs that bring money never end below one
    cent a share, also where they are worth nothing: at 0.00 a position is given away. The prices of
    a single option are on its grid (:mod:`.increments`), rounded towards being filled. Shares give
    way by `shares_concession` of their price. The last rung rests until the order expires.
    """

    rungs: int = 4
    rung_seconds: float = 120.0
    entry_concession: float = 0.08
    exit_concession: float = 0.40
    exit_concession_usd: float = 0.10
    shares_concession: float = 0.01

    def __post_init__(self) -> None:
        if self.rungs < 1:
            raise ValueError("a ladder has at least one rung")
        if not self.rung_seconds > 0:
            raise ValueError("a rung lasts more than 0 seconds")
        if not (0 <= self.entry_concession < 1 and 0 <= self.exit_concession < 1):
            raise ValueError("a concession is a share of the fair price, from 0 to below 1")
        if not 0 <= self.shares_concession < 1:
            raise ValueError("shares_concession is a share of the price, from 0 to below 1")
        if self.exit_concession_usd < 0:
            raise ValueError("exit_concession_usd is not negative")

    def prices(
        self, ticker: str, purpose: Purpose, fair_price: float, legs: tuple[OrderLeg, ...]
    ) -> list[float]:
        """The prices of an order's attempts, USD a share, from the fair one to the worst.

        `legs` are the order's; those of an exit bound its prices.
        """
        if purpose == "entry":
            return ladder(fair_price, self.entry_concession * abs(fair_price), self.rungs)
        if any(leg.is_shares for leg in legs):
            return ladder(fair_price, self.shares_concession * abs(fair_price), self.rungs)
        worst = worst_of_exit(fair_price, legs)
        first = min(bounds_of(legs).kept(fair_price), worst)
        give = max(self.exit_concession * abs(first), self.exit_concession_usd)
        prices = ladder(first, min(first + give, worst) - first, self.rungs, keep_sign=False)
        if has_own_grid(ticker, legs):
            return sorted({on_grid(price, sells=legs[0].side == "sell") for price in prices})
        return prices

    def concession_of_entry(self, limit_price: float) -> float:
        """What the last rung of an entry costs beyond its limit, USD a share; never negative."""
        prices = ladder(limit_price, self.entry_concession * abs(limit_price), self.rungs)
        return max([0.0, *(price - limit_price for price in prices)])


def worst_of_exit(fair_price: float, legs: tuple[OrderLeg, ...]) -> float:
    """The highest price that an exit may be filled at, USD a share; infinite without a bound.

    `legs` are the order's. They cost no more than they can be worth; what brings money, or can cost
    none, brings a cent or more.
    """
    bounds = bounds_of(legs)
    brings_money = bounds.low < 0.0 >= bounds.high or bounds.kept(fair_price) < 0.0
    return min(bounds.high, -TICK_USD) if brings_money else bounds.high


def ladder(
    fair_price: float,
    give_usd: float,
    rungs: int,
    *,
    keep_sign: bool = True,
    tick: float = TICK_USD,
) -> list[float]:
    """Prices from the fair one to `give_usd` above it, USD a share.

    Rounded to the tick in the order's favour, strictly rising, at most `rungs` of them. With
    `keep_sign` a credit stays a credit.
    """
    worst = fair_price + give_usd
    prices: list[float] = []
    for rung in range(rungs):
        share = rung / (rungs - 1) if rungs > 1 else 0.0
        price = down_to_tick(fair_price + share * (worst - fair_price), tick)
        if keep_sign and fair_price < 0 and price > -tick + SLACK:
            break
        if not prices or price > prices[-1] + SLACK:
            prices.append(price)
    return prices
