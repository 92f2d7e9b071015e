"""The settings of strikes and widths."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

FIXED = "fixed"


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

    With `narrow_to_fit` a spread whose fixed width is too much for the account is planned at the
    widest of `narrower_usd` that fits, if the fees of entry and exit are at most `max_fee_share` of
    its maximum profit.
    """

    long_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.40, 0.30, 0.25, 0.45, 0.35)
    )
    short_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.30, 0.20, 0.15, 0.35, 0.25)
    )
    width_mode: str = FIXED
    width_usd: dict[str, float] = field(
        default_factory=lambda: _by_regime(5.0, 10.0, 5.0, 5.0, 5.0)
    )
    width_pct: float = 0.02
    width_moves: float = 0.5
    narrow_to_fit: bool = True
    narrower_usd: tuple[float, ...] = (5.0, 2.0, 1.0)
    max_fee_share: float = 0.20

    def __post_init__(self) -> None:
        if self.width_mode not in (FIXED, "percent", "expected_move"):
            raise ValueError("width_mode must be fixed, percent or expected_move")
        deltas = (*self.long_delta.values(), *self.short_delta.values())
        if not all(0.0 < delta < 1.0 for delta in deltas):
            raise ValueError("long_delta and short_delta are absolute deltas, between 0 and 1")
        widths = (
            *self.width_usd.values(), *self.narrower_usd, self.width_pct, self.width_moves
        )  # fmt: skip
        if not all(0.0 < width < math.inf for width in widths):
            raise ValueError(
                "width_usd, narrower_usd, width_pct and width_moves must be positive numbers"
            )
        if not 0.0 <= self.max_fee_share <= 1.0:
            raise ValueError("max_fee_share is a share of the profit, 0 to 1")

    def at_width(self, width_usd: float) -> StrikeRules:
        """The same rules with one fixed width for every regime, USD a share."""
        return replace(self, width_mode=FIXED, width_usd=dict.fromkeys(self.width_usd, width_usd))
