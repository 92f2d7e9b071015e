"""One list of reports from several sources: the first that lists a past report dates it.

Filings (`edgar`) have past reports only, with their hour; calendars have planned ones too. A report
that has happened has the date and the timing of the first source that lists it, and the figures of
the first that gives them. Planned reports are those of the first source with plans. A filing that
no calendar knows, within 45 days of a report, is of preliminary figures and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from options_platform.domain.earnings.record import FILINGS, SAME_REPORT, pairs_of

FIGURES = ("eps_estimate", "eps_reported")
OTHER_DATE = pl.Schema({"other_date": pl.Date})


def merged(answers: Sequence[pl.DataFrame], today: date) -> pl.DataFrame:
    """The reports of one ticker, by date, with `other_date` where a later source differs.

    `answers` are the sources' reports in order of preference, with one schema; `today` is the last
    day of the past. `other_date` is null where the sources agree, and with a single one.
    """
    schema = pl.Schema([*answers[0].schema.items(), *OTHER_DATE.items()])
    past: list[dict[str, Any]] = []
    answers = answers if len(answers) == 1 else [_newest_dates(answer) for answer in answers]
    for answer in answers:
        told = answer.filter(pl.col("date") <= today).sort("date").to_dicts()
        pairs = pairs_of(told, past)
        new = [row | {"other_date": None} for at, row in enumerate(told) if at not in pairs]
        for at, place in pairs.items():
            _complete(past[place], told[at])
        past += new
    plans = (answer.filter(pl.col("date") > today) for answer in answers)
    planned = next((frame.to_dicts() for frame in plans if frame.height), [])
    rows = [*_without_preliminary(past), *planned]
    return pl.DataFrame(rows, schema=schema).sort("date", maintain_order=True)


def _newest_dates(answer: pl.DataFrame) -> pl.DataFrame:
    """The answer with the date of each report that became known last.

    Beside other sources a report's former dates would look like reports of their own.
    """
    if "known_from" not in answer.columns or answer["known_from"].null_count() == answer.height:
        return answer
    undated = answer.filter(pl.col("known_from").is_null())
    newest: list[dict[str, Any]] = []
    for row in answer.drop_nulls("known_from").sort("known_from").to_dicts():
        for former in pairs_of([row], newest).values():
            newest.pop(former)
        newest.append(row)
    return pl.concat([undated, pl.DataFrame(newest, schema=answer.schema)])


def _complete(row: dict[str, Any], other: dict[str, Any]) -> None:
    row["is_matched"] = True
    if row["other_date"] is None and other["date"] != row["date"]:
        row["other_date"] = other["date"]
    for name in FIGURES:
        row[name] = other[name] if row[name] is None else row[name]
    if row["timing"] is None and other["date"] == row["date"]:
        row["timing"] = other["timing"]


def _without_preliminary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = list(rows)
    filings = [row for row in kept if row["source"] == FILINGS and not row.get("is_matched")]
    # Of filings alone the last one of a quarter is the report: the earlier ones go first.
    for row in sorted(filings, key=lambda row: row["date"]):
        others = (other for other in kept if other is not row)
        if any(abs(other["date"] - row["date"]) <= SAME_REPORT for other in others):
            kept.remove(row)
    return [{name: value for name, value in row.items() if name != "is_matched"} for row in kept]
