"""Strategies of a report itself: their strikes lie at multiples of the move that options price.

They are no members of `STRATEGIES`: only the rules of earnings trades may choose them, since only
those know the report. The width of their legs is the implied move, in USD a share.
"""

from __future__ import annotations

from collections.abc import Callable

from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.strategies.base import Leg, Side, Strategy


def _condor(rules: EarningsTradeRules) -> Strategy:
    """Sell a strangle at the implied move, buy one further out."""
    return Strategy(
        "earnings_iron_condor",
        "credit",
        "neutral",
        (
            Leg("sell", "put", "moved", widths=rules.short_moves),
            Leg("buy", "put", "moved", widths=rules.wing_moves),
            Leg("sell", "call", "moved", widths=rules.short_moves),
            Leg("buy", "call", "moved", widths=rules.wing_moves),
        ),
        centred=True,
    )


def _butterfly(rules: EarningsTradeRules) -> Strategy:
    """Sell a straddle, buy the wings."""
    wing = rules.butterfly_wing_moves
    return Strategy(
        "earnings_iron_butterfly",
        "credit",
        "neutral",
        (
            Leg("sell", "put", "anchor"),
            Leg("buy", "put", "wing", widths=wing),
            Leg("sell", "call", "anchor"),
            Leg("buy", "call", "wing", widths=wing),
        ),
        centred=True,
    )


def _calendar(rules: EarningsTradeRules) -> Strategy:
    """Sell the first call at the spot that knows the report, buy a later one."""
    legs = Leg("buy", "call", "anchor"), Leg("sell", "call", "near")
    return Strategy(
        "earnings_calendar", "debit", "neutral", legs, centred=True,
        days_between=rules.calendar_days,
    )  # fmt: skip


def _straddle(name: str, side: Side) -> Strategy:
    legs = Leg(side, "put", "anchor"), Leg(side, "call", "anchor")
    kind = "debit" if side == "buy" else "credit"
    return Strategy(name, kind, "neutral", legs, centred=True)


def _strangle(name: str, side: Side, moves: float) -> Strategy:
    legs = Leg(side, "put", "moved", widths=moves), Leg(side, "call", "moved", widths=moves)
    kind = "debit" if side == "buy" else "credit"
    return Strategy(name, kind, "neutral", legs, centred=True)


_MADE: dict[str, Callable[[EarningsTradeRules], Strategy]] = {
    "earnings_iron_condor": _condor,
    "earnings_iron_butterfly": _butterfly,
    "earnings_calendar": _calendar,
    "earnings_short_straddle": lambda _: _straddle("earnings_short_straddle", "sell"),
    "earnings_short_strangle": lambda rules: _strangle(
        "earnings_short_strangle", "sell", rules.short_moves
    ),
    "earnings_long_straddle": lambda _: _straddle("earnings_long_straddle", "buy"),
    "earnings_long_strangle": lambda rules: _strangle(
        "earnings_long_strangle", "buy", rules.strangle_moves
    ),
}


def earnings_strategy(name: str, rules: EarningsTradeRules | None = None) -> Strategy:
    """The strategy of that name with its strikes where the rules put them; the default ones' else.

    Raises KeyError for a name that is no earnings strategy.
    """
    return _MADE[name](rules or EarningsTradeRules())
