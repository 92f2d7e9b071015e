"""The settings of trades of a report itself, and the names of their strategies.

Only these strategies hold a position over a report; the blackout lets them pass by their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

SELLING = (
    "earnings_iron_condor",
    "earnings_iron_butterfly",
    "earnings_calendar",
    "earnings_short_straddle",
    "earnings_short_strangle",
)
"""What gains if a report moves the price less than options priced."""
BUYING = ("earnings_long_straddle", "earnings_long_strangle")
"""What gains if it moves it more."""
EARNINGS_STRATEGIES = (*SELLING, *BUYING)
NO_TRADE = "none"
LONGEST_ENTRY = 10
Exit = Literal["next_open", "next_close", "expiry"]


@dataclass(frozen=True)
class EarningsTradeRules:
    """Trades of a report itself. They are off unless `enabled`, and for paper money only until
    the evidence gate passes a strategy (status `research` until then).

    Where options price a move of at least `sell_from` times the forecast one, `sell` is traded, at
    most `buy_to` times, `buy`; each is an earnings strategy or none. Two that lose without bound
    take `plan.allow_undefined_risk` as well. A position is entered in the session `entry_sessions`
    before the last one that closes before the report (0 is that session), by the plan of the
    session before. Strikes lie at multiples of the implied move from the spot: short strikes at
    `short_moves`, wings of condors at `wing_moves`, wings of butterflies at `butterfly_wing_moves`,
    bought strangles at `strangle_moves`. The bought leg of a calendar expires at least
    `calendar_days` after the sold one. `exit` closes in the first session that knows the report, at
    once (`next_open`) or by its close, or holds to the expiry; a strategy that is short of options
    is closed one session later at the latest, and none has a stop or a target. Of the budget of a
    trade (`plan.sizing`), one earnings trade may lose `trade_share`, all with the same last session
    before their reports `anchor_share`, all of a week `week_share`, of which there are at most
    `max_per_week`. One contract is traded if it fits `anchor_share`. Without a bound, the loss
    counts at a move of `undefined_moves` implied moves, or the broker's margin if that is more.
    """

    enabled: bool = False
    sell: str = "earnings_iron_condor"
    buy: str = "earnings_long_straddle"
    sell_from: float = 1.25
    buy_to: float = 0.80
    entry_sessions: int = 0
    exit: Exit = "next_close"
    short_moves: float = 1.0
    wing_moves: float = 2.0
    butterfly_wing_moves: float = 1.5
    strangle_moves: float = 0.5
    calendar_days: int = 21
    undefined_moves: float = 3.0
    trade_share: float = 0.25
    anchor_share: float = 0.5
    week_share: float = 1.0
    max_per_week: int = 3
    proven: tuple[str, ...] = field(default=(), metadata={"derived": True})

    def __post_init__(self) -> None:
        for name, allowed in (("sell", SELLING), ("buy", BUYING)):
            if getattr(self, name) not in (NO_TRADE, *allowed):
                raise ValueError(f"{name} is {NO_TRADE} or one of {', '.join(allowed)}")
        if not 0.0 < self.buy_to < self.sell_from < math.inf:
            raise ValueError("0 < buy_to < sell_from must hold")
        if not 0 <= self.entry_sessions <= LONGEST_ENTRY:
            raise ValueError(f"entry_sessions is 0 to {LONGEST_ENTRY}")
        moves = (
            self.short_moves, self.wing_moves, self.butterfly_wing_moves, self.strangle_moves,
            self.undefined_moves,
        )  # fmt: skip
        if not all(0.0 < each < math.inf for each in moves):
            raise ValueError("short_moves, wing_moves and the other moves must be positive")
        if self.wing_moves <= self.short_moves:
            raise ValueError("wing_moves must be above short_moves")
        if self.calendar_days < 1 or self.max_per_week < 1:
            raise ValueError("calendar_days and max_per_week are at least 1")
        if not 0.0 < self.trade_share <= self.anchor_share <= self.week_share <= 1.0:
            raise ValueError("0 < trade_share <= anchor_share <= week_share <= 1 must hold")

    @property
    def planned_ahead(self) -> int:
        """Sessions from that of the plan to the last one that closes before the report."""
        return self.entry_sessions + 1
