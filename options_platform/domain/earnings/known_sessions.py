"""What the close of each session knew of a ticker's reports: the next one, and all past ones.

A report whose date is corrected afterwards keeps its former date on the sessions before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import ordinals
from options_platform.domain.earnings.anchors import FARTHEST_SESSIONS
from options_platform.domain.earnings.known_dates import KnownDates, Report, next_report

Past = tuple[tuple[date, date], ...]
"""(anchor, reaction) of reports, by reaction."""


@dataclass(frozen=True)
class SessionView:
    """What one close knew: the `next` report, and the `past` ones that have been reacted to."""

    next: Report | None
    past: Past
    days_to: int | None
    days_since: int | None


def views(known: KnownDates, days: Sequence[date]) -> list[SessionView]:
    """The view of each of `days`, which are sessions in order; counts are at most 63."""
    at = dict(zip(*(ordinals()[name].to_list() for name in ("date", "session")), strict=True))
    made: list[SessionView] = []
    past: Past = ()
    past_before: list[tuple[date, date]] = []
    for day in days:
        reports = known.on(day)
        happened = [(r.anchor, r.reaction) for r in reports if r.reaction <= day]
        # Most sessions know the same past: one tuple for all of them saves memory and time.
        if happened != past_before:
            now = tuple(sorted(set(happened), key=_reaction))
            past, past_before = past if now == past else now, happened
        coming = next_report(reports, day)
        made.append(
            SessionView(
                coming,
                past,
                _capped(at[day], at.get(coming.anchor)) if coming else None,
                _capped(at.get(past[-1][1]), at[day]) if past else None,
            )
        )
    return made


def vintages(days: Sequence[date], seen: Sequence[SessionView]) -> list[tuple[int, int, Past]]:
    """Runs of sessions (first, stop) over which no past report was added late, moved or withdrawn.

    The past of a run's last session, up to each of its sessions, is what that session knew.
    """
    runs: list[tuple[int, int, Past]] = []
    first = 0
    for row in range(1, len(days)):
        before, now = seen[row - 1].past, seen[row].past
        if now is before or now == (*before, *(p for p in now[len(before) :] if p[1] == days[row])):
            continue
        runs.append((first, row, before))
        first = row
    return [*runs, (first, len(days), seen[-1].past)] if days else runs


def _reaction(pair: tuple[date, date]) -> tuple[date, date]:
    return pair[1], pair[0]


def _capped(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else min(last - first, FARTHEST_SESSIONS)


REACTIONS = pl.Schema(
    {"date": pl.Date, "ticker": pl.String, "reaction": pl.Date, "age": pl.Int64, "move": pl.Float64}
)


def newest_reactions(bars: pl.DataFrame, known: Mapping[str, KnownDates]) -> pl.DataFrame:
    """The newest reaction that each close knew, :data:`REACTIONS`; no row before the first.

    `bars` have date, ticker and close. `age` is in sessions, at most 63; `move` is close to close
    from the anchor, a fraction, null where a close is missing.
    """
    parts = [pl.DataFrame(schema=REACTIONS)]
    for (ticker,), rows in bars.sort("date").group_by("ticker", maintain_order=True):
        if ticker not in known:
            continue
        close = dict(rows.select("date", "close").drop_nulls().iter_rows())
        days = rows["date"].to_list()
        made = []
        for day, seen in zip(days, views(known[str(ticker)], days), strict=True):
            if seen.past:
                anchor, reaction = seen.past[-1]
                before, after = close.get(anchor), close.get(reaction)
                move = after / before - 1.0 if before and after else None
                made.append((day, ticker, reaction, seen.days_since, move))
        parts.append(pl.DataFrame(made, schema=REACTIONS, orient="row"))
    return pl.concat(parts)
