"""What a strategy is: named legs around an anchor strike, a view, and a sign of its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from options_platform.common import Floats

Side = Literal["buy", "sell"]
Right = Literal["call", "put"]
Role = Literal["anchor", "wing", "near"]
Kind = Literal["debit", "credit"]
Bias = Literal["bullish", "bearish", "neutral"]


@dataclass(frozen=True)
class Leg:
    """One leg, its strike given by its role.

    The anchor is chosen by delta (at the spot in a centred strategy), the wing lies the width
    further out of the money, `near` has the anchor's strike and an earlier expiry.
    """

    side: Side
    right: Right
    role: Role


@dataclass(frozen=True)
class Strategy:
    """A spread with equal ratios.

    A debit spread buys its anchors, a credit spread sells them; anything else is refused when
    the strategy is declared, since it would turn one into the other. `centred` puts the anchors
    at the spot. Without `defined_risk` the loss has no bound, and it takes a permission to trade.
    """

    name: str
    kind: Kind
    bias: Bias
    legs: tuple[Leg, ...]
    centred: bool = False

    def __post_init__(self) -> None:
        wanted = "buy" if self.kind == "debit" else "sell"
        for leg in self.legs:
            if (leg.side == wanted) != (leg.role == "anchor"):
                raise ValueError(f"{self.name}: a {self.kind} spread must {wanted} its anchors")

    @property
    def defined_risk(self) -> bool:
        """Whether every leg that is sold has one of its right that is bought."""
        return all(
            sum(1 if leg.side == "buy" else -1 for leg in self.legs if leg.right == right) >= 0
            for right in self.rights
        )

    @property
    def paired(self) -> bool:
        """Whether the legs of each right are an anchor and its wing, which bound each other."""
        return all(
            sorted(leg.role for leg in self.legs if leg.right == right) == ["anchor", "wing"]
            for right in self.rights
        )

    @property
    def naked(self) -> bool:
        """Whether it only sells, and so has no bound to its loss."""
        return all(leg.side == "sell" and leg.role == "anchor" for leg in self.legs)

    @property
    def one_expiry(self) -> bool:
        """Whether all legs expire together."""
        return all(leg.role != "near" for leg in self.legs)

    @property
    def rights(self) -> tuple[Right, ...]:
        """The rights in use, in the legs' order, each once."""
        return tuple(dict.fromkeys(leg.right for leg in self.legs))


def payoff(sides: Floats, signs: Floats, strikes: Floats, spot: Floats) -> Floats:
    """Value at expiry of one spread, USD a share, before what was paid for it.

    Args:
        sides: +1 bought, -1 sold, shape [legs].
        signs: +1 call, -1 put, shape [legs].
        strikes: shape [legs].
        spot: prices of the underlying, any shape.
    """
    spot = np.asarray(spot, dtype=np.float64)[..., None]
    return np.asarray(np.sum(sides * np.maximum(signs * (spot - strikes), 0.0), axis=-1))


def max_loss(kind: Kind, widths: Floats, net_price: Floats) -> Floats:
    """Largest loss of one spread at expiry, USD a share, without fees.

    A debit spread loses its debit; a credit spread its wider wing less the credit (`net_price`
    is negative for credits). `widths` has one column for each right.
    """
    if kind == "debit":
        return net_price
    return np.asarray(np.max(widths, axis=1) + net_price)


def max_profit(kind: Kind, widths: Floats, net_price: Floats) -> Floats:
    """Largest profit of one spread at expiry, USD a share, without fees."""
    if kind == "debit":
        return np.asarray(np.min(widths, axis=1) - net_price)
    return -net_price
