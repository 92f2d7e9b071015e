from datetime import date, timedelta

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.coverage import coverage, may_record, newest_closed
from options_platform.domain.forward.links import Content, next_links
from options_platform_tests.forward_links import FIRST, content, night, too_late

SECOND = timedelta(seconds=1)


def chain(*contents):
    links = []
    for each in contents:
        links += [link for link, _ in next_links(links, [each], night(each.session), "1.0")]
    return links


def test_only_the_newest_session_is_recorded_and_only_before_the_next_open():
    friday, monday = date(2024, 7, 5), date(2024, 7, 8)
    opens = too_late(friday)
    assert opens.date() == monday
    assert may_record(friday, night(friday))
    assert may_record(friday, opens - SECOND)
    assert not may_record(friday, opens)
    assert not may_record(shift(friday, -1), night(friday))
    # Its own day is not over.
    assert not may_record(monday, opens + timedelta(hours=8))
    assert newest_closed(opens - SECOND) == date(2024, 7, 3)
    assert newest_closed(opens) == friday


def test_sessions_without_a_link_are_gaps_with_their_reason():
    third = shift(FIRST, 2)
    links = chain(
        content(),
        Content(shift(FIRST, 1), "plan", failure="no such strike"),
        content(shift(FIRST, 3)),
    )
    (part,) = coverage(links, night(shift(FIRST, 5)))
    assert (part.first, part.last, part.sessions) == (FIRST, shift(FIRST, 4), 5)
    assert part.gaps == {shift(FIRST, 1): "no such strike", third: "", shift(FIRST, 4): ""}
    # Tonight's session is no gap until its next open has passed.
    (later,) = coverage(links, too_late(shift(FIRST, 5)))
    assert list(later.gaps)[-1] == shift(FIRST, 5)


def test_a_revision_is_counted_and_its_plans_are_not():
    links = chain(content(), content(close=260.0), content(shift(FIRST, 1)))
    (part,) = coverage(links, night(shift(FIRST, 1)))
    assert [link.number for link in part.links] == [1, 3]
    assert (part.revisions, part.gaps) == (1, {})


def test_other_rules_begin_a_record_of_their_own_also_when_they_come_back():
    digests = ["a", "a", "b", "a"]
    links = chain(*(content(shift(FIRST, at), digest=d) for at, d in enumerate(digests)))
    parts = coverage(links, night(shift(FIRST, 3)))
    assert [(part.first, part.last, part.is_current) for part in parts] == [
        (FIRST, shift(FIRST, 1), False),
        (shift(FIRST, 2), shift(FIRST, 2), False),
        (shift(FIRST, 3), shift(FIRST, 3), True),
    ]
