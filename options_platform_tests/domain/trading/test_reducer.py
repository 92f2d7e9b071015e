"""The table of order states, checked over every state, event and circumstance."""

from dataclasses import replace
from itertools import product

import pytest

from options_platform.domain.trading.orders import CANCELLABLE, ENDED, RESTING, TRANSITIONS
from options_platform.domain.trading.reducer import (
    RULES,
    Action,
    Event,
    Happening,
    decide,
    is_older,
    rule_for,
)
from options_platform.domain.trading.reports import BrokerOrder
from options_platform.errors import LedgerError
from options_platform_tests.domain.trading.orders.test_orders import ORDER

STATES = tuple(TRANSITIONS)
YES_NO = (False, True)


def report(status, filled=0):
    return BrokerOrder(ORDER.client_order_id, status, filled, 1.0 if filled else None, 0.0)


def reports(event):
    if event is not Event.SHOWN:
        return [None]
    return [report(status, filled) for status in (*RESTING, *ENDED) for filled in (0, 1, 2)]


CASES = [
    (
        replace(ORDER, status=status, filled_qty=filled, seen=seen, withdrawn=withdrawn),
        Happening(event, is_wanted=wanted, is_over=over, report=shown),
    )
    for status, event, seen, withdrawn, wanted, over, filled in product(
        STATES, Event, YES_NO, YES_NO, YES_NO, YES_NO, (0, 1)
    )
    for shown in reports(event)
]


def test_each_case_has_a_rule_and_each_rule_a_case():
    used = {rule_for(order, happening) for order, happening in CASES}
    assert used == set(RULES)


def test_nothing_that_is_lacking_ends_an_order_that_left():
    for order, happening in CASES:
        if happening.event in (Event.ABSENT, Event.SILENT) and order.status != "intent":
            after = decide(order, happening).order
            assert after.status in (order.status, "missing")
            assert after.filled_qty == order.filled_qty


def test_what_the_broker_shows_corrects_whatever_was_concluded():
    for order, happening in CASES:
        shown = happening.report
        if happening.event is Event.SHOWN and not is_older(order, shown):
            after = decide(order, happening).order
            is_stuck = happening.is_over and shown.status == "cancel_pending"
            says_nothing = is_stuck and shown.filled_qty == order.filled_qty
            stays = says_nothing and order.status in ("unknown", *RESTING, "missing")
            assert (after.status, after.filled_qty, after.seen) == (
                "missing" if stays else shown.status,
                shown.filled_qty,
                True,
            )


def test_a_fill_is_never_taken_back():
    for order, happening in CASES:
        assert decide(order, happening).order.filled_qty >= order.filled_qty


def test_an_order_is_sent_only_where_it_is_wanted_and_nothing_says_that_it_left_for_good():
    for order, happening in CASES:
        if decide(order, happening).action is Action.SEND:
            assert happening.event is Event.ABSENT
            assert happening.is_wanted
            assert not happening.is_over
            assert not order.withdrawn
            assert order.status in ("intent", "unknown")


def test_an_order_that_nobody_wants_is_canceled_wherever_it_is_shown_to_rest():
    for order, happening in CASES:
        shown = happening.report
        if shown is None or is_older(order, shown) or shown.status not in CANCELLABLE:
            continue
        if order.withdrawn or happening.is_over:
            assert decide(order, happening).action is Action.CANCEL


def test_a_cancel_is_asked_for_only_of_what_rests():
    for order, happening in CASES:
        decision = decide(order, happening)
        if decision.action is Action.CANCEL:
            shown = happening.report
            assert (decision.order if shown is None else shown).status in CANCELLABLE


def test_what_is_withdrawn_stays_withdrawn():
    for order, happening in CASES:
        after = decide(order, happening).order
        assert after.withdrawn >= order.withdrawn
        if happening.event is Event.UNWANTED and order.status in ("unknown", *RESTING, "missing"):
            assert after.withdrawn


@pytest.mark.parametrize("status", ["expired", "canceled", "filled"])
def test_a_list_that_lags_reopens_nothing_that_the_broker_ended(status):
    order = replace(ORDER, status=status, seen=True, filled_qty=1, avg_price=1.0)
    for late in (report("accepted", 1), report("partially_filled", 1), report("canceled", 0)):
        decision = decide(order, Happening(Event.SHOWN, report=late))
        # Where it rests after all, nobody wants it to; of what has ended a cancel is refused.
        rests = late.status in CANCELLABLE
        assert (decision.order, decision.action) == (order, Action.CANCEL if rests else Action.NONE)


def test_more_fills_than_were_ordered_are_refused():
    with pytest.raises(LedgerError, match="cannot have 6"):
        decide(
            replace(ORDER, status="accepted"), Happening(Event.SHOWN, report=report("filled", 6))
        )
