"""The settings of strikes and widths."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


def _by_regime(
    low: float, high: float, contraction: float, expansion: float, neutral: float
) -> dict[str, float]:
    return {
        "low_vol": low,
        "high_vol": high,
        "iv_contraction": contraction,
        "iv_expansion": expansion,
        "neutral": neutral,
    }


@dataclass(frozen=True)
class StrikeRules:
    """Deltas (absolute) and widths of the spreads by regime.

    Debit spreads anchor the bought leg at `long_delta`, credit spreads the sold leg at
    `short_delta`. `width_mode`: `fixed` takes `width_usd` (USD a share), `percent` `width_pct`
    of the spot, `expected_move` `width_moves` x spot x IV x sqrt(T).
    """

    long_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.40, 0.30, 0.25, 0.45, 0.35)
    )
    short_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.30, 0.20, 0.15, 0.35, 0.25)
    )
    width_mode: str = "fixed"
    width_usd: dict[str, float] = field(
        default_factory=lambda: _by_regime(5.0, 10.0, 5.0, 5.0, 5.0)
    )
    width_pct: float = 0.02
    width_moves: float = 0.5

    def __post_init__(self) -> None:
        if self.width_mode not in ("fixed", "percent", "expected_move"):
            raise ValueError("width_mode must be fixed, percent or expected_move")
        deltas = (*self.long_delta.values(), *self.short_delta.values())
        if not all(0.0 < delta < 1.0 for delta in deltas):
            raise ValueError("long_delta and short_delta are absolute deltas, between 0 and 1")
        widths = (*self.width_usd.values(), self.width_pct, self.width_moves)
        if not all(0.0 < width < math.inf for width in widths):
            raise ValueError("width_usd, width_pct and width_moves must be positive numbers")
