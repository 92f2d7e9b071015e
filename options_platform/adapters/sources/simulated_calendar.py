"""The earnings calendar of the simulated market: a report a quarter, and what was known of it when.

Each report is announced as an estimated date six to nine weeks ahead, confirmed with its hour two
to three weeks ahead, and reported. Of ten reports about six keep their first date, three move by
up to five sessions as they are confirmed, and one has its first date withdrawn: for a while no date
stands, and the report comes one to two weeks after the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import EARNINGS_KNOWLEDGE, EARNINGS_SCHEMA
from options_platform.common import Floats
from options_platform.contracts.funds import FUNDS
from options_platform.domain.calendar.sessions import NEW_YORK, all_sessions
from options_platform.domain.earnings.anchors import BEFORE_OPEN
from options_platform.domain.earnings.record import CONFIRMED, ESTIMATED, REPORTED, WITHDRAWN

REPORT_DELAY_DAYS = (15, 45)
ANNOUNCED_DAYS, CONFIRMED_DAYS, WITHDRAWN_DAYS = (45, 65), (14, 21), (7, 14)
KEPT, MOVED = 0.6, 0.9
"""Shares of reports: that keep their first date, and that keep or move it; others withdraw it."""
FARTHEST_MOVE, LATER_SESSIONS = 5, (5, 8)
NOON, BEFORE, AFTER = time(12), time(7, 30), time(16, 10)
"""New York times: announcements, and the news of reports before the open and after the close."""
SCHEMA = pl.Schema({**EARNINGS_SCHEMA, **EARNINGS_KNOWLEDGE, "number": pl.Int64()})
Draw = Callable[[str], np.random.Generator]


def reports(ticker: str, draw: Draw) -> pl.DataFrame:
    """All reports of a ticker in :data:`SCHEMA`; none of a fund.

    A report has a row for each time at which something about it became known: its date, timing and
    status then. Its rows have one `number`. `draw` returns the random generator of a named part.
    """
    if ticker in FUNDS:
        return pl.DataFrame(schema=SCHEMA)
    calendar = all_sessions()
    quarters = [
        date(year, month, 1)
        for year in range(calendar[0].year, calendar[-1].year + 1)
        for month in (1, 4, 7, 10)
    ]
    timing = ("before_open", "after_close")[int(draw("timing").integers(2))]
    delays = draw("delays").integers(*REPORT_DELAY_DAYS, len(quarters))
    growth = 1.0 + 0.01 * np.arange(len(quarters))
    estimates = np.round((0.5 + 2.0 * draw("level").random()) * growth, 2)
    surprises = 0.05 * draw("surprises").standard_normal(len(quarters))
    reported = np.round(estimates * (1.0 + surprises), 2)
    chances = draw("revisions").random((len(quarters), 5))
    due = [day + timedelta(days=int(delay)) for day, delay in zip(quarters, delays, strict=True)]
    places = np.searchsorted(np.array(calendar), np.array(due))
    rows: list[dict[str, Any]] = []
    for at, place in enumerate(places):
        # The last days of the calendar have no room for a date that moves.
        if place + FARTHEST_MOVE < len(calendar):
            rows += [
                row
                | {
                    "number": at,
                    "eps_estimate": estimates[at],
                    "eps_reported": reported[at] if row["status"] == REPORTED else None,
                }
                for row in _history(calendar, int(place), timing, chances[at])
            ]
    return pl.DataFrame(
        [{"ticker": ticker, "source": "simulated"} | row for row in rows], schema=SCHEMA
    ).sort("known_from")


def _history(
    calendar: tuple[date, ...], place: int, timing: str, chance: Floats
) -> list[dict[str, Any]]:
    """What became known of the report on the session at `place`, in order: date, timing, status,
    known_from. `chance` has five numbers from 0 to 1."""
    day = calendar[place]
    kind, size, announced, confirmed, withdrawn = (float(each) for each in chance)
    first = calendar[max(place - _moved_by(kind, size), 0)]
    known = first - timedelta(days=_between(ANNOUNCED_DAYS, announced))
    fixed = day - timedelta(days=_between(CONFIRMED_DAYS, confirmed))
    rows = [_row(first, None, ESTIMATED, known)]
    if kind >= MOVED:
        gone = fixed - timedelta(days=_between(WITHDRAWN_DAYS, withdrawn))
        rows.append(_row(first, None, WITHDRAWN, gone))
    rows.append(_row(day, timing, CONFIRMED, fixed))
    news = BEFORE if timing == BEFORE_OPEN else AFTER
    rows.append(_row(day, timing, REPORTED, day, news))
    return rows


def _moved_by(kind: float, size: float) -> int:
    """How many sessions a report comes after its first date; negative if it comes before."""
    if kind < KEPT:
        return 0
    if kind >= MOVED:
        return _between(LATER_SESSIONS, size)
    steps = [step for step in range(-FARTHEST_MOVE, FARTHEST_MOVE + 1) if step]
    return steps[min(int(size * len(steps)), len(steps) - 1)]


def _between(bounds: tuple[int, int], chance: float) -> int:
    low, high = bounds
    return low + min(int(chance * (high - low + 1)), high - low)


def _row(day: date, timing: str | None, status: str, on: date, hour: time = NOON) -> dict[str, Any]:
    moment = datetime.combine(on, hour, NEW_YORK).astimezone(UTC)
    return {"date": day, "timing": timing, "status": status, "known_from": moment}
