"""Forward records of a few sessions: content of made-up plans, and the lines of a chain."""

import hashlib
import json
from datetime import date, datetime, timedelta
from functools import cache

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.calendar.sessions import NEW_YORK, open_time, shift
from options_platform.domain.forward.links import Content, next_links, plain_rows
from options_platform.testing.alpaca_account import plans_of

FIRST = date(2015, 1, 2)
SETS = ("plan", "premium_ladder")


def night(session):
    """A moment at which the plans of `session` are recorded: half past midnight, New York."""
    return datetime.combine(session + timedelta(days=1), datetime.min.time(), NEW_YORK) + (
        timedelta(minutes=30)
    )


def too_late(session):
    """The next open."""
    return open_time(shift(session, 1))


@cache
def _planned(close):
    plans, legs = plans_of(session=FIRST, close=close)
    return plain_rows(plans, TRADE_PLAN), plain_rows(legs, TRADE_PLAN_LEGS)


def content(session=FIRST, rule_set="plan", *, digest="0123456789ab", close=250.0):
    """What a set planned for one session: a trade of SPY at that close."""
    plans, legs = (
        [{**row, "date": session.isoformat(), "rule_set": rule_set} for row in rows]
        for rows in _planned(close)
    )
    return Content(session, rule_set, 1, digest, {"start_usd": 100_000.0}, plans, legs)


def chain_bytes(count=3, sets=SETS, first=FIRST):
    """The file of a record of `count` sessions, each with the plans of every set."""
    links, lines = [], []
    for at in range(count):
        session = shift(first, at)
        added = next_links(
            links, [content(session, name) for name in sets], night(session), "1.0"
        )  # fmt: skip
        links += [link for link, _ in added]
        lines += [line for _, line in added]
    return b"".join(lines)


def chained_anew(data, number, change):
    """`data` with the body of a link changed and every hash from there on computed anew."""
    lines, former = [], None
    for at, line in enumerate(data.splitlines(), start=1):
        body = line[65:]
        if at >= number:
            values = json.loads(body)
            if at == number:
                change(values)
            if former is not None:
                values["former"] = former
            body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
        former = hashlib.sha256(body).hexdigest()
        lines.append(former.encode() + b" " + body + b"\n")
    return b"".join(lines)
