"""The settings of strikes and widths."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

FIXED, BY_DELTA, BY_MOVES = "fixed", "delta", "expected_move"


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
    of the spot, `expected_move` `width_moves` x spot x IV x sqrt(T), and `delta` puts the wing at
    the listed strike nearest to `wing_delta`. `debit_width_moves`, if set, is the width of debit
    spreads in expected moves, whatever the mode of the others.

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
    debit_width_moves: float | None = None
    wing_delta: dict[str, float] = field(
        default_factory=lambda: _by_regime(0.15, 0.10, 0.08, 0.18, 0.12)
    )
    narrow_to_fit: bool = True
    narrower_usd: tuple[float, ...] = (5.0, 2.0, 1.0)
    max_fee_share: float = 0.20

    def __post_init__(self) -> None:
        if self.width_mode not in (FIXED, "percent", BY_MOVES, BY_DELTA):
            raise ValueError("width_mode must be fixed, percent, expected_move or delta")
        each = (self.long_delta, self.short_delta, self.wing_delta)
        if not all(0.0 < delta < 1.0 for deltas in each for delta in deltas.values()):
            raise ValueError(
                "long_delta, short_delta and wing_delta are absolute deltas, between 0 and 1"
            )
        anchors = (self.long_delta, self.short_delta)
        if self.width_mode == BY_DELTA and not all(
            self.wing_delta[regime] < deltas[regime] for deltas in anchors for regime in deltas
        ):
            raise ValueError("wing_delta must be below long_delta and short_delta in each regime")
        widths = (
            *self.width_usd.values(), *self.narrower_usd, self.width_pct, self.width_moves
        )  # fmt: skip
        if not all(0.0 < width < math.inf for width in widths):
            raise ValueError(
                "width_usd, narrower_usd, width_pct and width_moves must be positive numbers"
            )
        if self.debit_width_moves is not None and not 0.0 < self.debit_width_moves < math.inf:
            raise ValueError("debit_width_moves must be a positive number, or none")
        if not 0.0 <= self.max_fee_share <= 1.0:
            raise ValueError("max_fee_share is a share of the profit, 0 to 1")

    def of_kind(self, kind: str) -> StrikeRules:
        """The rules that hold for strategies of this kind, debit or credit."""
        if kind != "debit" or self.debit_width_moves is None:
            return self
        return replace(self, width_mode=BY_MOVES, width_moves=self.debit_width_moves)

    def at_width(self, width_usd: float) -> StrikeRules:
        """The same rules with one fixed width for every regime and kind, USD a share."""
        widths = dict.fromkeys(self.width_usd, width_usd)
        return replace(self, width_mode=FIXED, width_usd=widths, debit_width_moves=None)
