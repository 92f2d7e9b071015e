"""A week in which much of an index reports is pointed out for its fund."""

from datetime import date

from options_platform.domain.earnings.heavy_week import heavy_week
from options_platform.domain.earnings.known_dates import Report

DAY = date(2024, 10, 25)
WEIGHTS = {"AAPL": 0.07, "MSFT": 0.06, "NVDA": 0.06, "AMZN": 0.02}


def report(day, reaction):
    return Report(
        day=day, timing="after_close", status="confirmed", anchor=day,
        reaction=reaction, timing_source="source", knowledge="known", source="csv",
    )  # fmt: skip


KNOWN = {
    "AAPL": (report(date(2024, 10, 31), date(2024, 11, 1)),),
    "MSFT": (report(date(2024, 10, 30), date(2024, 10, 31)),),
    "AMZN": (report(date(2024, 10, 31), date(2024, 11, 1)),),
    "NVDA": (report(date(2024, 11, 20), date(2024, 11, 21)),),
}


def test_what_reacts_within_five_sessions_counts():
    week = heavy_week(KNOWN, WEIGHTS, DAY, 0.15)
    assert week.words("SPY") == (
        "SPY: a heavy week, 15% of the index reports before the close of 2024-11-01: "
        "MSFT on 2024-10-30, AAPL on 2024-10-31, AMZN on 2024-10-31."
    )


def test_less_than_the_share_or_a_day_too_early_or_too_late_is_no_heavy_week():
    assert heavy_week(KNOWN, WEIGHTS, DAY, 0.1501) is None
    # A session before, Friday's reactions are the sixth; from their own close on they are past.
    assert heavy_week(KNOWN, WEIGHTS, date(2024, 10, 24), 0.15) is None
    assert heavy_week(KNOWN, WEIGHTS, date(2024, 11, 1), 0.15) is None
    assert heavy_week(KNOWN, {}, DAY, 0.01) is None
