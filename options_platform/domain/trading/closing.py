"""What of a position is closed next; no step leaves a short uncovered, whatever lists show.

A sold contract that nothing covers goes first, then whole spreads, as one order. Of other loose
legs sold contracts are bought back first, shares follow, and a bought contract is sold last: its
order is only sent once what it covers has ended, by a fill or an activity. So no order here depends
on which legs a list of positions shows. What the broker has refused gives way to what comes next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from options_platform.domain.trading.orders import SHARES, OrderLeg
from options_platform.domain.trading.positions import Position

Part = tuple[tuple[OrderLeg, ...], int]
"""Legs of a position, and how many spreads of them."""


def next_to_close(position: Position) -> Iterator[Part]:
    """What may be closed next, the most pressing first: legs, and how many spreads of them.

    Each sold contract that nothing covers, then the whole spreads, or where there are none one of
    the other loose legs: what comes after that one may protect it.
    """
    naked = [leg for leg in position.loose if _is_uncovered(position, leg)]
    for leg in naked:
        yield (replace(leg, ratio=1),), leg.ratio
    if position.open_contracts:
        yield position.legs, position.open_contracts
        return
    for leg in sorted((leg for leg in position.loose if leg not in naked), key=_turn)[:1]:
        yield (replace(leg, ratio=1),), leg.ratio


def _turn(leg: OrderLeg) -> tuple[int, str]:
    if leg.is_shares:
        return 1, ""
    return (0 if leg.side == "sell" else 2), str(leg)


def has_uncovered_short(position: Position) -> bool:
    """Whether a loose sold contract of the position has no cover in it.

    Bought contracts of the same right cover sold ones, and so does each whole hundred of the shares
    of an assignment; an odd lot covers nothing.
    """
    return any(_is_uncovered(position, leg) for leg in position.loose)


def _is_uncovered(position: Position, leg: OrderLeg) -> bool:
    """Whether a loose leg is a sold contract with too little cover."""
    if leg.is_shares or leg.side != "sell":
        return False
    loose: dict[tuple[str, str], int] = {}
    for one in position.loose:
        loose[one.right, one.side] = loose.get((one.right, one.side), 0) + one.ratio
    side = "buy" if leg.right == "call" else "sell"
    cover = loose.get((leg.right, "buy"), 0) + loose.get(("shares", side), 0) // SHARES
    return loose[leg.right, "sell"] > cover


def has_shares(position: Position) -> bool:
    """Whether an assignment or an exercise has left shares in the position."""
    return any(leg.is_shares for leg in position.loose)


def legs_text(position: Position) -> str:
    """The legs of a position and its loose legs, for people: `+1C253/-1C258; -250 shares`.

    Without whole spreads only the loose legs.
    """
    parts = [] if position.loose and not position.open_contracts else [position.legs]
    parts += [(leg,) for leg in position.loose]
    return "; ".join("/".join(map(_leg_text, legs)) for legs in parts)


def _leg_text(leg: OrderLeg) -> str:
    if leg.is_shares:
        return f"{leg.signed_ratio:+d} shares"
    return f"{leg.signed_ratio:+d}{leg.right[0].upper()}{leg.strike:g}"


def is_rest_of_cover(position: Position) -> bool:
    """Whether only bought contracts are left of a spread, and what they covered has ended."""
    had_sold = any(leg.side == "sell" for leg in position.legs)
    is_left = bool(position.loose) and all(leg.side == "buy" for leg in position.loose)
    return had_sold and is_left and not position.open_contracts and not has_shares(position)


def shares_held(positions: Iterable[Position]) -> dict[str, str]:
    """Texts for a person, by position_id, on the shares in open positions."""
    texts = {}
    for position in positions:
        shares = sum(leg.signed_ratio for leg in position.loose if leg.is_shares)
        if shares:
            texts[position.position_id] = (
                f"{position.position_id} holds {shares:+d} shares of {position.ticker}; they are "
                "closed with what covers them at the next open, or now: options-platform flatten"
            )
    return texts


def in_doubt(
    position: Position, expected: Mapping[str, int], at_broker: Mapping[str, float]
) -> tuple[str, ...]:
    """The symbols of a position of which the broker lists fewer contracts than expected.

    `expected` are the contracts of the ledger by symbol and `at_broker` those of the broker's
    list, both summed over all positions.
    """
    # By the leg's side: where positions net a contract, the sum may have the other sign.
    less = {
        symbol
        for leg in position.held
        if _shows_less(leg, expected.get(symbol := leg.symbol(position.ticker), 0),
                       at_broker.get(symbol, 0))
    }  # fmt: skip
    return tuple(sorted(less))


def without_cover(position: Position, missing: Collection[str]) -> OrderLeg | None:
    """A sold contract that is listed while its cover is missing; None if there is none.

    Calls cover calls and puts cover puts; `missing` are symbols of which the list shows too few.
    """
    missing_legs = {leg for leg in position.held if leg.symbol(position.ticker) in missing}
    return next(
        (
            leg
            for leg in position.held
            if leg.side == "sell"
            and not leg.is_shares
            and leg not in missing_legs
            and any((cover.right, cover.side) == (leg.right, "buy") for cover in missing_legs)
        ),
        None,
    )


def what_the_broker_shows(
    position: Position, expected: Mapping[str, int], at_broker: Mapping[str, float]
) -> Part:
    """What to close of whole spreads once the broker has refused to close them all.

    A sold contract alone where its cover is missing in the list; else as many whole spreads as are
    listed; where that is none, the calls or the puts alone; else all of them, as before. Arguments
    as in :func:`in_doubt`.
    """
    missing = in_doubt(position, expected, at_broker)
    legs, contracts = position.legs, position.open_contracts
    bare = without_cover(position, missing)
    if bare is not None:
        return (replace(bare, ratio=1),), position.held[replace(bare, ratio=1)]
    whole = min(_spreads_there(position, leg, at_broker) for leg in legs)
    if whole > 0:
        return legs, whole
    for right in sorted({leg.right for leg in legs}):
        side = tuple(leg for leg in legs if leg.right == right)
        left = min(_spreads_there(position, leg, at_broker) for leg in side)
        if left > 0:
            return side, left
    return legs, contracts


def _spreads_there(position: Position, leg: OrderLeg, at_broker: Mapping[str, float]) -> int:
    """How many spreads of a position the listed contracts of a leg make."""
    sign = 1 if leg.side == "buy" else -1
    shown = max(0.0, sign * at_broker.get(leg.symbol(position.ticker), 0))
    return int(min(position.open_contracts, shown // leg.ratio))


def _shows_less(leg: OrderLeg, expected: float, shown: float) -> bool:
    return shown < expected if leg.side == "buy" else shown > expected
