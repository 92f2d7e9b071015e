"""The settings of a backtest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from options_platform.domain.chain import ChainRules
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.exits import ExitRules
from options_platform.domain.trading.expiry_policy import ExpiryRules
from options_platform.domain.trading.fills import FillRules


@dataclass(frozen=True)
class AssignmentRules:
    """When a sold leg is exercised early by its holder.

    A call in the money on the session before an ex-dividend day, where the put of its strike is
    worth less than the dividend; any option with an absolute delta of at least `min_delta` and no
    more than `max_extrinsic_usd` of time value.
    """

    enabled: bool = True
    min_delta: float = 0.97
    max_extrinsic_usd: float = 0.01


@dataclass(frozen=True)
class BacktestOptions:
    """What a backtest has beside the rules of trading; see :class:`BacktestRules`.

    `baseline_seeds` is how often each baseline without skill is drawn.
    """

    assignment: AssignmentRules = field(default_factory=AssignmentRules)
    entry_order: Literal["market", "limit"] = "market"
    buying_power: bool = True
    resume_after_sessions: int | None = 21
    baseline_seeds: int = 20

    def __post_init__(self) -> None:
        if self.baseline_seeds < 1:
            raise ValueError("baseline_seeds must be at least 1")


@dataclass(frozen=True)
class BacktestRules:
    """How planned trades are filled, held and closed.

    `exits` None holds every position to its first expiry, whatever `expiry` says. `entry_order`
    `limit` fills an entry only at the plan's price or better, as live day orders do; `market` fills
    it at whatever the fill model says. With `buying_power` an entry must leave the maximum losses
    of all positions covered by equity. Losses beyond `risk.kill_switch` stop entries as they do
    live; a person is taken to have looked and to resume after `resume_after_sessions`, never if
    that is None. `sizing` is what the plans were sized by: an entry takes no more of them than it
    allows at the equity of the session; None trades what is planned.
    """

    start_usd: float = 100_000.0
    exits: ExitRules | None = field(default_factory=ExitRules)
    expiry: ExpiryRules = field(default_factory=ExpiryRules)
    risk: RiskRules = field(default_factory=RiskRules)
    sizing: SizingRules | None = None
    fills: FillRules = field(default_factory=FillRules)
    costs: CostRules = field(default_factory=CostRules)
    chain: ChainRules = field(default_factory=ChainRules)
    assignment: AssignmentRules = field(default_factory=AssignmentRules)
    entry_order: Literal["market", "limit"] = "market"
    buying_power: bool = True
    resume_after_sessions: int | None = 21

    def __post_init__(self) -> None:
        if not 0.0 < self.start_usd < math.inf:
            raise ValueError("start_usd must be a positive number")

    def account_usd(self, equity_usd: float) -> float:
        """What limits in percent are of: the configured value, or the equity if that is less."""
        configured = self.start_usd if self.sizing is None else self.sizing.account_value_usd
        return min(configured, equity_usd)

    @property
    def holds_to_expiry(self) -> bool:
        """Whether positions are held into their expiry, which no account does by default."""
        return self.exits is None or self.expiry.hold_to_expiry
