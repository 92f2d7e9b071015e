"""A value that is known only as a range."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """Lower and upper bound of a value, USD a share, debit positive.

    For an open position `low` is the adverse end; for the cost of an order it is `high`.
    """

    low: float
    high: float

    def kept(self, value: float) -> float:
        """`value` clipped to the band."""
        return min(max(value, self.low), self.high)
