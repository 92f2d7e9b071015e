"""Commission and exchange fees, with the days from which they apply."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats


@dataclass(frozen=True)
class CostRules:
    """Commission and exchange fees, USD a contract and side.

    `fee_per_contract_usd` holds from the beginning; `changes` names by ISO date what holds from
    that session on, e.g. {"2019-10-01": 0.65}.
    """

    fee_per_contract_usd: float = 0.65
    changes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for day, fee in self.changes.items():
            try:
                date.fromisoformat(day)
            except ValueError:
                raise ValueError(f"costs.changes: {day!r} is no date like 2019-10-01") from None
            if fee < 0:
                raise ValueError(f"costs.changes: the fee from {day} on is negative")

    def fees_on(self, sessions: NDArray[np.datetime64]) -> Floats:
        """The fee of each session, USD a contract and side."""
        days = sorted(self.changes)
        fees = np.array([self.fee_per_contract_usd, *(self.changes[day] for day in days)])
        starts = np.array(days, dtype="datetime64[D]")
        return np.asarray(fees[np.searchsorted(starts, sessions, side="right")], dtype=np.float64)
