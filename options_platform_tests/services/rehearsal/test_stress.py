"""What goes wrong in a session follows from the seed and the session alone."""

from datetime import date

import pytest

from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import UsageError
from options_platform.fake_alpaca.faults import Faults
from options_platform.services.rehearsal.stress import (
    IN_SESSION,
    INTENSITIES,
    READING,
    SENDING,
    intensity_of,
    stress_of,
)

YEAR = sessions(date(2019, 1, 2), date(2019, 12, 31))


def drawn(name, seed=1):
    return [stress_of(INTENSITIES[name], seed, day) for day in YEAR]


def test_a_session_draws_the_same_whatever_was_drawn_before():
    every = drawn("severe")
    assert every == [stress_of(INTENSITIES["severe"], 1, day) for day in reversed(YEAR)][::-1]
    assert every != drawn("severe", seed=2)


def test_more_goes_wrong_the_higher_the_intensity():
    outages = {
        name: sum(len(s.in_evening) + sum(map(len, s.at_moments)) for s in drawn(name))
        for name in INTENSITIES
    }
    assert outages["real"] == 0
    assert outages["stressed"] == 2 * len(YEAR)
    assert outages["severe"] == pytest.approx(5 * len(YEAR), rel=0.1)
    assert not any(s.evening_kill or s.kill_at is not None for s in drawn("real"))


def test_every_outage_is_one_that_the_fake_broker_knows():
    faults = Faults()
    for outage in (*SENDING, *READING, *IN_SESSION):
        for fault in outage.faults:
            faults.add(dict(fault))
    texts = [outage.text for outage in (*SENDING, *READING, *IN_SESSION)]
    assert len(set(texts)) == len(texts)


def test_an_unknown_intensity_is_refused():
    with pytest.raises(UsageError, match="only real, stressed, severe"):
        intensity_of("mild")
