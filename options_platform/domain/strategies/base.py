"""What a strategy is: named legs around an anchor strike, a view, and a sign of its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from options_platform.common import Floats
from options_platform.domain.pricing import CALL, PUT

Side = Literal["buy", "sell"]
Right = Literal["call", "put"]
Role = Literal["anchor", "wing", "near", "moved"]
Kind = Literal["debit", "credit"]
Bias = Literal["bullish", "bearish", "neutral"]


@dataclass(frozen=True)
class Leg:
    """`ratio` contracts of one leg, its strike and expiry given by its role.

    The anchor is chosen by delta (at the spot in a centred strategy). A wing lies `widths` times
    the width further out of the money, further in where that is negative. `near` expires earlier
    than the others, at the anchor's strike where `widths` is 0. `moved` lies `widths` times the
    width out of the money from the spot itself, whatever the anchor is.
    """

    side: Side
    right: Right
    role: Role
    ratio: int = 1
    widths: float | None = None

    def __post_init__(self) -> None:
        if self.ratio < 1:
            raise ValueError("the ratio of a leg is at least 1")
        if (self.role == "anchor" and self.widths) or (self.role == "wing" and self.widths == 0):
            raise ValueError("a wing lies some widths from its anchor, an anchor none")
        if self.role == "moved" and not self.widths:
            raise ValueError("a moved leg lies some widths from the spot")

    @property
    def widths_out(self) -> float:
        """How many widths the strike lies from the anchor's, out of the money."""
        if self.widths is not None:
            return self.widths
        return 1.0 if self.role == "wing" else 0.0

    @property
    def signed_ratio(self) -> int:
        """Contracts for each spread, negative where they are sold."""
        return self.ratio if self.side == "buy" else -self.ratio


@dataclass(frozen=True)
class Strategy:
    """A spread, of whatever legs.

    A debit spread buys its anchors, a credit spread sells them; anything else is refused when
    the strategy is declared, since it would turn one into the other. `centred` puts the anchors
    at the spot. Where legs expire apart, `near` ones expire first, and the others `days_between`
    calendar days later, or at the listed expiry nearest to that.
    """

    name: str
    kind: Kind
    bias: Bias
    legs: tuple[Leg, ...]
    centred: bool = False
    days_between: int = 28

    def __post_init__(self) -> None:
        wanted = "buy" if self.kind == "debit" else "sell"
        for leg in self.legs:
            if leg.role == "anchor" and leg.side != wanted:
                raise ValueError(f"{self.name}: a {self.kind} spread must {wanted} its anchors")
        if all(leg.role == "near" for leg in self.legs):
            raise ValueError(f"{self.name}: near legs expire before others, and there are none")

    @property
    def defined_risk(self) -> bool:
        """Whether each contract that is sold has a bought one of its right that lives as long."""
        living = [self.legs, tuple(leg for leg in self.legs if leg.role != "near")]
        return all(
            sum(leg.signed_ratio for leg in legs if leg.right == right) >= 0
            for legs in living
            for right in self.rights
        )

    @property
    def one_expiry(self) -> bool:
        """Whether all legs expire together."""
        return all(leg.role != "near" for leg in self.legs)

    @property
    def winged(self) -> bool:
        """Whether strikes of one right lie apart."""
        moved = [leg for leg in self.legs if leg.role == "moved"]
        apart = {leg.widths_out for leg in moved}
        return len(apart) > 1 or any(leg.widths_out for leg in self.legs if leg not in moved)

    @property
    def rights(self) -> tuple[Right, ...]:
        """The rights in use, in the legs' order, each once."""
        return tuple(dict.fromkeys(leg.right for leg in self.legs))

    @property
    def sides(self) -> Floats:
        """Contracts of each leg, bought ones positive, shape [legs]."""
        return np.array([float(leg.signed_ratio) for leg in self.legs])

    @property
    def signs(self) -> Floats:
        """+1 call, -1 put, shape [legs]."""
        return np.array([CALL if leg.right == "call" else PUT for leg in self.legs])
