from datetime import date

import polars as pl

from options_platform.domain.accounting.exit_decisions import AT_CLOSE_ONLY, with_decisions

MON, TUE, WED, THU = (date(2024, 3, day) for day in (4, 5, 6, 7))
TRADES = pl.DataFrame({
    "plan_id": ["a", "b", "c", "d", "e"],
    "exit_reason": ["TAKE_PROFIT", "STOP_LOSS", "ASSIGNED", None, "TIME"],
    "closed_on": [WED, WED, WED, None, MON],
})  # fmt: skip
MARKS = pl.DataFrame({
    "plan_id": ["a", "a", "a", "b", "b", "c", "d", "e"],
    "date": [MON, TUE, WED, MON, TUE, TUE, TUE, MON],
    "mark_price": [-0.5, -0.3, -1.1, -1.9, -2.2, -4.0, -0.6, -0.9],
    "stale": [False, False, False, False, True, False, False, False],
})  # fmt: skip


def decided(**options):
    rows = with_decisions(TRADES, MARKS, "plan_id", **options)
    assert rows["plan_id"].to_list() == TRADES["plan_id"].to_list()
    return {row[0]: row[1:] for row in rows.select("plan_id", "decided_on", "decided_price").rows()}


def test_the_last_close_before_the_fill_decided_it():
    assert decided()["a"] == (TUE, -0.3)


def test_a_mark_that_was_carried_forward_decided_nothing():
    assert decided()["b"] == (MON, -1.9)


def test_what_no_rule_of_a_close_asked_for_has_no_decision():
    found = decided()
    # An assignment, an open trade, and an exit without a close before it.
    assert found["c"] == found["d"] == found["e"] == (None, None)


def test_live_stops_may_be_decided_within_a_session():
    assert decided(reasons=AT_CLOSE_ONLY)["b"] == (None, None)
    assert decided(reasons=AT_CLOSE_ONLY)["a"] == (TUE, -0.3)
