"""Which sold contracts of an account are covered: by bought ones of the same kind, or shares."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date

from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.trading.orders import SHARES, OrderLeg

SINGLE_LEVEL, SPREAD_LEVEL, UNCOVERED_LEVEL = 2, 3, 4
"""Levels for options as brokers count them: bought ones, spreads, sold ones without cover."""


def uncovered_count(contracts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Sold contracts that nothing covers, by root (without its digits) and right; no zeros.

    `contracts` and shares by symbol, bought ones positive. Bought contracts cover sold ones of
    their root and right that expire no later, and so do 100 shares, held for calls, sold for puts.
    """
    groups: dict[tuple[str, str], list[tuple[date, int]]] = {}
    for symbol, quantity in contracts.items():
        parts = _parts(symbol, quantity)
        if parts is not None:
            root, expiry, right = parts
            groups.setdefault((root, right), []).append((expiry, quantity))
    shares = {s.replace(".", ""): q for s, q in contracts.items()}
    naked = {}
    for (root, right), members in groups.items():
        stock = shares.get(root, 0) * (1 if right == "call" else -1)
        count = _uncovered(members) - max(0, stock) // SHARES
        if count > 0:
            naked[root, right] = int(count)
    return naked


def needed_level(ticker: str, legs: Sequence[OrderLeg]) -> int:
    """The level for options that an order of `legs` takes; what is held beside it covers nothing.

    Several legs in one order take the level of spreads, also where all are bought.
    """
    if uncovered_count({leg.symbol(ticker): leg.signed_ratio for leg in legs}):
        return UNCOVERED_LEVEL
    return SPREAD_LEVEL if len(legs) > 1 else SINGLE_LEVEL


def uncovers(contracts: Mapping[str, int], change: Mapping[str, int]) -> bool:
    """Whether trading `change` leaves more of the sold `contracts` uncovered than before."""
    before = uncovered_count(contracts)
    symbols = {*contracts, *change}
    after = uncovered_count({s: contracts.get(s, 0) + change.get(s, 0) for s in symbols})
    return any(count > before.get(kind, 0) for kind, count in after.items())


def most_covered(contracts: Mapping[str, int], change: Mapping[str, int], most: int) -> int:
    """How many times `change` may be traded, at the most `most`, and leave nothing more uncovered.

    Each time more takes no less cover than the one before.
    """

    def uncovers_after(times: int) -> bool:
        return uncovers(contracts, {symbol: count * times for symbol, count in change.items()})

    if not uncovers_after(most):
        return most
    return bisect_left(range(1, most), 1, key=lambda times: int(uncovers_after(times)))


def _uncovered(members: list[tuple[date, int]]) -> int:
    """The most sold contracts, over all expiries, without bought ones that live as long."""
    worst = 0
    for day in {day for day, _ in members}:
        later = [quantity for expiry, quantity in members if expiry >= day]
        worst = max(worst, -sum(later))
    return worst


def _parts(symbol: str, quantity: int) -> tuple[str, date, str] | None:
    parts = parse_symbol(symbol) if quantity else None
    return None if parts is None else (parts[0].rstrip("0123456789"), parts[1], parts[2])
