"""Which sessions of a rule set the forward record covers, and which are gaps.

The record of a set is split where its rules change: what the new rules do says nothing of the old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from options_platform.domain.calendar.sessions import newest_session, open_time, sessions, shift
from options_platform.domain.forward.links import FAILURE, PLANS, REVISION, Link


@dataclass(frozen=True)
class Coverage:
    """The record of a rule set under the same rules.

    `links` are its plans that count, oldest first; `last` is the last session that they might have,
    before the rules changed. `gaps` are the sessions in between without a link, with the recorded
    reason, empty where nothing was recorded. `revisions` is the number of plans that do not count.
    `is_current` unless the rules of the set have changed since.
    """

    links: tuple[Link, ...]
    last: date
    gaps: dict[date, str]
    revisions: int
    is_current: bool

    @property
    def rule_set(self) -> str:
        """The name of the set."""
        return self.links[0].rule_set

    @property
    def first(self) -> date:
        """The first session, from which the rules are recorded."""
        return self.links[0].session

    @property
    def sessions(self) -> int:
        """Sessions from the first to the last, gaps included."""
        return len(sessions(self.first, self.last))


def may_record(session: date, now: datetime) -> bool:
    """Whether plans of `session` can still be recorded: it is the newest one, and the next open is
    ahead."""
    return session == newest_session(now) and now < open_time(shift(session, 1))


def recorded_until(session: date) -> str:
    """From when until when the plans of a session can be recorded, in words."""
    opens = open_time(shift(session, 1))
    return (
        f"from the midnight after its close until the next open, {opens:%Y-%m-%d %H:%M} New York; "
        "what comes later is no forecast"
    )


def newest_closed(now: datetime) -> date:
    """The newest session whose plans can no longer be recorded."""
    newest = newest_session(now)
    return shift(newest, -1) if may_record(newest, now) else newest


def coverage(links: Sequence[Link], now: datetime) -> list[Coverage]:
    """The coverage of each set and its rules, by set and then oldest first."""
    parts: list[Coverage] = []
    for name in sorted({link.rule_set for link in links}):
        of_set = [link for link in links if link.rule_set == name]
        spans = _spans([link for link in of_set if link.kind == PLANS])
        for at, span in enumerate(spans):
            is_current = at + 1 == len(spans)
            last = (
                max(newest_closed(now), span[-1].session)
                if is_current
                else shift(spans[at + 1][0].session, -1)
            )
            parts.append(_covered(of_set, span, last, is_current=is_current))
    return parts


def _spans(counting: Sequence[Link]) -> list[list[Link]]:
    """Runs of links with the same rules."""
    spans: list[list[Link]] = []
    for link in counting:
        if spans and spans[-1][-1].content.digest == link.content.digest:
            spans[-1].append(link)
        else:
            spans.append([link])
    return spans


def _covered(
    of_set: Sequence[Link], span: Sequence[Link], last: date, *, is_current: bool
) -> Coverage:
    inside = [link for link in of_set if span[0].session <= link.session <= last]
    recorded = {link.session for link in span}
    reasons = {link.session: link.content.failure or "" for link in inside if link.kind == FAILURE}
    return Coverage(
        links=tuple(span),
        last=last,
        gaps={
            day: reasons.get(day, "")
            for day in sessions(span[0].session, last)
            if day not in recorded
        },
        revisions=sum(link.kind == REVISION for link in inside),
        is_current=is_current,
    )
