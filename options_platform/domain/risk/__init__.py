"""Risk management: position sizing, account limits, kill switch, freshness of an order's inputs.

The same functions serve the backtest and live orders. Choosing a strategy and its strikes does not
belong here (`domain/planning/`), nor do exit rules (`domain/trading/`).
"""

from options_platform.domain.risk.feasibility import FEASIBILITY_SCHEMA, feasibility
from options_platform.domain.risk.freshness import FreshnessRules, OrderBasis, stale
from options_platform.domain.risk.kill_switch import (
    KillSwitch,
    after_closes,
    is_of_losses,
    reason_of,
)
from options_platform.domain.risk.limits import (
    Check,
    Exposure,
    assess,
    exposure_of,
    refusals,
    set_refusals,
)
from options_platform.domain.risk.pausing import Pausing, after_look
from options_platform.domain.risk.rules import (
    GapRules,
    GreekLimits,
    KillSwitchRules,
    RiskRules,
    SetLimits,
)

__all__ = [
    "FEASIBILITY_SCHEMA",
    "Check",
    "Exposure",
    "FreshnessRules",
    "GapRules",
    "GreekLimits",
    "KillSwitch",
    "KillSwitchRules",
    "OrderBasis",
    "Pausing",
    "RiskRules",
    "SetLimits",
    "after_closes",
    "after_look",
    "assess",
    "exposure_of",
    "feasibility",
    "is_of_losses",
    "reason_of",
    "refusals",
    "set_refusals",
    "stale",
]
