"""Caps of trades of reports: reports cluster, and trades of one evening lose together.

All earnings trades have the same distance from the plan to the report, so plans of one session are
of reports with the same last close before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES, EarningsTradeRules
from options_platform.domain.risk import Check
from options_platform.domain.risk.sizing import SizingRules, loss_cap

NOT_PROVEN = "EARNINGS_RESEARCH"
"""Refuses real money to an earnings strategy whose record does not pass the evidence gate."""


@dataclass(frozen=True)
class TakenTrade:
    """An earnings trade that is open, worked or closed: the session of its plan, and its risk."""

    planned_on: date
    max_loss_usd: float


def report_cap_refusals(
    strategy: str,
    entry: TakenTrade,
    taken: Sequence[TakenTrade],
    equity_usd: float,
    sizing: SizingRules,
    rules: EarningsTradeRules,
) -> list[Check]:
    """The caps that an entry of an earnings strategy would break; empty for other strategies.

    Args:
        strategy: of the entry.
        entry: the entry.
        taken: all earnings trades of the account, closed ones too: a week has at most a number.
        equity_usd: the account's share that the entry's rule set trades with.
        sizing: how that set sizes a trade; the caps are shares of its largest loss.
        rules: the caps.
    """
    if strategy not in EARNINGS_STRATEGIES:
        return []
    anchor = shift(entry.planned_on, rules.planned_ahead)
    week = anchor.isocalendar()[:2]
    anchors = [(shift(each.planned_on, rules.planned_ahead), each) for each in taken]
    same_anchor = [each.max_loss_usd for day, each in anchors if day == anchor]
    same_week = [each.max_loss_usd for day, each in anchors if day.isocalendar()[:2] == week]
    budget = loss_cap(equity_usd, sizing)
    checks = (
        Check("MAX_EARNINGS_TRADES", len(same_week) + 1, rules.max_per_week),
        Check(
            "MAX_EARNINGS_ANCHOR",
            sum(same_anchor) + entry.max_loss_usd,
            rules.anchor_share * budget,
        ),
        Check("MAX_EARNINGS_WEEK", sum(same_week) + entry.max_loss_usd, rules.week_share * budget),
    )
    return [check for check in checks if not check.passed]
