"""What a person is told of the forward record: its head each night, and what is wrong with it.

The head leaves the machine as a message of its own. Whoever keeps these messages can show later
that the record was not chained anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.forward.coverage import coverage, newest_closed
from options_platform.domain.forward.links import PLANS, Link
from options_platform.domain.forward.verification import Chain
from options_platform.domain.trading.alerts import Alert
from options_platform.formats import count
from options_platform.settings import Settings
from options_platform.settings.rule_sets import rule_set_names


def head_text(link: Link) -> str:
    """The head of a chain in one line: session, number and hash."""
    return f"session {link.session}, link {link.number}, head {link.hash}"


HEAD, LOST = "forward head", "forward head lost"
"""What the keys of these alerts begin with; number and hash of the link follow."""

OF_HEAD = re.compile(rf"{HEAD} (?P<number>\d+) (?P<hash>[0-9a-f]{{64}})")


def head_message(chain: Chain) -> Alert | None:
    """The head as a message that is sent once; None of an empty record or one that was altered."""
    head = chain.head
    if head is None or chain.fault is not None:
        return None
    return Alert(
        f"{HEAD} {head.number} {head.hash}",
        f"forward record: {head.session}",
        f"{head_text(head)}. Keep this message; it proves the record up to this link: "
        f"options-platform record --verify --head {head.hash} --at {head.number}",
    )


def lost_head(chain: Chain, sent: Sequence[str]) -> Alert | None:
    """That the record has lost the newest head that left; `sent` are keys of alerts, newest first.

    The record was then deleted, cut off, restored from an older backup or chained anew. None of
    one that was altered, which has an alert of its own, and where the loss was said since.
    """
    if chain.fault is not None:
        return None
    match = next((found for key in sent if (found := OF_HEAD.fullmatch(key))), None)
    if match is None or match["hash"] in {link.hash for link in chain.links}:
        return None
    number, own = match["number"], match["hash"]
    return Alert(
        f"{LOST} {number} {own}",
        "CRITICAL: the forward record has lost a head that had left",
        f"link {number}, head {own}, was sent and is not in the record, which has "
        f"{len(chain.links)} links: it was deleted, cut off, restored from an older backup "
        "or chained anew; bring back the record that has this head from a backup, or know "
        "that a new record has begun",
    )


def forward_alerts(settings: Settings, chain: Chain, now: datetime) -> list[Alert]:
    """What is wrong with the record: an altered link, a set that could not be planned in the newest
    recorded session, a session that was not recorded in time. Nothing of an empty record."""
    if chain.fault is not None:
        key = f"forward fault {chain.fault.number} {chain.fault.what}"
        return [Alert(key, "CRITICAL: the forward record was altered", chain.fault.text)]
    if chain.head is None:
        return []
    return [*_not_planned(settings, chain), *_missed(settings, chain, now)]


def gap_texts(links: Sequence[Link], now: datetime) -> list[str]:
    """For each set with gaps under its present rules, how many there are, as `record` counts them,
    and what keeps further ones away. No command fills a gap: what comes later is no forecast."""
    return [
        f"{part.rule_set}: {count(len(part.gaps), 'session')} of {part.sessions:,} since "
        f"{part.first} not recorded before the open, the newest {max(part.gaps)}; they stay gaps. "
        "So that none follows, switch on daily_after_close, or run each night: options-platform "
        "daily; to see them: options-platform record"
        for part in coverage(links, now)
        if part.is_current and part.gaps
    ]


def _not_planned(settings: Settings, chain: Chain) -> list[Alert]:
    """The sets of the home that could not be planned in the newest recorded session."""
    newest = chain.links[-1].session
    of_newest = [link for link in chain.links if link.session == newest]
    planned = {link.rule_set for link in of_newest if link.kind == PLANS}
    installed = rule_set_names(settings.home)
    reasons = {
        link.rule_set: link.content.failure
        for link in of_newest
        if link.content.failure is not None
        and link.rule_set not in planned
        and link.rule_set in installed
    }
    return [
        Alert(
            f"forward failure {name} {newest}",
            f"rule set {name} is not in the forward record of {newest}",
            f"{reason}; the session stays a gap unless options-platform daily records it before "
            "the next open",
        )
        for name, reason in reasons.items()
    ]


def _missed(settings: Settings, chain: Chain, now: datetime) -> list[Alert]:
    """The sessions whose next open has passed since the newest link, without a link of any set."""
    newest, closed = chain.links[-1].session, newest_closed(now)
    if newest >= closed or (settings.end is not None and closed > settings.end):
        return []
    missed = count(len(sessions(newest, closed)) - 1, "session")
    return [
        Alert(
            f"forward gap {closed}",
            f"the forward record has a gap: {closed}",
            f"{missed} after {newest}, not recorded before the next open: each stays a gap; "
            "run options-platform daily each night, before the open",
        )
    ]
