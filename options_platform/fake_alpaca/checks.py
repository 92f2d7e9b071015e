"""The orders that the fake Alpaca refuses, with its codes and messages.

Source of codes and messages: Alpaca's documentation, "Error Responses" of options trading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from options_platform.fake_alpaca.answers import Json, Refusal, number, text_of
from options_platform.fake_alpaca.symbols import OCC, SHARES, STOCK, contract_of, uncovered

SIGNS = {"buy": 1, "sell": -1}
OPEN = ("new", "accepted", "partially_filled", "pending_cancel")
MOST_LEGS = 4
INVALID, FORBIDDEN = 42210000, 40310000


@dataclass
class BookRules:
    """Rules of refusal, which differ between accounts and have changed at Alpaca.

    Attributes:
        refuses_uncovered: refuse orders that increase the number of uncovered short contracts.
        strict_intents: refuse legs marked as opening if the account has the other side of the
            contract.
        requires_intents: refuse multi-leg orders with a leg that has no intent.
        refuses_opposite: refuse an order while one in the same contract works on the other side,
            also one whose cancel is pending.
        cash_secured_puts: whether cash covers a short put.
    """

    refuses_uncovered: bool = True
    strict_intents: bool = False
    requires_intents: bool = False
    refuses_opposite: bool = True
    cash_secured_puts: bool = False


class Account(Protocol):
    """The parts of an account that the checks read."""

    rules: BookRules
    orders: dict[str, Json]
    renamed: dict[str, str]
    cash: float

    def quantity(self, symbol: str) -> float:
        """Contracts or shares in the account, short ones negative."""
        ...

    def quantities(self) -> dict[str, float]:
        """All positions by symbol, short ones negative."""
        ...


def invalid(message: str) -> Refusal:
    """The refusal (422) of an invalid order."""
    return Refusal(422, INVALID, message)


def checked_legs(book: Account, body: Json, quantity: float) -> list[Json]:
    """The legs of an order for `quantity`, each with its ratio and intent.

    Raises :class:`Refusal` for an order that breaks a rule.
    """
    several = body.get("order_class") == "mleg"
    legs = _several_legs(body) if several else [_single_leg(body)]
    for at, leg in enumerate(legs):
        _require_asset(book, leg, several=several)
        if several and book.rules.requires_intents and not leg.get("position_intent"):
            raise invalid(f"leg.{at} position intent is required")
        _check_intent(book, leg, several=several)
    if book.rules.refuses_opposite:
        _require_no_opposite(book, legs)
    for leg in legs:
        _require_available(book, leg, quantity * leg["ratio_qty"])
    if book.rules.refuses_uncovered:
        _require_cover(book, legs, quantity)
    return legs


def reserved(book: Account, symbol: str, side: str) -> float:
    """The quantity of a position that open orders will close."""
    return sum(
        (number(order["qty"]) - number(order["filled_qty"])) * int(leg.get("ratio_qty") or 1)
        for order in book.orders.values()
        if order["status"] in OPEN
        for leg in order["legs"] or [order]
        if (leg["symbol"], leg["side"]) == (symbol, side)
        and str(leg["position_intent"]).endswith("_to_close")
    )


def _single_leg(body: Json) -> Json:
    return {
        "symbol": body["symbol"],
        "side": body["side"],
        "ratio_qty": 1,
        "position_intent": body.get("position_intent"),
    }


def _several_legs(body: Json) -> list[Json]:
    legs = [dict(leg) for leg in body.get("legs") or []]
    if not 2 <= len(legs) <= MOST_LEGS:
        raise invalid("mleg orders must have at least 2 legs and at most 4 legs")
    if len({leg["symbol"] for leg in legs}) != len(legs):
        raise invalid("All legs must have unique symbols")
    for leg in legs:
        leg["ratio_qty"] = int(float(leg["ratio_qty"]))
    if math.gcd(*(leg["ratio_qty"] for leg in legs)) != 1:
        raise invalid("leg ratios must be in lowest terms")
    return legs


def _require_asset(book: Account, leg: Json, *, several: bool) -> None:
    symbol = str(leg["symbol"])
    is_stock = not several and STOCK.fullmatch(symbol) is not None
    if leg["side"] not in SIGNS or not (is_stock or OCC.fullmatch(symbol)):
        raise invalid(f"asset not found for {symbol}")
    if symbol in book.renamed:
        raise invalid(f"asset not found for {symbol}")


def _check_intent(book: Account, leg: Json, *, several: bool) -> None:
    quantity = book.quantity(leg["symbol"])
    closes = quantity * SIGNS[leg["side"]] < 0
    inferred = f"{leg['side']}_to_{'close' if closes else 'open'}"
    specified = leg.get("position_intent")
    if specified is None:
        # Only a single leg gets the intent that its position implies.
        leg["position_intent"] = None if several else inferred
    elif specified != inferred and (not closes or not several or book.rules.strict_intents):
        raise invalid(f"position intent mismatch, inferred: {inferred}, specified: {specified}")


def _require_available(book: Account, leg: Json, requested: float) -> None:
    if not str(leg["position_intent"]).endswith("_to_close"):
        return
    existing = abs(book.quantity(leg["symbol"]))
    held_for_orders = reserved(book, leg["symbol"], leg["side"])
    available = max(existing - held_for_orders, 0)
    if requested > available:
        raise Refusal(
            403,
            FORBIDDEN,
            "insufficient qty available for order "
            f"(requested: {text_of(requested)}, available: {text_of(available)})",
            symbol=leg["symbol"],
            available=text_of(available),
            existing_qty=text_of(existing),
            held_for_orders=text_of(held_for_orders),
        )


def _require_no_opposite(book: Account, legs: list[Json]) -> None:
    sides = {leg["symbol"]: leg["side"] for leg in legs}
    for order in book.orders.values():
        if order["status"] in OPEN and any(
            sides.get(leg["symbol"], leg["side"]) != leg["side"] for leg in order["legs"] or [order]
        ):
            raise Refusal(
                403,
                FORBIDDEN,
                "potential wash trade detected. use complex orders",
                existing_order_id=order["id"],
                reject_reason="opposite side limit order exists",
            )


def _require_cover(book: Account, legs: list[Json], quantity: float) -> None:
    before = book.quantities()
    after = dict(before)
    for leg in legs:
        change = SIGNS[leg["side"]] * leg["ratio_qty"] * quantity
        after[leg["symbol"]] = after.get(leg["symbol"], 0) + change
    naked = uncovered(after)
    if book.rules.cash_secured_puts:
        naked = _without_cash(naked, book.cash)
    if sum(naked.values()) > sum(uncovered(before).values()):
        raise Refusal(403, FORBIDDEN, "account not eligible to trade uncovered option contracts")


def _without_cash(naked: dict[str, int], cash_usd: float) -> dict[str, int]:
    """The uncovered short contracts that cash does not secure."""
    unsecured = {}
    for symbol, count in naked.items():
        contract = contract_of(symbol)
        if contract is not None and contract.right == "put":
            needed = contract.strike * SHARES * count
            if needed <= cash_usd:
                cash_usd -= needed
                continue
        unsecured[symbol] = count
    return unsecured
