"""Symbols of contracts and stocks: parsing, shares per contract, and uncovered short contracts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

OCC = re.compile(r"([A-Z]{1,5}[A-Z0-9]?)(\d{6})([CP])(\d{8})")
STOCK = re.compile(r"[A-Z]{1,5}(\.[A-Z])?")
SHARES = 100
RIGHTS = {"C": "call", "P": "put"}


@dataclass(frozen=True)
class Contract:
    """A contract from its symbol; `root` may be adjusted, such as SPY1 for SPY. Strike in USD."""

    root: str
    expiry: date
    right: str
    strike: float

    @property
    def ticker(self) -> str:
        """The ticker of the underlying stock."""
        return self.root.rstrip("0123456789")


@cache
def contract_of(symbol: str) -> Contract | None:
    """The contract of an OCC symbol; None for a stock's symbol."""
    parts = OCC.fullmatch(symbol)
    if parts is None:
        return None
    root, day, right, strike = parts.groups()
    expiry = datetime.strptime(day, "%y%m%d").date()  # noqa: DTZ007
    return Contract(root, expiry, RIGHTS[right], int(strike) / 1000)


def size(symbol: str) -> int:
    """Shares per unit: 100 for a contract, 1 for a stock."""
    return SHARES if OCC.fullmatch(symbol) else 1


def renamed(symbol: str, root: str) -> str:
    """The symbol with the same expiry, right and strike under another root."""
    return root + symbol[-15:]


def uncovered(quantities: Mapping[str, float]) -> dict[str, int]:
    """The uncovered short contracts by symbol.

    A long contract of the same root and right that expires no earlier covers a short one; 100
    shares cover a short call.
    """
    kinds: dict[tuple[str, str], list[tuple[Contract, str, float]]] = {}
    for symbol, quantity in quantities.items():
        contract = contract_of(symbol)
        if contract is not None:
            key = (contract.root, contract.right)
            kinds.setdefault(key, []).append((contract, symbol, quantity))
    naked: dict[str, int] = {}
    for (root, right), members in kinds.items():
        shares = quantities.get(root, 0.0) if right == "call" else 0.0
        naked |= _without_cover(members, int(max(shares, 0.0) // SHARES))
    return naked


def _without_cover(
    members: Sequence[tuple[Contract, str, float]], by_shares: int
) -> dict[str, int]:
    latest_first = sorted(members, key=lambda member: member[0].expiry, reverse=True)
    longs = [(contract.expiry, int(q)) for contract, _, q in latest_first if q > 0]
    shorts = [(contract.expiry, symbol, -int(q)) for contract, symbol, q in latest_first if q < 0]
    naked, used = {}, 0
    for expiry, symbol, count in shorts:
        cover = sum(quantity for until, quantity in longs if until >= expiry) - used
        covered = min(max(cover, 0), count)
        used += covered
        by_stock = min(by_shares, count - covered)
        by_shares -= by_stock
        if count > covered + by_stock:
            naked[symbol] = count - covered - by_stock
    return naked
