"""Whole splits of a stock: what the clearing house makes of open contracts.

After a split of n new shares for one, a contract at strike K becomes n contracts at K / n, rounded
to the cent, each for 100 new shares. So a position keeps what it cost, what it may lose and what it
has brought in USD, and its prices a share are divided by n. Other ratios give contracts that
deliver something else, under another root.
"""

from __future__ import annotations

from dataclasses import replace

from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position


def adjusted_strike(strike: float, ratio: int) -> float:
    """The strike of a contract after a whole split, USD, to the cent."""
    return round(strike / ratio, 2)


def adjusted_leg(leg: OrderLeg, ratio: int) -> OrderLeg:
    """The leg after a whole split: a contract at its new strike, `ratio` times the shares."""
    if leg.is_shares:
        return replace(leg, ratio=leg.ratio * ratio)
    return replace(leg, strike=adjusted_strike(leg.strike, ratio))


def adjusted_position(position: Position, ratio: int) -> Position:
    """The position after a whole split; all its amounts in USD stay as they are."""
    exit_price = position.exit_price
    return replace(
        position,
        legs=tuple(adjusted_leg(leg, ratio) for leg in position.legs),
        contracts=position.contracts * ratio,
        entry_price=position.entry_price / ratio,
        mark_price=position.mark_price / ratio,
        exit_price=None if exit_price is None else exit_price / ratio,
        closed_contracts=position.closed_contracts * ratio,
        broken_contracts=position.broken_contracts * ratio,
        loose=tuple(_more(adjusted_leg(leg, ratio), ratio) for leg in position.loose),
    )


def _more(leg: OrderLeg, ratio: int) -> OrderLeg:
    """A loose leg has its number of contracts as its ratio; of shares it is adjusted already."""
    return leg if leg.is_shares else replace(leg, ratio=leg.ratio * ratio)
