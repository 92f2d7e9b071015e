"""Whole splits that a broker shows: by its activities, or by the contracts that it lists.

All contracts of a root leave, and n times as many come at an nth of their strikes. Both sides have
to fit, contract by contract: that old ones are missing says nothing alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from options_platform.domain.chain.occ_symbols import parse_symbol, symbol_of
from options_platform.domain.trading.reports import Activity
from options_platform.domain.trading.splits import adjusted_strike

ADJUSTED = "OPCA"
"""The kind of an activity by which a corporate action takes contracts away, or brings them."""


@dataclass(frozen=True)
class Split:
    """A whole split, of `ratio` new shares for an old one, that applies from the open of `on`.

    `changes` are how contracts change by it, by symbol, bought ones positive.
    """

    root: str
    ratio: int
    on: date
    changes: Mapping[str, int]

    @property
    def key(self) -> str:
        """What identifies it: a root is split once on a day, however often that is shown."""
        return split_key(self.root, self.on)

    def __str__(self) -> str:
        return f"{self.root} {self.ratio}:1 on {self.on}"


def stated_splits(activities: Iterable[Activity], expected: Mapping[str, int]) -> list[Split]:
    """The whole splits that activities state, oldest first.

    Args:
        activities: as they are stated now, of any kind.
        expected: contracts by symbol that the account should hold, before any of the splits.
    """
    stated: dict[tuple[date, str], dict[str, float]] = {}
    for activity in activities:
        if activity.kind == ADJUSTED:
            changes = stated.setdefault((activity.on, root_of(activity.symbol)), {})
            changes[activity.symbol] = changes.get(activity.symbol, 0.0) + activity.quantity
    splits = [split_of(root, on, expected, changes) for (on, root), changes in stated.items()]
    return sorted((each for each in splits if each is not None), key=lambda split: split.on)


def listed_splits(
    expected: Mapping[str, int], at_broker: Mapping[str, float], on: date
) -> list[Split]:
    """The whole splits that a broker's list of contracts shows, against the `expected` ones."""
    by_root: dict[str, dict[str, float]] = {}
    for symbol in {*expected, *at_broker}:
        change = at_broker.get(symbol, 0) - expected.get(symbol, 0)
        if change:
            by_root.setdefault(root_of(symbol), {})[symbol] = change
    splits = [split_of(root, on, expected, changes) for root, changes in sorted(by_root.items())]
    return [each for each in splits if each is not None]


def split_of(
    root: str, on: date, expected: Mapping[str, int], changes: Mapping[str, float]
) -> Split | None:
    """The whole split that changes the `expected` contracts and shares of a root so, or None."""
    held = {symbol: count for symbol, count in expected.items() if root_of(symbol) == root}
    changed = {symbol: change for symbol, change in changes.items() if change}
    ratios = {
        round(old[3] / new[3])
        for old in map(parse_symbol, held)
        for new in map(parse_symbol, changed)
        if old is not None and new is not None and new[3] > 0
    }
    shares = [(s, count) for s, count in held.items() if parse_symbol(s) is None and count]
    ratios |= {round(1 + changed.get(symbol, 0.0) / count) for symbol, count in shares}
    for ratio in sorted(each for each in ratios if each > 1):
        by_split = changes_by(held, ratio)
        if by_split and by_split == changed:
            return Split(root, ratio, on, by_split)
    return None


def changes_by(held: Mapping[str, int], ratio: int) -> dict[str, int]:
    """How contracts and shares change by a whole split, by symbol."""
    changes: dict[str, int] = {}
    for symbol, count in held.items():
        contract, after = parse_symbol(symbol), symbol
        if contract is not None:
            root, expiry, right, strike = contract
            after = symbol_of(root, expiry, right, adjusted_strike(strike, ratio))
        for name, change in ((symbol, -count), (after, count * ratio)):
            changes[name] = changes.get(name, 0) + change
    return {symbol: change for symbol, change in changes.items() if change}


def split_key(root: str, on: date) -> str:
    """What identifies the split of a root on a day."""
    return f"{ADJUSTED} {root} {on}"


def root_of(symbol: str) -> str:
    """The root of a contract, or of the contracts on a share."""
    contract = parse_symbol(symbol)
    return symbol.replace(".", "") if contract is None else contract[0]
