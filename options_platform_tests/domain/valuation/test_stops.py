"""The decision table of stops, line by line."""

from datetime import UTC, datetime, timedelta

import pytest

from options_platform.domain.valuation import (
    Band,
    Look,
    Quoted,
    StopVerdict,
    ValuationRules,
    judge,
    verdict_of,
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
    ("by_quotes", "verdict"),
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
def test_quotes_are_unsure_if_they_are_wide_around_the_stop(by_quotes, verdict):
    assert verdict_of(by_quotes, is_stop) is verdict


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
        # Fail closed: the adverse end of the model's band decides.
        (LONG, wide(-0.5), MODEL_OPEN, True),
        (LONG, None, MODEL_BEYOND, True),
        (LONG, None, MODEL_WITHIN, False),
        (LONG, None, None, False),
        (LONG, WITHIN, MODEL_BEYOND, False),
    ],
)
def test_the_stop_table_line_by_line(before, by_quotes, by_model, stopped):
    evidence = judge(before, AT, by_quotes, by_model, is_stop, RULES)
    assert evidence.is_stopped is stopped
    assert evidence.by_model is (before == LONG and by_quotes is not WITHIN)


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
        # A look with wide quotes does not cancel one with tight quotes.
        (CONFIRMS, wide(-0.5), Look(CONFIRMS.beyond_since, AT)),
    ],
)
def test_a_look_remembers_when_the_value_was_beyond_or_unsure(before, by_quotes, after):
    assert judge(before, AT, by_quotes, None, is_stop, RULES).look == after


def test_a_model_within_the_stop_cancels_an_earlier_look_and_keeps_deciding():
    before = Look(ago(hours=3), ago(hours=2))
    evidence = judge(before, AT, wide(-4.5), MODEL_WITHIN, is_stop, RULES)
    assert evidence.look == Look(None, before.unsure_since)
    assert judge(before, AT, wide(-4.5), MODEL_BEYOND, is_stop, RULES).look == before


def test_a_clock_that_was_ahead_does_not_delay_the_model():
    ahead = Look(unsure_since=AT + timedelta(hours=5))
    evidence = judge(ahead, AT, wide(-0.5), MODEL_BEYOND, is_stop, RULES)
    assert evidence.look == Look(unsure_since=AT)
    later = judge(evidence.look, AT + timedelta(minutes=15), None, MODEL_BEYOND, is_stop, RULES)
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
def test_the_current_and_the_reliable_value_of_a_position(before, by_quotes, by_model, value, sure):
    """Values at the mids can pause entries; only reliable values can halt them."""
    evidence = judge(before, AT, by_quotes, by_model, is_stop, RULES)
    assert (evidence.value, evidence.sure) == (value, sure)


def test_old_quotes_do_not_overrule_a_model_beyond_the_stop():
    evidence = judge(NEW, AT, WITHIN, MODEL_BEYOND, is_stop, RULES, are_old=True)
    assert (evidence.is_stopped, evidence.look) == (False, Look(unsure_since=AT))
    assert judge(LONG, AT, WITHIN, MODEL_BEYOND, is_stop, RULES, are_old=True).is_stopped
    for by_model, are_old in ((MODEL_WITHIN, True), (None, True), (MODEL_BEYOND, False)):
        within_stop = judge(LONG, AT, WITHIN, by_model, is_stop, RULES, are_old=are_old)
        assert (within_stop.is_stopped, within_stop.look) == (False, Look())
