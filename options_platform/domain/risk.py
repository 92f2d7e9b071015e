"""Limits that depend on the account's state; applied where orders are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RiskRules:
    """`max_total_risk_pct` is the sum of maximum losses as a fraction of the account."""

    max_positions: int = 6
    max_positions_per_ticker: int = 2
    max_total_risk_pct: float = 0.10


@dataclass(frozen=True)
class Exposure:
    """An open position or a working order: its ticker and its maximum loss in USD."""

    ticker: str
    max_loss_usd: float


def refusals(
    ticker: str,
    max_loss_usd: float,
    open_exposures: Sequence[Exposure],
    account_value_usd: float,
    rules: RiskRules,
) -> list[str]:
    """Codes of the limits that a new order would break; an empty list lets it pass."""
    found = []
    if len(open_exposures) >= rules.max_positions:
        found.append("MAX_POSITIONS")
    if sum(e.ticker == ticker for e in open_exposures) >= rules.max_positions_per_ticker:
        found.append("MAX_POSITIONS_TICKER")
    total = max_loss_usd + sum(exposure.max_loss_usd for exposure in open_exposures)
    if total > rules.max_total_risk_pct * account_value_usd:
        found.append("MAX_TOTAL_RISK")
    return found
