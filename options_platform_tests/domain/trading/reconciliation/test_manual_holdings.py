"""What a person's word, and a person's own contracts, explain of an activity."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.trading.reconciliation.manual_holdings import (
    BOUGHT_BY_PERSON,
    SOLD_BY_PERSON,
    AcceptedEnd,
    delivered_late,
    ends_by_word,
    explained_before,
    given_back_beside,
    settled_beside,
)
from options_platform.domain.trading.reconciliation.settlement import accepted
from options_platform_tests.domain.trading.reconciliation.test_settlement import (
    BOUGHT,
    DAY,
    SOLD,
    SPREAD,
    activity,
)

SYMBOL = SOLD.symbol("SPY")
OPENED = {"p": SPREAD.opened_on}
END = AcceptedEnd("ACCEPTED accepted-x", "ACCEPTED", SYMBOL, "p", 1, DAY)
BOOKS = {SYMBOL: -1, BOUGHT.symbol("SPY"): 2}


def told(stated, end=END, at_broker=BOOKS, opened=OPENED):
    return [count for _, count in explained_before(stated, [end], opened, BOOKS, at_broker)]


def test_an_activity_of_before_the_acceptance_tells_of_what_was_accepted():
    assert told(activity("OPASN", SOLD, 2)) == [1]
    assert told(activity("OPASN", SOLD, 2), replace(END, kind="OPASN")) == [1]
    assert told(activity("OPEXC", BOUGHT, 2)) == []


def test_a_later_one_does_where_the_broker_lists_all_that_should_be_there():
    later = replace(activity("OPASN", SOLD, 1), on=DAY + timedelta(days=1))
    assert told(later) == [1]
    assert told(later, at_broker={**BOOKS, SYMBOL: 0}) == []
    assert told(replace(later, on=DAY + timedelta(days=9))) == []


def test_one_of_before_the_position_was_opened_does_not():
    assert told(activity("OPASN", SOLD, 1), opened={"p": DAY + timedelta(days=1)}) == []


def test_what_was_accepted_as_gone_brings_the_shares_of_its_assignment_later():
    (after,) = accepted([SPREAD], {SYMBOL: -1}, DAY)
    (end,) = ends_by_word([SPREAD], [after], DAY)
    assert (end.symbol, end.quantity) == (SYMBOL, 1)
    done = delivered_late(activity("OPASN", SOLD, 1), end, 1, after)
    assert (done.adjustments, done.cash_usd, done.ended) == ({"SPY": 100}, -47_000.0, {"p": 1})
    assert any(leg.is_shares for leg in done.positions[0].loose)
    shown = delivered_late(activity("OPASN", SOLD, 1), replace(end, kind="OPASN"), 1, after)
    assert (shown.positions, shown.cash_usd) == ((), 0.0)


@pytest.mark.parametrize(("held", "ended"), [(-3, 2), (-1, 1), (1, 0), (0, 0)])
def test_a_persons_sold_contracts_are_assigned_to_the_person(held, ended):
    done = settled_beside(activity("OPASN", SOLD, 2), {SYMBOL: held}, ["SPY"])
    assert done.positions == ()
    assert done.unsettled == 2 - ended
    assert done.adjustments == ({SYMBOL: ended, "SPY": 100 * ended} if ended else {})


@pytest.mark.parametrize(
    ("kind", "held", "owner"),
    [("OPASN", -1, SOLD_BY_PERSON), ("OPEXP", -1, SOLD_BY_PERSON), ("OPEXP", 1, BOUGHT_BY_PERSON)],
)
def test_a_reversal_gives_a_persons_contracts_back_on_their_side(kind, held, owner):
    done = settled_beside(activity(kind, SOLD, 1), {SYMBOL: held}, ["SPY"])
    assert done.ended == {owner: 1}
    back = given_back_beside(activity(kind, SOLD, 0), 1, owner, ["SPY"])
    assert {s: -q for s, q in back.adjustments.items()} == done.adjustments
    assert (back.cash_usd, back.ended) == (-done.cash_usd, {owner: -1})
