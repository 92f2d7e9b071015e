from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.adapters.sources.http.retry import (
    FetchError,
    NoPricesError,
    RetryPolicy,
    seconds_of,
    status_fault,
)
from options_platform.errors import SourceError, UnknownSymbolError


class Clock:
    """A clock that advances only by sleeping."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, **options):
        return RetryPolicy(sleep=self.sleep, clock=lambda: self.now, **options)


def failing(times, error=None, value="bars"):
    """A function that fails `times` times, then returns `value`."""
    left = [error or FetchError("no connection")] * times

    def ask():
        if left:
            raise left.pop()
        return value

    return ask


def test_a_temporary_fault_is_retried_until_it_passes():
    clock = Clock()
    assert clock.policy().call(failing(3), "no bars of SPY") == "bars"
    assert len(clock.slept) == 3


def test_pauses_grow_with_jitter_and_stay_bounded():
    clock = Clock()
    policy = clock.policy(attempts=9, longest_pause_seconds=20.0, deadline_seconds=1e9)
    policy.call(failing(8), "no bars of SPY")
    for number, pause in enumerate(clock.slept):
        low = min(2.0**number, 20.0)
        assert low <= pause <= min(1.5 * 2.0**number, 20.0)
    others = Clock()
    others.policy(attempts=9, longest_pause_seconds=20.0, deadline_seconds=1e9).call(failing(8), "")
    assert others.slept != clock.slept


def test_the_error_names_request_cause_attempts_and_advice():
    with pytest.raises(SourceError) as error:
        Clock().policy().call(failing(9), "no bars of SPY for 2024-06-10 to 2024-07-10")
    assert str(error.value) == (
        "no bars of SPY for 2024-06-10 to 2024-07-10 (no connection, 4 times); try again later"
    )


def test_a_permanent_fault_is_not_retried():
    clock = Clock()
    fault = FetchError("HTTP 403", passing=False, advice="check the keys")
    with pytest.raises(SourceError, match=r"^no bars \(HTTP 403\); check the keys$"):
        clock.policy().call(failing(9, fault), "no bars")
    assert clock.slept == []


def test_a_bug_keeps_its_traceback_and_is_not_retried():
    clock = Clock()
    with pytest.raises(ZeroDivisionError):
        clock.policy().call(failing(9, ZeroDivisionError()), "no bars")
    assert clock.slept == []


@given(st.integers(1, 12), st.floats(0.1, 60), st.floats(1, 300), st.floats(0, 100))
def test_attempts_and_pauses_stay_within_their_limits(attempts, first, deadline, asked):
    clock = Clock()
    policy = clock.policy(attempts=attempts, first_pause_seconds=first, deadline_seconds=deadline)
    fault = FetchError("HTTP 429", retry_after_seconds=asked)
    with pytest.raises(SourceError):
        policy.call(failing(99, fault), "no bars")
    assert len(clock.slept) < attempts
    assert sum(clock.slept) <= deadline
    assert all(pause >= asked for pause in clock.slept)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Wed, 10 Jul 2024 12:01:00 GMT", 60.0),
        ("Wed, 10 Jul 2024 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert seconds_of(header, datetime(2024, 7, 10, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("passing", "statuses"),
    [(False, (400, 401, 403, 404, 422)), (True, (408, 429, 500, 502, 503, 504))],
)
def test_some_http_errors_are_temporary(passing, statuses):
    assert {status_fault(status, "").passing for status in statuses} == {passing}


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [(status_fault(404, "No data found"), True), (NoPricesError("no prices"), True),
     (status_fault(429, "slow down"), False), (FetchError("a time-out"), False)],
)  # fmt: skip
def test_a_symbol_is_unknown_by_the_sources_answer_and_never_by_a_failure(fault, unknown):
    def ask():
        raise fault

    policy = RetryPolicy(attempts=2, sleep=lambda _: None)
    with pytest.raises(SourceError) as error:
        policy.call(ask, "no bars of ^VXN")
    assert isinstance(error.value, UnknownSymbolError) == unknown
