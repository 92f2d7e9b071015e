"""How many spreads: the plan's section 5.4 without its floor of one; zero is an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


def _multipliers() -> dict[str, float]:
    return {
        "low_vol": 1.0,
        "high_vol": 0.5,
        "iv_contraction": 1.0,
        "iv_expansion": 0.75,
        "neutral": 0.75,
    }


@dataclass(frozen=True)
class SizingRules:
    """`account_value_usd` x `risk_pct` is the base risk of a trade; `max_risk_usd` caps it."""

    account_value_usd: float = 100_000.0
    risk_pct: float = 0.02
    max_risk_usd: float | None = None
    max_contracts: int = 10
    allow_min_one: bool = False
    regime_multiplier: dict[str, float] = field(default_factory=_multipliers)

    def __post_init__(self) -> None:
        if not 0.0 < self.account_value_usd < math.inf:
            raise ValueError("account_value_usd must be a positive number")
        if not 0.0 < self.risk_pct <= 1.0:
            raise ValueError("risk_pct is a fraction of the account, above 0 and at most 1")
        if self.max_risk_usd is not None and not self.max_risk_usd > 0.0:
            raise ValueError("max_risk_usd must be positive, or none")
        if self.max_contracts < 1:
            raise ValueError("max_contracts must be at least 1")
        if not all(0.0 <= share < math.inf for share in self.regime_multiplier.values()):
            raise ValueError("regime_multiplier must not be negative")


def contracts(
    max_loss_per_spread_usd: NDArray[np.float64],
    multiplier: NDArray[np.float64],
    confidence: NDArray[np.float64],
    rules: SizingRules,
) -> NDArray[np.int32]:
    """Number of spreads whose maximum loss fits the risk budget.

    The budget is account x risk x regime multiplier x (0.5 + 0.5 x confidence), at most
    `max_risk_usd`. With `allow_min_one` at least one is traded, as the plan's formula has it.
    """
    budget = rules.account_value_usd * rules.risk_pct * multiplier * (0.5 + 0.5 * confidence)
    if rules.max_risk_usd is not None:
        budget = np.minimum(budget, rules.max_risk_usd)
    count = np.floor(budget / max_loss_per_spread_usd)
    count = np.clip(count, 1 if rules.allow_min_one else 0, rules.max_contracts)
    return count.astype(np.int32)
