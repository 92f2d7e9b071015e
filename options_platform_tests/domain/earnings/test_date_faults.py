"""Dates of reports that cannot all be right."""

from datetime import date

import polars as pl

from options_platform.domain.earnings.date_faults import not_quarterly, off_sessions

ALWAYS = date(2000, 1, 3)


def reports(*days, ticker="AAPL", status="reported", timing=None):
    return pl.DataFrame(
        {"date": days, "ticker": ticker, "timing": timing, "status": status},
        schema_overrides={"timing": pl.String, "status": pl.String},
    )


def test_a_day_without_a_session_says_from_which_close_it_counts():
    weekend, early = date(2017, 1, 28), date(2017, 4, 29)
    found = off_sessions(
        pl.concat([reports(weekend), reports(early, timing="before_open")]), ALWAYS
    )
    assert [line.split(",")[0] for line in found] == [
        "AAPL 2017-01-28 is no session", "AAPL 2017-04-29 is no session"
    ]  # fmt: skip
    assert all("after the close of 2017-0" in line for line in found)
    assert off_sessions(reports(weekend), date(2017, 2, 1)) == []


def test_neighbours_of_a_ticker_are_a_quarter_apart_and_of_another_one_are_not_asked():
    apart = pl.concat([
        reports(date(2017, 1, 26), date(2017, 4, 27), date(2017, 8, 1)),
        reports(date(2017, 1, 31), date(2017, 4, 1), ticker="MSFT"),
    ])  # fmt: skip
    assert not_quarterly(apart, ALWAYS) == []


def test_a_gap_is_named_once_from_the_day_of_its_later_report_on():
    days = date(2017, 1, 26), date(2017, 1, 31), date(2017, 6, 1)
    near, far = not_quarterly(reports(*days), ALWAYS)
    assert near.startswith("AAPL 2017-01-31 is 5 days after the report of 2017-01-26: one of")
    assert far.startswith("AAPL 2017-06-01 is 121 days after the report of 2017-01-31: one between")
    # A run of one evening looks at what lies ahead of it, and not at the past again.
    assert not_quarterly(reports(*days), date(2017, 2, 1)) == [far]


def test_projected_dates_are_of_no_file():
    given, ours = reports(date(2017, 1, 26)), reports(date(2017, 2, 28), status="projected")
    assert not_quarterly(pl.concat([given, ours]), ALWAYS) == []
    # Rows of a former version have no status.
    assert len(not_quarterly(pl.concat([given, ours.with_columns(status=None)]), ALWAYS)) == 1
