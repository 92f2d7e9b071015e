"""Contracts that a corporate action gave another symbol, as a split turns `SPY` into `SPY1`.

Their expiry, right and strike stay in the name; what they deliver does not, so they are priced by
their quotes alone. A rename is believed where the broker lists the new symbol, in the quantity that
the old one is missing: the new one is the evidence, not that the old one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position


def renamed_contracts(
    expected: Mapping[str, int], at_broker: Mapping[str, float]
) -> dict[str, str]:
    """By old symbol the new one, of contracts that the broker lists under another root.

    Args:
        expected: contracts by symbol that the account should hold.
        at_broker: those that the broker lists.
    """
    strangers = {s: q for s, q in at_broker.items() if s not in expected}
    if not strangers:
        return {}
    # A split renames all contracts of a root: one that is listed shows that there was none.
    listed = {p[0] for s in expected if s in at_broker and (p := parse_symbol(s)) is not None}
    renames: dict[str, str] = {}
    for symbol, quantity in expected.items():
        parts = parse_symbol(symbol) if symbol not in at_broker else None
        if parts is None or parts[0] in listed:
            continue
        root, *contract = parts
        for new_symbol, shown in strangers.items():
            named = parse_symbol(new_symbol)
            if named is None or shown != quantity or list(named[1:]) != contract:
                continue
            if is_adjusted_root(named[0], root) and new_symbol not in renames.values():
                renames[symbol] = new_symbol
                break
    return renames


def is_adjusted(leg: OrderLeg) -> bool:
    """Whether a leg's contract has an adjusted root: what it delivers is not 100 shares."""
    return leg.root[-1:].isdigit()


def is_adjusted_root(root: str, of: str) -> bool:
    """Whether a root is another's with a digit after it (of an adjusted one: another digit)."""
    base = of.rstrip("0123456789")
    return root != of and root.rstrip("0123456789") == base and root[len(base) :].isdigit()


def is_same_contract(symbol: str, stated: str) -> bool:
    """Whether a broker that states `stated` means `symbol`, perhaps under an adjusted root."""
    if symbol == stated:
        return True
    contract, stated_contract = parse_symbol(symbol), parse_symbol(stated)
    if contract is None or stated_contract is None or contract[1:] != stated_contract[1:]:
        return False
    return is_adjusted_root(stated_contract[0], contract[0])


def with_new_symbols(
    positions: Iterable[Position], renames: Mapping[str, str], at_broker: Mapping[str, float]
) -> tuple[Position, ...]:
    """The positions that hold a renamed contract, with its new root in their legs.

    All contracts of a root are renamed at once. So other legs of it have the new root too where the
    broker does not list them, as those that two positions net; one that it lists was opened since.
    """
    held = list(positions)
    roots: dict[tuple[str, str], str] = {}
    for position in held:
        for leg in (*position.legs, *position.loose):
            parts = parse_symbol(renames.get(leg.symbol(position.ticker), ""))
            if parts is not None:
                roots[position.ticker, leg.root] = parts[0]

    def renamed(leg: OrderLeg, ticker: str) -> OrderLeg:
        root = roots.get((ticker, leg.root))
        is_listed = leg.symbol(ticker) in at_broker
        return leg if root is None or is_listed or leg.is_shares else replace(leg, root=root)

    changed = []
    for position in held:
        after = replace(
            position,
            legs=tuple(renamed(leg, position.ticker) for leg in position.legs),
            loose=tuple(renamed(leg, position.ticker) for leg in position.loose),
        )
        if after != position:
            changed.append(after)
    return tuple(changed)
