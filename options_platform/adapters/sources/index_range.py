"""Checks that an answer for an index has closes in the requested range.

Single sessions without a close are handled later (`domain.market.index_series`). An answer
without any close is a failure; as nulls it would look like a success.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import sessions


def why_no_answer(table: pl.DataFrame, start: date, end: date, begins: date | None) -> str | None:
    """The defect of an answer for `start` to `end`; None for a good one.

    Args:
        table: `date` and `close` of one index, all rows of the answer.
        start: first requested day.
        end: last requested day.
        begins: first day of the index's history, None if unknown; an answer for a range before
            it is rightly empty.
    """
    requested = sessions(start, end)
    if not requested or (begins is not None and begins > requested[-1]):
        return None
    closes = table.filter(pl.col("close").is_finite())
    if closes["date"].is_in(requested).any():
        return None
    days = closes["date"].to_list()
    if not days:
        return "it holds no close at all"
    if max(days) < start:
        return f"its last close is of {max(days)}"
    return f"it holds no close of these days, only others from {min(days)} to {max(days)}"
