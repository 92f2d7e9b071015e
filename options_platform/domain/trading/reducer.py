"""The table of order states: from a state and an event to the next state and one action.

:data:`RULES` is read from the top; the first rule that fits decides. Absence ends no order that was
sent: neither lists nor a look-up without it, nor a page that is no answer, nor a clock say what
became of it. What the broker shows is evidence, and corrects whatever was concluded before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from options_platform.domain.trading.orders import (
    CANCELLABLE,
    ENDED,
    FINAL,
    RESTING,
    TRANSITIONS,
    Order,
)
from options_platform.domain.trading.reports import BrokerOrder


class Event(StrEnum):
    """What happened to an order."""

    LOOK = "look"
    """What became of it is to be looked up."""
    WANTED = "wanted"
    """It is to be in the market, and nothing forbids that."""
    UNWANTED = "unwanted"
    """It has to leave the market, or never reach it: after a halt, a flatten, a repricing."""
    SHOWN = "shown"
    """A list or a look-up of the broker shows it."""
    ABSENT = "absent"
    """The broker answers, and neither its lists nor its look-up show the order."""
    TAKEN = "taken"
    """It was sent, and the broker has an order of that id already."""
    REFUSED = "refused"
    """The broker refuses it in an answer of its own, and shows no such order."""
    SILENT = "silent"
    """No answer, or one that is not the broker's own."""


class Action(StrEnum):
    """What to do next."""

    NONE = "none"
    ASK = "ask"
    SEND = "send"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Happening:
    """An event and its circumstances.

    `at` is when it happened; `is_wanted` says that the order is to be sent if the broker does not
    have it, `is_over` that its session is over by the broker's clock; `report` is what the broker
    shows, `words` are its reason for a refusal.
    """

    event: Event
    at: datetime | None = None
    is_wanted: bool = False
    is_over: bool = False
    report: BrokerOrder | None = None
    words: str | None = None


@dataclass(frozen=True)
class Decision:
    """The order in its next state, what to do, and the detail of its event in the ledger.

    `is_fill` says that more of it has filled, or at another price: its position changes too.
    """

    order: Order
    action: Action
    detail: str | None
    is_fill: bool


Condition = Callable[[Order, Happening], bool]
SAME = "same"
AS_SHOWN = "as shown"


@dataclass(frozen=True)
class OrderRule:
    """One line of the table: in `states`, after `event`, if `when` holds: `then` and `action`."""

    states: tuple[str, ...]
    event: Event
    when: Condition
    then: str
    action: Action
    why: str


def _always(_order: Order, _happening: Happening) -> bool:
    return True


def _is_over(_order: Order, happening: Happening) -> bool:
    return happening.is_over


def _is_withdrawn(order: Order, _happening: Happening) -> bool:
    return order.withdrawn


def _is_wanted(_order: Order, happening: Happening) -> bool:
    return happening.is_wanted


def is_older(order: Order, report: BrokerOrder) -> bool:
    """Whether a report is older than what is recorded, since lists lag behind.

    It shows fewer fills, or an order as resting that the broker has shown as ended.
    """
    ended = order.seen and order.status in ENDED
    return report.filled_qty < order.filled_qty or (
        ended and report.status not in ENDED and report.filled_qty == order.filled_qty
    )


def _shows_less(order: Order, happening: Happening) -> bool:
    return happening.report is not None and is_older(order, happening.report)


def _rests_though_ended(order: Order, happening: Happening) -> bool:
    """Whether a report shows an order as resting that the broker has shown as ended.

    The list may lag; an order that does rest after its end has to leave the market.
    """
    report = happening.report
    if report is None or not order.seen or order.status not in ENDED:
        return False
    return report.status in CANCELLABLE and is_older(order, report)


def _is_stuck(order: Order, happening: Happening) -> bool:
    """Whether its cancel, or its replacement, was still pending when its session ended."""
    report = happening.report
    if report is None or report.filled_qty != order.filled_qty:
        return False
    return happening.is_over and report.status == "cancel_pending"


def _rests_unwanted(order: Order, happening: Happening) -> bool:
    report = happening.report
    is_unwanted = order.withdrawn or happening.is_over or order.status in ("not_sent", "expired")
    return report is not None and report.status in CANCELLABLE and is_unwanted


ALL = tuple(TRANSITIONS)
UNSETTLED = ("unknown", *RESTING)
AT_BROKER = (*UNSETTLED, "missing")
OVER = ("not_sent", *ENDED)

RULES: tuple[OrderRule, ...] = (
    # What is asked for.
    OrderRule(OVER, Event.LOOK, _always, SAME, Action.NONE, "it has ended"),
    OrderRule(OVER, Event.WANTED, _always, SAME, Action.NONE, "it has ended"),
    OrderRule(ALL, Event.LOOK, _always, SAME, Action.ASK, "the broker knows"),
    OrderRule(ALL, Event.WANTED, _always, SAME, Action.ASK, "an earlier run may have sent it"),
    OrderRule(("intent",), Event.UNWANTED, _always, "not_sent", Action.NONE, "nothing was sent"),
    OrderRule(CANCELLABLE, Event.UNWANTED, _always, SAME, Action.CANCEL, "it rests"),
    OrderRule(("cancel_pending", "unknown", "missing"), Event.UNWANTED, _always, SAME, Action.ASK,
              "it may rest by now"),
    OrderRule(OVER, Event.UNWANTED, _always, SAME, Action.NONE, "it has ended"),
    # What the broker shows: evidence, whatever was concluded before.
    OrderRule(ENDED, Event.SHOWN, _rests_though_ended, SAME, Action.CANCEL,
              "it rests though it had ended, and nobody wants it to"),
    OrderRule(ALL, Event.SHOWN, _shows_less, SAME, Action.NONE, "older than what is recorded"),
    OrderRule(UNSETTLED, Event.SHOWN, _is_stuck, "missing", Action.NONE,
              "its session is over, and the broker does not show how it ended"),
    OrderRule(("missing",), Event.SHOWN, _is_stuck, SAME, Action.NONE,
              "its session is over, and the broker does not show how it ended"),
    OrderRule(ALL, Event.SHOWN, _rests_unwanted, AS_SHOWN, Action.CANCEL,
              "it rests, and nobody wants it to"),
    OrderRule(ALL, Event.SHOWN, _always, AS_SHOWN, Action.NONE, "the broker shows it"),
    # What the broker does not show: no evidence.
    OrderRule(("intent",), Event.ABSENT, _is_over, "expired", Action.NONE, "NEVER_SENT"),
    OrderRule(("intent",), Event.ABSENT, _is_withdrawn, "not_sent", Action.NONE,
              "nothing was sent"),
    OrderRule(("intent",), Event.ABSENT, _is_wanted, "unknown", Action.SEND, "SENDING"),
    OrderRule(UNSETTLED, Event.ABSENT, _is_over, "missing", Action.NONE,
              "its session is over, and the broker does not show it"),
    OrderRule(("unknown",), Event.ABSENT, _is_withdrawn, SAME, Action.NONE, "it may still arrive"),
    OrderRule(("unknown",), Event.ABSENT, _is_wanted, SAME, Action.SEND, "SENDING"),
    OrderRule(ALL, Event.ABSENT, _always, SAME, Action.NONE, "absence is no evidence"),
    # The answer to sending it.
    OrderRule(("unknown",), Event.TAKEN, _always, "submitted", Action.ASK, "its id is taken"),
    OrderRule(("unknown",), Event.REFUSED, _always, "rejected", Action.NONE,
              "the broker refused it"),
    OrderRule(ALL, Event.TAKEN, _always, SAME, Action.ASK, "its id is taken"),
    OrderRule(ALL, Event.REFUSED, _always, SAME, Action.NONE, "another answer came first"),
    OrderRule(ALL, Event.SILENT, _always, SAME, Action.NONE, "no answer is no evidence"),
)  # fmt: skip
"""The table. An `intent` was never sent, by the ledger's own record, so it may end."""


def rule_for(order: Order, happening: Happening) -> OrderRule:
    """The first rule that fits."""
    return next(
        rule
        for rule in RULES
        if order.status in rule.states
        and rule.event is happening.event
        and rule.when(order, happening)
    )


def decide(order: Order, happening: Happening) -> Decision:
    """The order in its next state, and what to do next.

    Raises :class:`LedgerError` if the broker shows more spreads filled than were ordered.
    """
    rule = rule_for(order, happening)
    after = order
    if happening.event is Event.UNWANTED and order.status in AT_BROKER:
        after = replace(after, withdrawn=True)
    if happening.event is Event.SHOWN and order.status in AT_BROKER:
        after = replace(after, seen=True)
    if rule.then == AS_SHOWN:
        after = _as_shown(after, happening.report)
    elif rule.then != SAME:
        after = after.to(rule.then, reason=_reason(after, rule, happening))
    if rule.action is Action.SEND:
        after = replace(after, placed_at=after.placed_at or happening.at)
    before = (order.filled_qty, order.avg_price)
    is_fill = after.filled_qty > 0 and (after.filled_qty, after.avg_price) != before
    return Decision(after, rule.action, _detail(order, after, rule, happening), is_fill)


def _as_shown(order: Order, report: BrokerOrder | None) -> Order:
    assert report is not None  # noqa: S101 (SHOWN comes with one)
    return order.shown(
        report.status,
        filled_qty=report.filled_qty,
        avg_price=report.avg_price if report.avg_price is not None else order.avg_price,
        fees_usd=report.fees_usd,
        reason=with_words(order, report.reason),
    )


def _reason(order: Order, rule: OrderRule, happening: Happening) -> str | None:
    """The reason of an order in a state that a rule concludes."""
    if rule.then == "expired" and (order.purpose != "exit" or order.reason is None):
        return rule.why
    return with_words(order, happening.words)


def _detail(before: Order, after: Order, rule: OrderRule, happening: Happening) -> str | None:
    """The detail of the event in the ledger: why, or what a report of the broker corrects."""
    if happening.event is not Event.SHOWN:
        return rule.why
    if before.status in (*FINAL, "missing") and before.status != after.status:
        return f"CORRECTED: was {before.status}"
    return "FOUND" if before.status == "intent" else after.reason


def with_words(order: Order, words: str | None) -> str | None:
    """The reason of an order, with the words of the broker; an exit keeps its own before them."""
    why = order.reason if order.purpose == "exit" else None
    if words is None or (why is not None and why.endswith(words)):
        return order.reason
    return words if why is None else f"{why}: {words}"
