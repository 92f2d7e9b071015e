"""Whether quotes are good enough to trade on."""

from __future__ import annotations

from collections.abc import Mapping
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


def broken_gates(
    sides: Floats,
    bid: Floats,
    ask: Floats,
    net_price: Floats,
    rules: LiquidityRules,
    open_interest: Floats | None = None,
    volume: Floats | None = None,
) -> dict[str, NDArray[np.bool_]]:
    """By gate, in words, whether a spread of sound quotes breaks it, shape [rows].

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
    few = [
        np.zeros(len(bid), bool) if counts is None else np.any(counts < least, axis=1)
        for counts, least in (
            (open_interest, rules.min_open_interest), (volume, rules.min_volume)
        )
    ]  # fmt: skip
    return dict(zip(_gates(rules), (low_bid, wide, *few), strict=True))


def illiquid(broken: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Whether a spread breaks any gate, by the answer of `broken_gates`."""
    return np.asarray(np.any(list(broken.values()), axis=0))


def asked_of_quotes(rules: LiquidityRules) -> str:
    """The gates in words; those that are zero ask for nothing and are left out."""
    least = {"open interest": rules.min_open_interest, "volume": rules.min_volume}
    asked = [gate for gate in _gates(rules) if least.get(gate.partition(" of ")[0], 1.0) > 0.0]
    return ", ".join(asked)


def _gates(rules: LiquidityRules) -> tuple[str, str, str, str]:
    bid = f"a bid of {rules.min_bid_usd:g}" if rules.min_bid_usd > 0.0 else "a bid"
    return (
        f"{bid} on each sold leg",
        f"quotes no wider than {rules.max_width_share:g} of the net price",
        f"open interest of {rules.min_open_interest:g} on each leg",
        f"volume of {rules.min_volume:g} on each leg",
    )
