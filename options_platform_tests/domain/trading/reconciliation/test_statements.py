"""Activities as the broker states them now."""

from datetime import date

from options_platform.domain.trading.reconciliation.statements import as_stated_now
from options_platform.domain.trading.reports import Activity

DAY = date(2024, 3, 4)
SYMBOL = "SPY240315P00470000"


def stated(number, quantity, status="executed", previous=None):
    return Activity(number, "OPASN", SYMBOL, quantity, None, DAY, None, status, previous)


def quantities(*activities):
    return {each.activity_id: each.quantity for each in as_stated_now(activities)}


def test_a_canceled_activity_counts_nothing_whatever_it_says():
    assert quantities(stated("a", 2, "canceled"), stated("b", 1, "correct")) == {"a": 0, "b": 1}


def test_the_last_of_several_under_one_id_counts():
    assert quantities(stated("a", 2), stated("a", 1, "correct")) == {"a": 1}
    assert quantities(stated("a", 2), stated("a", 2, "canceled")) == {"a": 0}


def test_one_that_names_another_takes_its_place_listed_or_not():
    assert quantities(stated("a", 2), stated("b", 1, "correct", "a")) == {"a": 0, "b": 1}
    assert quantities(stated("b", 2, "canceled", "a")) == {"a": 0, "b": 0}


def test_what_is_pending_says_nothing():
    assert quantities(stated("a", 2), stated("a", 2, "pending")) == {"a": 2}
