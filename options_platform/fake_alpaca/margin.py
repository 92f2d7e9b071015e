"""Buying power for options: cash, less what open contracts and resting orders may lose.

Alpaca requires of the contracts of a stock the most that they can lose together at their expiry
("Universal Spread Rule"), whatever pairs they were traded in. Contracts without cover are refused
elsewhere, so every loss has a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from options_platform.fake_alpaca.answers import Json, number
from options_platform.fake_alpaca.symbols import SHARES, Contract, contract_of

SIGNS = {"buy": 1, "sell": -1}


def requirement_usd(quantities: Mapping[str, float]) -> float:
    """The most that the contracts among `quantities` can cost at their expiry, USD, 0 or more."""
    by_root: dict[str, list[tuple[Contract, float]]] = {}
    for symbol, quantity in quantities.items():
        contract = contract_of(symbol)
        if contract is not None:
            by_root.setdefault(contract.root, []).append((contract, quantity))
    return sum(_worst_usd(members) for members in by_root.values())


def order_usd(order: Json) -> float:
    """The buying power that an order takes, USD: none for one that only closes, or for shares."""
    legs: list[Json] = order["legs"] or [order]
    if all(str(leg["position_intent"]).endswith("_to_close") for leg in legs):
        return 0.0
    left = number(order["qty"]) - number(order["filled_qty"])
    quantities = {
        leg["symbol"]: SIGNS[leg["side"]] * left * int(leg.get("ratio_qty") or 1) for leg in legs
    }
    if not any(contract_of(symbol) for symbol in quantities):
        return 0.0
    sign = 1 if order["legs"] else SIGNS[order["side"]]
    paid_usd = sign * float(order["limit_price"]) * left * SHARES
    return max(0.0, paid_usd + requirement_usd(quantities))


def buying_power_usd(
    cash_usd: float, quantities: Mapping[str, float], working: Iterable[Json]
) -> float:
    """What is left for another order, USD, 0 or more."""
    resting = sum(order_usd(order) for order in working)
    return max(0.0, cash_usd - requirement_usd(quantities) - resting)


def _worst_usd(members: list[tuple[Contract, float]]) -> float:
    """Between its strikes a payoff is linear, so it is lowest at a strike, or at a spot of 0."""
    spots = [0.0, *(contract.strike for contract, _ in members)]
    payoffs = [
        sum(
            quantity * SHARES * max(0.0, (1 if own.right == "call" else -1) * (spot - own.strike))
            for own, quantity in members
        )
        for spot in spots
    ]
    return max(0.0, -min(payoffs))
