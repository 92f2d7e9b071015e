"""What of the account still covers its sold contracts, whatever else works at the same time."""

from __future__ import annotations

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.orders import SHARES, Order, OrderLeg, shares_leg
from options_platform.domain.trading.positions import Position


def cover_left(ledger: Ledger, position: Position) -> dict[str, int]:
    """The contracts and shares, by symbol, that cover sold ones while `position` is closed.

    What other positions are selling or exercising covers nothing any more, whichever of them comes
    first. An exit of whole spreads buys back what it uncovers, so it is left out.
    """
    left = dict(ledger.statement().to_be_covered)
    for order in ledger.unsettled_orders():
        if order.position_id != position.position_id:
            for symbol, count in _taken(order).items():
                left[symbol] = left.get(symbol, 0) + count
    return left


def change_by_exercise(ticker: str, leg: OrderLeg, contracts: int) -> dict[str, int]:
    """What exercising `contracts` of a bought leg does to the account, by symbol.

    A put delivers shares, a call receives them.
    """
    shares = SHARES * contracts * (-1 if leg.right == "put" else 1)
    return {leg.symbol(ticker): -contracts, shares_leg("buy").symbol(ticker): shares}


def _taken(order: Order) -> dict[str, int]:
    """What an order may still take from the account that covers sold contracts, by symbol."""
    if order.purpose == "exercise":
        # No activity has reported it yet, so the ledger still holds the contract.
        if order.status == "intent":
            return {}
        return change_by_exercise(order.ticker, order.legs[0], order.remaining)
    is_sale = order.purpose == "exit" and all(
        leg.side == "sell" and not leg.is_shares for leg in order.legs
    )
    if not is_sale:
        return {}
    return {leg.symbol(order.ticker): -leg.ratio * order.remaining for leg in order.legs}
