"""Links of the forward record: what they hold, and the bytes that are hashed.

A link is one line: the SHA-256 of its body in 64 hex digits, a space, the body, a line feed. The
body is JSON in ASCII with sorted keys and without blanks, and it holds the hash of the link before
it, so that no link can be changed without changing the hashes of all that follow.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from options_platform.contracts import Table
from options_platform.domain.calendar.sessions import open_time, shift

FILE_NAME = "forward_record.chain"
"""The file of the record in a home."""

FIRST_FORMER = "0" * 64
"""The former hash of the first link."""

PLANS, REVISION, FAILURE = "plans", "revision", "failure"
KINDS = (PLANS, REVISION, FAILURE)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Content:
    """What one rule set planned for one session, before it is chained.

    `version` and `digest` are those of the rules, null for a set that could not be read. `trading`
    holds the rules by which the plans are traded (plain values of `BacktestRules`), `plans` and
    `legs` the rows of `trade_plan` and `trade_plan_legs`, no-trades included. `failure` says why
    there are none; null where the set was planned.
    """

    session: date
    rule_set: str
    version: int | None = None
    digest: str | None = None
    trading: Mapping[str, Any] = field(default_factory=dict)
    plans: Rows = ()
    legs: Rows = ()
    failure: str | None = None


@dataclass(frozen=True)
class Link:
    """A link of the chain.

    `kind` is `plans` for the plans that count, `revision` for other plans of the same session and
    set that were made later and do not count, `failure` for a set that could not be planned.
    `created_at` and `next_open`, the next open by the calendar of that night, are UTC; `former` is
    the hash of the link before, `platform` the version of the package that wrote it.
    """

    number: int
    former: str
    kind: str
    created_at: datetime
    next_open: datetime
    platform: str
    content: Content
    hash: str

    @property
    def session(self) -> date:
        """The session that was planned."""
        return self.content.session

    @property
    def rule_set(self) -> str:
        """The name of the set."""
        return self.content.rule_set


def plain_rows(frame: pl.DataFrame, table: Table) -> list[dict[str, Any]]:
    """Rows of a table as plain values: dates in ISO form, NaN as null."""
    ordered = table.validate(frame).sort(table.key)
    return [{name: _plain(value) for name, value in row.items()} for row in ordered.to_dicts()]


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value


def rows_as_frame(rows: Rows, table: Table) -> pl.DataFrame:
    """Recorded rows as a frame of the table; columns that they do not have are null."""
    strings = {name: pl.String if kind == pl.Date else kind for name, kind in table.schema.items()}
    frame = pl.DataFrame(
        [{name: row.get(name) for name in strings} for row in rows], schema=pl.Schema(strings)
    )
    dates = [name for name, kind in table.schema.items() if kind == pl.Date]
    return table.validate(frame.with_columns(pl.col(dates).str.to_date("%Y-%m-%d")))


def chained(
    content: Content, *, number: int, former: str, kind: str, created_at: datetime, platform: str
) -> tuple[Link, bytes]:
    """The link of `content` after the link of hash `former`, and its line.

    Raises ValueError for a value that JSON does not have, such as an infinite number.
    """
    body = _body(content, number, former, kind, created_at, platform)
    own = hashlib.sha256(body).hexdigest()
    return parsed(body, own), own.encode() + b" " + body + b"\n"


def _body(
    content: Content, number: int, former: str, kind: str, created_at: datetime, platform: str
) -> bytes:
    values = {
        "number": number,
        "former": former,
        "kind": kind,
        "created_at": _utc(created_at),
        "next_open": _utc(open_time(shift(content.session, 1))),
        "platform": platform,
        "session": content.session.isoformat(),
        "rule_set": content.rule_set,
        "version": content.version,
        "digest": content.digest,
        "trading": content.trading,
        "plans": list(content.plans),
        "legs": list(content.legs),
        "failure": content.failure,
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def parsed(body: bytes, own: str) -> Link:
    """The link of a body, whose hash is `own`.

    Raises ValueError, KeyError or TypeError for a body that is no link.
    """
    values = json.loads(body)
    created_at, next_open = (
        datetime.fromisoformat(values[name]) for name in ("created_at", "next_open")
    )
    if values["kind"] not in KINDS or None in (created_at.tzinfo, next_open.tzinfo):
        raise ValueError("the kind or a time is none that a link has")
    if not all(isinstance(row, dict) for row in (*values["plans"], *values["legs"])):
        raise ValueError("its plans are no rows")
    content = Content(
        session=date.fromisoformat(values["session"]),
        rule_set=str(values["rule_set"]),
        version=values["version"],
        digest=values["digest"],
        trading=values["trading"],
        plans=values["plans"],
        legs=values["legs"],
        failure=values["failure"],
    )
    former, number = str(values["former"]), int(values["number"])
    return Link(
        number, former, values["kind"], created_at, next_open, values["platform"], content, own
    )


def next_links(
    links: Sequence[Link], contents: Sequence[Content], created_at: datetime, platform: str
) -> list[tuple[Link, bytes]]:
    """The links that `contents` add to a chain, with their lines.

    Content that the chain has already adds none. Of a session and set the first plans count; other
    plans that come later are a revision.
    """
    added: list[tuple[Link, bytes]] = []
    former = links[-1].hash if links else FIRST_FORMER
    for content in contents:
        same_key = [
            link
            for link in (*links, *(link for link, _ in added))
            if (link.session, link.rule_set) == (content.session, content.rule_set)
        ]
        if any(_same(link.content, content) for link in same_key):
            continue
        link, line = chained(
            content,
            number=len(links) + len(added) + 1,
            former=former,
            kind=_kind(content, same_key),
            created_at=created_at,
            platform=platform,
        )
        former = link.hash
        added.append((link, line))
    return added


def _kind(content: Content, earlier: Sequence[Link]) -> str:
    if content.failure is not None:
        return FAILURE
    return REVISION if any(link.kind == PLANS for link in earlier) else PLANS


def _same(recorded: Content, content: Content) -> bool:
    # By their bytes, since what was recorded has been through JSON.
    now = datetime.min.replace(tzinfo=UTC)
    return _body(recorded, 0, "", "", now, "") == _body(content, 0, "", "", now, "")
