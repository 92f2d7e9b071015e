"""Settings of a backtest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from options_platform.domain.chain import ChainRules
from options_platform.domain.earnings.rules import BlackoutRules
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.risk import RiskRules, SetLimits
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.early_assignment import AssignmentRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.domain.trading.orders import LadderRules

ChainUse = Literal["real_if_stored", "real_only", "synthetic"]


@dataclass(frozen=True)
class BacktestOptions:
    """Settings of a backtest beyond those of trading; see :class:`BacktestRules`.

    `baseline_seeds` is the number of draws of each no-skill baseline. Raises ValueError if it is
    below 1, and if `gap_sessions` is negative.
    """

    assignment: AssignmentRules = field(default_factory=AssignmentRules)
    entry_order: Literal["market", "limit"] = "market"
    buying_power: bool = True
    resume_after_sessions: int | None = 21
    baseline_seeds: int = 20
    chains: ChainUse = "real_if_stored"
    gap_sessions: int = 5

    def __post_init__(self) -> None:
        if self.baseline_seeds < 1:
            raise ValueError("baseline_seeds must be at least 1")
        _require_use(self.chains, self.gap_sessions)


def _require_use(chains: str, gap_sessions: int) -> None:
    if gap_sessions < 0:
        raise ValueError(f"gap_sessions must be at least 0, not {gap_sessions}")
    if chains not in get_args(ChainUse):
        raise ValueError(f"chains must be one of {', '.join(get_args(ChainUse))}, not {chains}")


@dataclass(frozen=True)
class OwnRules:
    """What one of several rule sets in an account has of its own; see :class:`BacktestRules`.

    `share` is its share of the account value and of the equity, on which `sizing` and `limits`
    count.
    """

    exits: ExitRules | None = field(default_factory=ExitRules)
    sizing: SizingRules | None = None
    limits: SetLimits = field(default_factory=SetLimits)
    share: float = 1.0


@dataclass(frozen=True)
class BacktestRules:
    """How planned trades are filled, managed and closed.

    Without `exits` every position is held to its first expiry, whatever `expiry` says. With the
    `entry_order` `limit` an entry fills only at the planned price or better, like a live day order;
    with `market` it fills at the fill model's price. With `buying_power` equity must cover the
    maximum losses of all positions and of the entry. Once `risk.kill_switch` has halted entries,
    they resume after `resume_after_sessions`, as if a person had looked; never if that is None.
    Entries are reduced to what `sizing` allows at the equity of the session; without it the planned
    contracts are traded. They are counted as live trading counts them: with `market` as at a broker
    with a market, at the last rung that an entry has on `ladder`, and again at a fill above the
    planned price; with `limit` as at the simulated broker, at the planned price. `chains`: with
    `real_if_stored` plans, fills and marks use stored real chains where there are any, and the
    surface elsewhere; with `real_only` nothing is traded without real quotes; `synthetic` ignores
    them. After a stored chain of a ticker, up to `gap_sessions` sessions without one are a gap, in
    which nothing fills; after that, the surface fills again. `sets` are by name the rules of the
    sets that trade the account together, in the order of their entries: their plans have these in
    place of `exits`, `sizing` and `limits`. Every limit of `risk` is of all of them together. By
    `blackout` positions leave before a report, at the far side of the quotes; those of earnings
    strategies are sized, limited and left as `earnings_trades` has it.
    """

    start_usd: float = 100_000.0
    exits: ExitRules | None = field(default_factory=ExitRules)
    expiry: ExpiryRules = field(default_factory=ExpiryRules)
    risk: RiskRules = field(default_factory=RiskRules)
    sizing: SizingRules | None = None
    ladder: LadderRules = field(default_factory=LadderRules)
    fills: FillRules = field(default_factory=FillRules)
    costs: CostRules = field(default_factory=CostRules)
    chain: ChainRules = field(default_factory=ChainRules)
    assignment: AssignmentRules = field(default_factory=AssignmentRules)
    entry_order: Literal["market", "limit"] = "market"
    buying_power: bool = True
    resume_after_sessions: int | None = 21
    chains: ChainUse = "real_if_stored"
    gap_sessions: int = 5
    limits: SetLimits = field(default_factory=SetLimits)
    sets: Mapping[str, OwnRules] = field(default_factory=dict)
    blackout: BlackoutRules = field(default_factory=BlackoutRules)
    earnings_trades: EarningsTradeRules = field(default_factory=EarningsTradeRules)

    def __post_init__(self) -> None:
        _require_use(self.chains, self.gap_sessions)
        if not 0.0 < self.start_usd < math.inf:
            raise ValueError("start_usd must be a positive number")

    def account_usd(self, equity_usd: float) -> float:
        """Base of percentage limits, USD: the configured account value or equity, if smaller."""
        configured = self.start_usd if self.sizing is None else self.sizing.account_value_usd
        return min(configured, equity_usd)

    def own(self, rule_set: str) -> OwnRules:
        """The rules that plans of a set are traded by."""
        alone = OwnRules(self.exits, self.sizing, self.limits)
        return self.sets.get(rule_set, alone)

    @property
    def holds_to_expiry(self) -> bool:
        """Whether positions are held to expiry; by default no account does that."""
        return self.exits is None or self.expiry.hold_to_expiry

    def holds(self, own: OwnRules) -> bool:
        """Whether the positions of a set are held to expiry."""
        return own.exits is None or self.expiry.hold_to_expiry
