"""Whether an answer for an index says anything about the range that was asked for.

A session without a close is judged row by row (`domain.market.index_series`); an answer without any
is no answer, and would turn into nulls that look like a success.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.domain.calendar.sessions import sessions


def why_no_answer(table: pl.DataFrame, start: date, end: date, begins: date | None) -> str | None:
    """What is wrong with an answer for `start` to `end`; None if nothing is.

    Args:
        table: `date` and `close` of one index, all that the source gave.
        start: first day asked for.
        end: last day asked for.
        begins: first day of the index's history, None where it is not known. Of a range before
            it there is nothing to give.
    """
    wanted = sessions(start, end)
    if not wanted or (begins is not None and begins > wanted[-1]):
        return None
    closes = table.filter(pl.col("close").is_finite())
    if closes["date"].is_in(wanted).any():
        return None
    days = closes["date"].to_list()
    if not days:
        return "it holds no close at all"
    if max(days) < start:
        return f"its last close is of {max(days)}"
    return f"it holds no close of these days, only others from {min(days)} to {max(days)}"
