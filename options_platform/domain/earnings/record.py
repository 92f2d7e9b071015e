"""The record of what was known of a ticker's reports, and when: only ever lengthened.

A report keeps its number (`quarter_no`) however its date moves: an answer's report is that of the
nearest recorded date within 45 days. An answer that says the same adds nothing. One that moves
date, timing or status ends the validity of the row (`known_until`) and adds another. A report that
the answer lacks, though it lies in the days that were asked for, gets a row with status withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from options_platform.contracts import EARNINGS_KNOWN

SAME_REPORT = timedelta(days=45)
REPORTED, CONFIRMED, ESTIMATED = "reported", "confirmed", "estimated"
PROJECTED, WITHDRAWN = "projected", "withdrawn"
FILINGS = "edgar"
"""The source whose reports are filings: of the past, with their hour, some of them preliminary."""
SAYS = ("date", "timing", "status", "source")


@dataclass(frozen=True)
class Answer:
    """What a source said of one ticker's reports from `start` to `end`, at the time `at`.

    `reports` has date, timing, status and source, and may have `known_from`, the time at which a
    row became known: null for the time of the answer.
    """

    reports: pl.DataFrame
    start: date
    end: date
    at: datetime


def status_of(today: date) -> pl.Expr:
    """The status of each row of an answer (date, timing, status, eps_reported, known_from).

    A report before `today`, or before the day from which the row is known, is reported, as is one
    of today with a reported figure. One that lies ahead has the status that the source gives, else
    it is confirmed if the source gives its timing, and estimated otherwise.
    """
    day = pl.coalesce(pl.col("known_from").dt.date(), pl.lit(today))
    seen = (pl.col("date") == day) & pl.col("eps_reported").is_not_null()
    return (
        pl.when((pl.col("date") < day) | seen)
        .then(pl.lit(REPORTED))
        .when(pl.col("status").is_not_null())
        .then(pl.col("status"))
        .when(pl.col("timing").is_not_null())
        .then(pl.lit(CONFIRMED))
        .otherwise(pl.lit(ESTIMATED))
    )


def lengthened(ticker: str, record: pl.DataFrame, answer: Answer) -> pl.DataFrame:
    """The rows of `earnings_known` to store after an answer: new ones, and those that it ended.

    Args:
        ticker: the ticker.
        record: its stored rows of `earnings_known`.
        answer: what the source said. Its rows with a `known_from` are recorded under that time,
            unless something later is recorded already; a report before the first of those times
            counts as known from then on.
    """
    book = _Book(ticker, [dict(row) for row in record.to_dicts()])
    newest = max((row["known_from"] for row in record.to_dicts()), default=None)
    told = answer.reports.sort("date").to_dicts()
    undated = [row for row in told if row.get("known_from") is None]
    dated = [row for row in told if row not in undated and row["known_from"] <= answer.at]
    moments = sorted({row["known_from"] for row in dated})
    replayed = _Book(ticker, [])
    for moment in moments:
        then = [row for row in dated if row["known_from"] == moment]
        replayed.learn(then, moment)
        if newest is None and moment == moments[0]:
            then += [row for row in undated if row["date"] < moment.date()]
        if newest is None or moment > newest:
            book.learn(then, moment)
    latest = [*undated, *(_by_now(row, answer.at.date()) for row in replayed.current())]
    book.learn(latest, answer.at)
    book.withdraw(latest, answer)
    return pl.DataFrame(book.changed(), schema=EARNINGS_KNOWN.schema).sort(EARNINGS_KNOWN.key)


def _by_now(row: dict[str, Any], today: date) -> dict[str, Any]:
    return row | {"status": REPORTED} if row["date"] < today else row


def _is_same(row: dict[str, Any], known: dict[str, Any]) -> bool:
    return all(row[name] == known[name] for name in SAYS)


class _Book:
    """The rows of one ticker while an answer is recorded."""

    def __init__(self, ticker: str, rows: list[dict[str, Any]]) -> None:
        self._ticker = ticker
        self._rows = rows
        self._changed: dict[tuple[int, datetime], dict[str, Any]] = {}

    def current(self) -> list[dict[str, Any]]:
        """The rows that are valid still, in the order of their dates."""
        return sorted(
            (row for row in self._rows if row["known_until"] is None), key=lambda row: row["date"]
        )

    def changed(self) -> list[dict[str, Any]]:
        """The rows that were added or ended."""
        return list(self._changed.values())

    def learn(self, told: Sequence[dict[str, Any]], at: datetime) -> None:
        """Record each report that differs from what is valid."""
        told = sorted(told, key=lambda row: row["date"])
        current = self.current()
        pairs = pairs_of(told, current)
        number = max((row["quarter_no"] for row in self._rows), default=0)
        for place, row in enumerate(told):
            known = current[pairs[place]] if place in pairs else None
            if known is None:
                number += 1
                self._add(row, number, at)
            elif not _is_same(row, known):
                self._end(known, at)
                self._add(row, known["quarter_no"], at)

    def withdraw(self, told: Sequence[dict[str, Any]], answer: Answer) -> None:
        """Withdraw what is valid, lies in the days that were asked for, and was not told."""
        current = self.current()
        matched = set(pairs_of(told, current).values())
        for place, known in enumerate(current):
            asked = answer.start <= known["date"] <= answer.end
            if asked and place not in matched and known["status"] != WITHDRAWN:
                self._end(known, answer.at)
                self._add(known | {"status": WITHDRAWN}, known["quarter_no"], answer.at)

    def _end(self, row: dict[str, Any], at: datetime) -> None:
        row["known_until"] = at
        self._changed[row["quarter_no"], row["known_from"]] = row

    def _add(self, row: dict[str, Any], number: int, at: datetime) -> None:
        known = {name: row[name] for name in SAYS} | {
            "ticker": self._ticker, "quarter_no": number, "known_from": at, "known_until": None,
        }  # fmt: skip
        self._rows.append(known)
        self._changed[number, at] = known


def pairs_of(told: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> dict[int, int]:
    """By place in `told` the place in `known` of the same report, the nearest dates first.

    Each report has at most one counterpart, at most 45 days off. Rows have a `date`.
    """
    near = sorted(
        (abs(one["date"] - other["date"]), one["date"], here, there)
        for here, one in enumerate(told)
        for there, other in enumerate(known)
        if abs(one["date"] - other["date"]) <= SAME_REPORT
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, here, there in near:
        if here not in pairs and there not in taken:
            pairs[here] = there
            taken.add(there)
    return pairs
