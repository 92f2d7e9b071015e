from datetime import date

from options_platform.commands.demo import sessions_to_replay
from options_platform.domain.calendar.sessions import sessions, shift

NEWEST = date(2018, 12, 31)
LAST = sessions(shift(NEWEST, -19), NEWEST)


def test_the_last_sessions_are_replayed_if_they_trade_or_no_session_does():
    assert sessions_to_replay([LAST[5]], NEWEST, 20) == LAST
    assert sessions_to_replay([date(2018, 10, 10), LAST[0]], NEWEST, 20) == LAST
    assert sessions_to_replay([], NEWEST, 20) == LAST


def test_without_a_trade_in_the_last_sessions_the_newest_trade_is_replayed():
    traded = [date(2016, 11, 8), date(2018, 10, 10)]
    found = sessions_to_replay(traded, NEWEST, 20)
    assert found == sessions(date(2018, 10, 9), date(2018, 11, 5))
    assert len(found) == 20


def test_a_trade_of_the_newest_session_cannot_have_filled_yet():
    assert sessions_to_replay([date(2018, 10, 10), NEWEST], NEWEST, 20)[0] == date(2018, 10, 9)
    assert sessions_to_replay([NEWEST], NEWEST, 20) == LAST
