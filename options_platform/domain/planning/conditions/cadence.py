"""How often entries are planned: in every session, or in the first one of a week or month."""

from __future__ import annotations

import polars as pl

from options_platform.domain.calendar.sessions import all_sessions, calendar_cache
from options_platform.domain.planning.refusals import RefusalRule

EVERY_SESSION = "session"
PERIODS = {"week": "1w", "month": "1mo"}
CADENCES = (EVERY_SESSION, *PERIODS)


@calendar_cache
def first_sessions(cadence: str) -> pl.Series:
    """The first session of each calendar week (from Monday on) or month, ascending."""
    days = pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date})
    period = pl.col("date").dt.truncate(PERIODS[cadence])
    return days.group_by(period.alias("period")).agg(pl.col("date").min())["date"].sort()


def cadence_rules(cadence: str) -> tuple[RefusalRule, ...]:
    """The rule that refuses sessions between the entry days of `cadence`; none for every session.

    The rule needs `date`. It asks the calendar alone: where the first session of a week is refused
    for another reason, nothing is planned in that week.
    """
    if cadence == EVERY_SESSION:
        return ()
    days = first_sessions(cadence)
    place = pl.lit(days).search_sorted(pl.col("date"))
    # In the last period of the calendar the next entry day is not known.
    following = pl.when(place < days.len()).then(
        pl.lit(days).gather(place.clip(upper_bound=days.len() - 1))
    )
    return (
        RefusalRule(
            "NOT_ENTRY_DAY",
            pl.col("date").cast(pl.String),
            f"the first session of a {cadence}",
            ~pl.col("date").is_in(days.implode()),
            pl.format(f"the next first session of a {cadence}, {{}}", following),
        ),
    )
