"""When a position is closed: profit taken, loss stopped, time up; each exit has its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date

from options_platform.domain.earnings.blackout import EARNINGS
from options_platform.domain.earnings.trade_exits import REPORT_EXITS
from options_platform.domain.trading.exits.ex_dividend import ExDividendRules
from options_platform.domain.trading.exits.pin_risk import PinRiskRules


@dataclass(frozen=True)
class ExitRules:
    """Exits of spreads; shares are of the credit, of the debit or of the maximum profit.

    Credit spreads: take `credit_take_profit` of the credit, stop when the loss reaches
    `credit_stop` credits, at most `credit_stop_cap` of the maximum loss. Debit spreads: take
    `debit_take_profit` of the maximum profit, or of the debit where the profit has no bound, stop
    at `debit_stop` of the debit. All: close when the days left reach min(`exit_dte`, half the
    entry's), before an ex-date as `ex_dividend` has it, near the strike as `pin_risk` has it, and
    at the latest when the rules of expiry ask for it.
    """

    credit_take_profit: float = 0.5
    credit_stop: float = 2.0
    credit_stop_cap: float = 0.75
    debit_take_profit: float = 0.6
    debit_stop: float = 0.5
    exit_dte: int = 21
    ex_dividend: ExDividendRules = field(default_factory=ExDividendRules)
    pin_risk: PinRiskRules = field(default_factory=PinRiskRules)

    def __post_init__(self) -> None:
        for name, share in vars(self).items():
            if name not in ("exit_dte", "ex_dividend", "pin_risk") and not share > 0.0:
                raise ValueError(f"{name} must be positive, not {share:g}")
        if self.exit_dte < 0:
            raise ValueError("exit_dte must not be negative")


IMMEDIATE_REASONS = frozenset(
    {
        "EXPIRY_NEAR", "STOP_LOSS", EARNINGS, "EX_DIVIDEND", "LEGS_GONE", "LEG_MISSING", "ASSIGNED",
        *REPORT_EXITS,
    }
)  # fmt: skip
"""Reasons of exits that are not put off to a close; profit and time are, as in a backtest."""


@dataclass(frozen=True)
class PositionMark:
    """A position on a session's close; prices are per share of one spread.

    `entry_price` and `close_price` are net: debit positive, credit negative. `close_price` is
    what the spread is worth now, in the same sense. `max_profit` is infinite without a bound.
    `last_decision_on` is the last close at which leaving before the expiry can be decided, None if
    it is held into it. `before_report` is whether it leaves before an earnings report
    (`domain/earnings/blackout.py`), `before_ex_date` whether a sold call is to be closed before an
    ex-date,
    `at_pin_risk` whether a sold leg is too near the money for the days that it has left.
    `trades_report` is whether it is an earnings trade, and `report_exit` why such a one leaves for
    its report (`domain/earnings/trade_exits.py`).
    """

    entry_price: float
    close_price: float
    max_loss: float
    max_profit: float
    entry_dte: int
    expiry: date
    session: date
    last_decision_on: date | None
    before_report: bool = False
    before_ex_date: bool = False
    at_pin_risk: bool = False
    trades_report: bool = False
    report_exit: str | None = None


@dataclass(frozen=True)
class ExitLevels:
    """A profit and a loss, USD a share and positive, at which the rules close a position."""

    take_profit: float
    stop_loss: float


def exit_levels(
    entry_price: float, max_loss: float, max_profit: float, rules: ExitRules
) -> ExitLevels:
    """The levels of a position that was entered at `entry_price` (debit positive), USD a share.

    `max_profit` is infinite without a bound. A level beyond what the position can make or lose is
    never reached.
    """
    if entry_price < 0:
        credit = -entry_price
        stop = min(rules.credit_stop * credit, rules.credit_stop_cap * max_loss)
        return ExitLevels(rules.credit_take_profit * credit, stop)
    most = max_profit if math.isfinite(max_profit) else entry_price
    return ExitLevels(rules.debit_take_profit * most, rules.debit_stop * entry_price)


def days_at_time_exit(entry_dte: int, rules: ExitRules) -> int:
    """The days to expiry from which on the rules close a position, whatever it is worth."""
    return min(rules.exit_dte, entry_dte // 2)


def is_due(session: date, last_decision_on: date | None) -> bool:
    """Whether the calendar alone asks to leave at the close of `session`."""
    return last_decision_on is not None and session >= last_decision_on


def exit_reason(mark: PositionMark, rules: ExitRules) -> str | None:
    """The first rule that closes the position on this session, or None to hold it.

    EXPIRY_NEAR, STOP_LOSS, EARNINGS, EX_DIVIDEND, TAKE_PROFIT, TIME, PIN_RISK; checked in that
    order: what needs an order at once comes first, and PIN_RISK closes what nothing else does.
    An earnings trade has neither a stop nor a target, which a report would leap over: it leaves for
    its report (REPORT_AT_OPEN, REPORT_OUT, REPORT_MOVED), EXPIRY_NEAR and EX_DIVIDEND alone.
    """
    if mark.report_exit is not None:
        return mark.report_exit
    if is_due(mark.session, mark.last_decision_on):
        return "EXPIRY_NEAR"
    if mark.trades_report:
        return "EX_DIVIDEND" if mark.before_ex_date else None
    profit = mark.close_price - mark.entry_price
    levels = exit_levels(mark.entry_price, mark.max_loss, mark.max_profit, rules)
    days_left = (mark.expiry - mark.session).days
    asked = {
        "STOP_LOSS": -profit >= levels.stop_loss,
        EARNINGS: mark.before_report,
        "EX_DIVIDEND": mark.before_ex_date,
        "TAKE_PROFIT": profit >= levels.take_profit,
        "TIME": days_left <= days_at_time_exit(mark.entry_dte, rules),
        "PIN_RISK": mark.at_pin_risk,
    }
    return next((reason for reason, is_met in asked.items() if is_met), None)
