"""Freshness of an entry order's inputs: plan, data, model, price and quotes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from options_platform.domain.risk.limits import Check


@dataclass(frozen=True)
class FreshnessRules:
    """Highest allowed ages, in sessions; `max_price_move_pct` is a fraction of the plan's spot."""

    max_plan_age_sessions: int = 1
    max_data_age_sessions: int = 1
    max_model_age_sessions: int = 45
    max_price_move_pct: float = 0.03


@dataclass(frozen=True)
class OrderBasis:
    """Inputs of an entry order at the moment of sending.

    Ages are in sessions: a plan made at the previous close has age 1. `quotes` are (bid, ask) of
    each leg, USD a share. None means unknown, which never counts as fresh.
    """

    plan_age_sessions: int
    data_age_sessions: int | None
    model_age_sessions: int | None
    plan_spot: float
    spot: float | None
    quotes: Sequence[tuple[float, float]] = ()


def stale(basis: OrderBasis, rules: FreshnessRules) -> list[Check]:
    """The freshness checks that fail for this basis; empty if the entry may be sent."""
    move = math.inf if basis.spot is None else abs(basis.spot / basis.plan_spot - 1.0)
    crossed = sum(not 0.0 <= bid <= ask for bid, ask in basis.quotes)
    checks = (
        Check("STALE_PLAN", basis.plan_age_sessions, rules.max_plan_age_sessions),
        Check("STALE_DATA", _age(basis.data_age_sessions), rules.max_data_age_sessions),
        Check("STALE_MODEL", _age(basis.model_age_sessions), rules.max_model_age_sessions),
        Check("PRICE_MOVED", move, rules.max_price_move_pct),
        Check("CROSSED_QUOTE", crossed, 0),
    )
    return [check for check in checks if not check.passed]


def _age(sessions: int | None) -> float:
    return math.inf if sessions is None else sessions
