"""Whether quotes are good enough to trade on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats


@dataclass(frozen=True)
class LiquidityRules:
    """Gates on the quotes of a spread.

    Each leg that is sold has a bid, of at least `min_bid_usd`; the widths of all quotes add up to
    at most `max_width_share` of the net price; open interest and volume of each leg are at least
    the minimum where the chain knows them (a synthetic one does not).
    """

    min_bid_usd: float = 0.05
    max_width_share: float = 0.5
    min_open_interest: float = 0.0
    min_volume: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0.0:
                raise ValueError(f"{name} must not be negative, nor NaN: {value:g}")


def unsound(bid: Floats, ask: Floats) -> NDArray[np.bool_]:
    """Whether a leg has no quote, or a crossed one; bid and ask in USD a share, [rows, legs]."""
    return np.asarray(np.any(~(ask - bid >= 0.0), axis=1))


def illiquid(
    sides: Floats,
    bid: Floats,
    ask: Floats,
    net_price: Floats,
    rules: LiquidityRules,
    open_interest: Floats | None = None,
    volume: Floats | None = None,
) -> NDArray[np.bool_]:
    """Whether a spread of sound quotes breaks a gate, one answer a row.

    Args:
        sides: contracts of each leg, sold ones negative, shape [legs].
        bid: USD a share, shape [rows, legs]; `ask`, `open_interest` and `volume` likewise.
        ask: see `bid`.
        net_price: USD a share, shape [rows].
        rules: the gates.
        open_interest: contracts; NaN where not known.
        volume: contracts of the session; NaN where not known.
    """
    sold = sides < 0
    low_bid = np.any((bid[:, sold] < rules.min_bid_usd) | (bid[:, sold] <= 0.0), axis=1)
    wide = np.sum(np.abs(sides) * (ask - bid), axis=1) > rules.max_width_share * np.abs(net_price)
    broken = low_bid | wide
    for known, least in ((open_interest, rules.min_open_interest), (volume, rules.min_volume)):
        if known is not None:
            broken = broken | np.any(known < least, axis=1)
    return np.asarray(broken)


def asked_of_quotes(rules: LiquidityRules) -> str:
    """The gates in words."""
    return (
        f"a bid of {rules.min_bid_usd:g} on each sold leg, quotes no wider than "
        f"{rules.max_width_share:g} of the net price, open interest of "
        f"{rules.min_open_interest:g} and volume of {rules.min_volume:g}"
    )
