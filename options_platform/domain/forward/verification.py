"""Whether a chain was altered, and where: the first link that is not as it was written.

A chain proves that nothing inside it was changed without all that follows. It does not prove that
the whole was not written anew, or that its end was not cut off; for that a head that has left the
machine has to be in it (:func:`require_head`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from options_platform.domain.calendar.sessions import close_time, open_time, shift
from options_platform.domain.forward.links import (
    FAILURE,
    FILE_NAME,
    FIRST_FORMER,
    PLANS,
    REVISION,
    Link,
    parsed,
)
from options_platform.errors import ForwardRecordError, UsageError

HASH = re.compile(r"[0-9a-f]{64}")
LINE = re.compile(rb"([0-9a-f]{64}) (.*)", re.DOTALL)
FORMER = re.compile(rb'"former":"([0-9a-f]{64})"')
NUMBER = re.compile(rb'"number":(\d+),')
SESSION = re.compile(rb'"session":"(\d{4}-\d{2}-\d{2})"')
RULE_SET = re.compile(rb'"rule_set":"([a-z][a-z0-9_]*)","session"')


@dataclass(frozen=True)
class Fault:
    """The first link that is not as it was written.

    `number` is its place in the chain from 1 on, `session` and `rule_set` are what its line says
    (null where that cannot be read). `what` is content, hash, order, missing link, former hash,
    time or form; `detail` says it in a sentence.
    """

    number: int
    session: str | None
    rule_set: str | None
    what: str
    detail: str

    @property
    def text(self) -> str:
        """The fault in one line."""
        of = f"session {self.session or 'unknown'}, rule set {self.rule_set or 'unknown'}"
        return f"link {self.number} ({of}) was altered: {self.what}: {self.detail}"


@dataclass(frozen=True)
class Chain:
    """The links of a record up to the first that was altered, which `fault` names; null if none
    was."""

    links: tuple[Link, ...]
    fault: Fault | None = None

    @property
    def head(self) -> Link | None:
        """The newest link; null of an empty record."""
        return self.links[-1] if self.links else None

    def without_plans(self) -> Chain:
        """The same chain whose links have no plans, legs and rules of trading."""
        links = (
            replace(link, content=replace(link.content, plans=(), legs=(), trading={}))
            for link in self.links
        )
        return Chain(tuple(links), self.fault)

    def require_sound(self) -> None:
        """Raise :class:`ForwardRecordError` if a link was altered."""
        if self.fault is not None:
            raise ForwardRecordError(
                f"the forward record does not verify: {self.fault.text}; nothing of it is shown "
                "and nothing is added; bring it back from a backup that verifies, or begin a new "
                f"one by moving the file {FILE_NAME} away"
            )


def read_chain(data: bytes) -> Chain:
    """The chain that the bytes of a record hold."""
    lines = data.split(b"\n")
    unfinished = lines.pop()
    links: list[Link] = []
    planned: set[tuple[date, str]] = set()
    former = FIRST_FORMER
    for at, line in enumerate(lines):
        following = lines[at + 1] if at + 1 < len(lines) else b""
        link, what, detail = _read_line(line, following)
        if link is not None:
            what, detail = _misplaced(link, former, links, lines[at + 1 :])
            if not what and (detail := _untrue(link, planned)):
                what = "form"
        if link is None or what:
            return Chain(tuple(links), _fault(at + 1, line, what, detail))
        links.append(link)
        former = link.hash
        if link.kind == PLANS:
            planned.add((link.session, link.rule_set))
    if unfinished:
        detail = "its line has no end, so a part of it is missing"
        return Chain(tuple(links), _fault(len(lines) + 1, unfinished, "content", detail))
    return Chain(tuple(links))


def _fault(number: int, line: bytes, what: str, detail: str) -> Fault:
    session, rule_set = SESSION.search(line), RULE_SET.search(line)
    return Fault(
        number,
        None if session is None else session[1].decode(),
        None if rule_set is None else rule_set[1].decode(),
        what,
        detail,
    )


def _read_line(line: bytes, following: bytes) -> tuple[Link | None, str, str]:
    """The link of a line; without one, what is wrong with it and a sentence that says so."""
    match = LINE.fullmatch(line)
    if match is None:
        return None, "hash", "the line does not begin with a hash of 64 hex digits and a space"
    own, body = match[1].decode(), match[2]
    actual = hashlib.sha256(body).hexdigest()
    if actual != own:
        next_former = FORMER.search(following)
        of_next = None if next_former is None else next_former[1].decode()
        shown = f"its hash is {own[:16]}..., its content gives {actual[:16]}..."
        if of_next == own:
            return None, "content", f"{shown}; the next link confirms the hash"
        if of_next == actual:
            return None, "hash", f"{shown}; the next link confirms the content"
        return None, "content or hash", shown
    try:
        return parsed(body, own), "", ""
    except (ValueError, KeyError, TypeError) as error:
        return None, "form", f"it is no link ({error})"


def _misplaced(
    link: Link, former: str, before: Sequence[Link], after: Sequence[bytes]
) -> tuple[str, str]:
    """What is wrong with the place of a link whose content is sound, and a sentence; empty if
    nothing is."""
    number = len(before) + 1
    if link.number != number:
        later = {int(match[1]) for line in after if (match := NUMBER.search(line))}
        if number in later or link.number < number:
            return "order", f"link {link.number} stands in its place"
        return "missing link", f"link {link.number} follows link {number - 1}"
    if link.former != former:
        return "former hash", (
            f"it follows a link of hash {link.former[:16]}..., and the one before it has "
            f"{former[:16]}...: one of the two was replaced"
        )
    if before and link.session < before[-1].session:
        return "order", f"its session is before that of link {number - 1}"
    # A holiday declared since makes the next open later than that night's calendar had it.
    opens = min(link.next_open, open_time(shift(link.session, 1)))
    if not close_time(link.session) <= link.created_at < opens:
        moment = f"{link.created_at:%Y-%m-%d %H:%M:%S} UTC"
        return "time", f"{moment} is not between the session's close and the next open"
    return "", ""


def _untrue(link: Link, planned: Collection[tuple[date, str]]) -> str:
    """What a link whose hash and place are sound claims falsely, in a sentence; empty if nothing.

    `planned` are the sessions and sets that earlier links have plans of. Plans of another session
    would be traded as if they had been recorded then.
    """
    content, key = link.content, (link.session, link.rule_set)
    of_plans = REVISION if key in planned else PLANS
    kind = of_plans if content.failure is None else FAILURE
    if link.kind != kind:
        return f"its kind is {link.kind}, but by its content and the links before it is {kind}"
    expected = {"date": link.session.isoformat(), "rule_set": link.rule_set}
    for row in (*content.plans, *content.legs):
        for name, value in expected.items():
            if row.get(name, value) != value:
                return f"it holds plans of {name} {row[name]}, not of {value}"
    return ""


def require_head(links: Sequence[Link], head: str, at: int | None = None) -> Link:
    """The link of that hash, of a chain that verifies; `at` is its number, if it is known.

    Raises :class:`UsageError` for a text that is no hash, and :class:`ForwardRecordError` if the
    chain does not have it: it was then chained anew or cut off after the head had left.
    """
    if not HASH.fullmatch(head):
        raise UsageError(f"--head takes the 64 hex digits of a hash, not {head!r}")
    of_hash = next((link for link in links if link.hash == head), None)
    if of_hash is not None and at in (None, of_hash.number):
        return of_hash
    if of_hash is not None:
        raise ForwardRecordError(
            f"the head {head[:16]}... is that of link {of_hash.number}, not of link {at}; look "
            "again at the message that it came in"
        )
    if at is not None and 1 <= at <= len(links):
        link = links[at - 1]
        raise ForwardRecordError(
            f"link {at} (session {link.session}, rule set {link.rule_set}) has the hash "
            f"{link.hash[:16]}..., not {head[:16]}...: the record was chained anew after that "
            "head had left the machine, and proves nothing"
        )
    missing = "" if at is None else f", and no link {at}"
    raise ForwardRecordError(
        f"the head {head[:16]}... is not in the record, which has {len(links)} links{missing}: it "
        "was cut off, restored from an older backup, or chained anew after that head had left"
    )
