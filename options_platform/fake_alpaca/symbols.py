"""Symbols of contracts and stocks: what they say, how many shares one is for, who covers whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

OCC = re.compile(r"([A-Z]{1,5}[A-Z0-9]?)(\d{6})([CP])(\d{8})")
STOCK = re.compile(r"[A-Z]{1,5}(\.[A-Z])?")
SHARES = 100
RIGHTS = {"C": "call", "P": "put"}


@dataclass(frozen=True)
class Contract:
    """A contract by its symbol; `root` may be an adjusted one, such as SPY1 of SPY."""

    root: str
    expiry: date
    right: str
    strike: float

    @property
    def ticker(self) -> str:
        """The stock that it is an option on."""
        return self.root.rstrip("0123456789")


def contract_of(symbol: str) -> Contract | None:
    """The contract of an OCC symbol; None for a stock's."""
    parts = OCC.fullmatch(symbol)
    if parts is None:
        return None
    root, day, right, strike = parts.groups()
    expiry = datetime.strptime(day, "%y%m%d").date()  # noqa: DTZ007
    return Contract(root, expiry, RIGHTS[right], int(strike) / 1000)


def size(symbol: str) -> int:
    """How many shares one of it is for."""
    return SHARES if OCC.fullmatch(symbol) else 1


def renamed(symbol: str, root: str) -> str:
    """The contract of the same expiry, right and strike under another root."""
    return root + symbol[-15:]


def uncovered(quantities: Mapping[str, float]) -> dict[str, int]:
    """Short contracts by symbol that nothing covers.

    A short one is covered by a long one of its root and right that expires no earlier, and a call
    by 100 shares as well.
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
