"""How many spreads: the plan's section 5.4 without its floor of one; zero is an answer.

A plan knows no account and takes the size from the configured value. Where entries are made, in
backtests as at a broker, the smaller of that value and the account's equity counts, for sizes
(:func:`size_at`) and for limits in percent alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

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
    count = np.floor(risk_budget(multiplier, confidence, rules) / max_loss_per_spread_usd)
    count = np.clip(count, 1 if rules.allow_min_one else 0, rules.max_contracts)
    return count.astype(np.int32)


def risk_budget(
    multiplier: NDArray[np.float64], confidence: NDArray[np.float64], rules: SizingRules
) -> NDArray[np.float64]:
    """What a trade may lose, USD."""
    budget = rules.account_value_usd * rules.risk_pct * multiplier * (0.5 + 0.5 * confidence)
    return budget if rules.max_risk_usd is None else np.minimum(budget, rules.max_risk_usd)


@dataclass(frozen=True)
class Size:
    """Spreads of a trade that an account takes: none where `loss_usd` is over `budget_usd`."""

    contracts: int
    loss_usd: float
    budget_usd: float


def size_at(
    equity_usd: float,
    planned: int,
    max_loss_usd: float,
    regime: str,
    confidence: float,
    rules: SizingRules,
) -> Size:
    """The spreads of a planned trade that an account with that equity takes, never more of them.

    Args:
        equity_usd: equity of the account; at or above `account_value_usd` the plan stands.
        planned: the plan's contracts.
        max_loss_usd: maximum loss of all of them.
        regime: regime of the plan.
        confidence: its confidence.
        rules: those that the plan was sized by.
    """
    loss = max_loss_usd / planned
    multiplier = rules.regime_multiplier[regime]
    if equity_usd <= 0.0:
        return Size(0, loss, 0.0)
    smaller = replace(rules, account_value_usd=min(rules.account_value_usd, equity_usd))
    given = np.array([multiplier]), np.array([confidence])
    budget = float(risk_budget(*given, smaller)[0])
    if equity_usd >= rules.account_value_usd:
        return Size(planned, loss, budget)
    fitting = int(contracts(np.array([loss]), *given, smaller)[0])
    return Size(min(planned, fitting), loss, budget)
