"""A value that is known to lie between two ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """The least and the most of a value, USD a share, debit positive.

    Of what is held the low end is the adverse one, of what an order costs the high one.
    """

    low: float
    high: float

    def kept(self, value: float) -> float:
        """The value within the band that is nearest to this one."""
        return min(max(value, self.low), self.high)
