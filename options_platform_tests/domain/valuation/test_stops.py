"""The table of stops, line by line."""

from datetime import UTC, datetime, timedelta

import pytest

from options_platform.domain.valuation import (
    Band,
    Look,
    Quoted,
    StopVerdict,
    ValuationRules,
    judge,
    said_of,
)

RULES = ValuationRules()
AT = datetime(2024, 7, 2, 14, 0, tzinfo=UTC)


def is_stop(value):
    return value <= -1.0


def tight(value):
    return Quoted(value, Band(value - 0.1, value + 0.1), is_wide=False)


def wide(mid, low=-5.0, high=0.0):
    return Quoted(mid, Band(low, high), is_wide=True)


def ago(**span):
    return AT - timedelta(**span)


BEYOND, WITHIN = tight(-1.05), tight(-0.95)
MODEL_BEYOND, MODEL_WITHIN, MODEL_OPEN = Band(-2.0, -1.5), Band(-0.4, -0.3), Band(-1.2, -0.9)
NEW, CONFIRMS = Look(), Look(beyond_since=ago(seconds=60))
TOO_SOON = Look(beyond_since=ago(seconds=59))
SHORT, LONG = Look(unsure_since=ago(seconds=899)), Look(unsure_since=ago(seconds=900))


@pytest.mark.parametrize(
    ("by_quotes", "said"),
    [
        (BEYOND, StopVerdict.BEYOND),
        (WITHIN, StopVerdict.WITHIN),
        (wide(-4.5), StopVerdict.UNSURE),
        (wide(-0.5), StopVerdict.UNSURE),
        (wide(-3.0, -5.0, -1.0), StopVerdict.BEYOND),
        (wide(-0.4, -0.9, 0.0), StopVerdict.WITHIN),
        (None, StopVerdict.UNSURE),
    ],
)
def test_quotes_are_unsure_where_they_are_wide_on_both_sides_of_the_stop(by_quotes, said):
    assert said_of(by_quotes, is_stop) is said


@pytest.mark.parametrize(
    ("before", "by_quotes", "by_model", "stopped"),
    [
        (NEW, BEYOND, None, False),
        (NEW, BEYOND, MODEL_WITHIN, False),
        (NEW, BEYOND, MODEL_OPEN, False),
        (NEW, BEYOND, MODEL_BEYOND, True),
        (TOO_SOON, BEYOND, None, False),
        (CONFIRMS, BEYOND, None, True),
        (CONFIRMS, BEYOND, MODEL_WITHIN, True),
        (CONFIRMS, WITHIN, MODEL_BEYOND, False),
        (CONFIRMS, wide(-4.5), None, False),
        (NEW, wide(-4.5), MODEL_BEYOND, True),
        (NEW, wide(-4.5), MODEL_OPEN, False),
        (NEW, wide(-0.5), MODEL_BEYOND, False),
        (NEW, None, MODEL_BEYOND, False),
        (SHORT, wide(-4.5), None, False),
        (LONG, wide(-4.5), None, True),
        (LONG, wide(-4.5), MODEL_WITHIN, False),
        (LONG, wide(-0.5), None, False),
        (LONG, wide(-0.5), MODEL_BEYOND, True),
        # It fails closed: the adverse end of the model decides then.
        (LONG, wide(-0.5), MODEL_OPEN, True),
        (LONG, None, MODEL_BEYOND, True),
        (LONG, None, MODEL_WITHIN, False),
        (LONG, None, None, False),
        (LONG, WITHIN, MODEL_BEYOND, False),
    ],
)
def test_the_table_of_stops(before, by_quotes, by_model, stopped):
    found = judge(before, AT, by_quotes, by_model, is_stop, RULES)
    assert found.is_stopped is stopped
    assert found.by_model is (before == LONG and by_quotes is not WITHIN)


@pytest.mark.parametrize(
    ("before", "by_quotes", "after"),
    [
        (NEW, BEYOND, Look(beyond_since=AT)),
        (TOO_SOON, BEYOND, TOO_SOON),
        (CONFIRMS, WITHIN, NEW),
        (SHORT, WITHIN, NEW),
        (SHORT, BEYOND, Look(beyond_since=AT)),
        (NEW, wide(-4.5), Look(unsure_since=AT)),
        (NEW, None, Look(unsure_since=AT)),
        (SHORT, wide(-0.5), SHORT),
        # What a tight look has shown is not taken back by a wide one.
        (CONFIRMS, wide(-0.5), Look(CONFIRMS.beyond_since, AT)),
    ],
)
def test_what_is_remembered(before, by_quotes, after):
    assert judge(before, AT, by_quotes, None, is_stop, RULES).look == after


def test_a_model_that_holds_a_position_takes_back_an_earlier_look_and_goes_on_deciding():
    before = Look(ago(hours=3), ago(hours=2))
    found = judge(before, AT, wide(-4.5), MODEL_WITHIN, is_stop, RULES)
    assert found.look == Look(None, before.unsure_since)
    assert judge(before, AT, wide(-4.5), MODEL_BEYOND, is_stop, RULES).look == before


def test_a_clock_that_was_ahead_silences_nothing_for_longer():
    ahead = Look(unsure_since=AT + timedelta(hours=5))
    found = judge(ahead, AT, wide(-0.5), MODEL_BEYOND, is_stop, RULES)
    assert found.look == Look(unsure_since=AT)
    later = judge(found.look, AT + timedelta(minutes=15), None, MODEL_BEYOND, is_stop, RULES)
    assert later.is_stopped


@pytest.mark.parametrize(
    ("before", "by_quotes", "by_model", "value", "sure"),
    [
        (NEW, BEYOND, MODEL_WITHIN, -1.05, -1.05),
        (NEW, wide(-4.5), None, -4.5, 0.0),
        (NEW, wide(-4.5), MODEL_WITHIN, -4.5, -0.3),
        (NEW, wide(-3.0, -5.0, -1.5), None, -3.0, -1.5),
        (LONG, wide(-4.5), MODEL_WITHIN, -0.4, -0.4),
        (LONG, wide(-4.5), None, -4.5, -4.5),
        (NEW, None, MODEL_BEYOND, -2.0, -1.5),
        (NEW, None, None, None, None),
    ],
)
def test_what_a_position_counts_with(before, by_quotes, by_model, value, sure):
    """The mids pause; only what is sure halts."""
    found = judge(before, AT, by_quotes, by_model, is_stop, RULES)
    assert (found.value, found.sure) == (value, sure)


def test_old_quotes_do_not_silence_a_model_that_is_beyond():
    found = judge(NEW, AT, WITHIN, MODEL_BEYOND, is_stop, RULES, are_old=True)
    assert (found.is_stopped, found.look) == (False, Look(unsure_since=AT))
    assert judge(LONG, AT, WITHIN, MODEL_BEYOND, is_stop, RULES, are_old=True).is_stopped
    for by_model, are_old in ((MODEL_WITHIN, True), (None, True), (MODEL_BEYOND, False)):
        held = judge(LONG, AT, WITHIN, by_model, is_stop, RULES, are_old=are_old)
        assert (held.is_stopped, held.look) == (False, Look())
