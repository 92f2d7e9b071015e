"""Where the strikes of a strategy's legs lie, on whatever lists them."""

from __future__ import annotations

from typing import Protocol, TypeVar

from options_platform.common import Floats
from options_platform.domain.strategies.base import Leg, Right, Strategy

Strike = TypeVar("Strike", float, Floats)


class ListedStrikes(Protocol[Strike]):
    """The strikes to choose from: of one chain, or of a row each of many.

    A strike is a number in the former and an array [rows] in the latter; deltas are absolute,
    distances USD a share.
    """

    def at_spot(self, right: Right) -> Strike:
        """The one nearest to the spot."""
        ...

    def nearest_delta(self, right: Right, delta: Strike) -> Strike:
        """The one whose delta is nearest to `delta`."""
        ...

    def at_distance(self, right: Right, distance: Strike) -> Strike:
        """The one nearest to `distance` above the spot for calls, below it for puts."""
        ...

    def further(self, right: Right, strike: Strike, steps: int) -> Strike:
        """The listed one `steps` strikes above `strike` for calls, below it for puts."""
        ...

    def away(self, leg: Leg, anchor: Strike, width: Strike) -> Strike:
        """The one nearest to the leg's widths from `anchor`, never `anchor` itself, also where
        `width` is 0."""
        ...


def choose_strikes(
    strategy: Strategy,
    listed: ListedStrikes[Strike],
    delta: Strike,
    width: Strike,
    wing_delta: Strike | None = None,
    steps_out: int = 0,
) -> list[Strike]:
    """The strike of each leg.

    Args:
        strategy: whose legs they are.
        listed: the strikes that there are.
        delta: absolute delta of the anchors, where they do not lie at the spot.
        width: USD a share between an anchor and its wing, or the spot and a moved leg.
        wing_delta: absolute delta of wings one width out; the width of their right is then the
            distance of that strike from the anchor, in place of `width`.
        steps_out: by how many listed strikes the whole spread lies further from the money than
            that; up where the strategy is centred on the spot.
    """
    anchors = {
        right: listed.at_spot(right) if strategy.centred else listed.nearest_delta(right, delta)
        for right in strategy.rights
    }
    widths = {
        right: width
        if wing_delta is None
        else abs(listed.nearest_delta(right, wing_delta) - anchor)
        for right, anchor in anchors.items()
    }
    if steps_out:
        anchors = {
            right: listed.further("call" if strategy.centred else right, anchor, steps_out)
            for right, anchor in anchors.items()
        }
    return [_of_leg(leg, listed, anchors[leg.right], widths[leg.right]) for leg in strategy.legs]


def _of_leg(leg: Leg, listed: ListedStrikes[Strike], anchor: Strike, width: Strike) -> Strike:
    if leg.role == "moved":
        return listed.at_distance(leg.right, leg.widths_out * width)
    return listed.away(leg, anchor, width) if leg.widths_out else anchor
