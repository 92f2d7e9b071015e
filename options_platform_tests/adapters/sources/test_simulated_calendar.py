from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import NEW_YORK, is_session
from options_platform.domain.earnings.anchors import with_anchors
from options_platform.domain.earnings.record import Answer, lengthened

TICKERS = ("AAPL", "AMZN", "GOOGL", "GS", "IBM", "META", "MSFT", "NVDA")
SPAN = date(2015, 1, 1), date(2020, 12, 31)


@pytest.fixture(scope="module")
def told():
    source = SimulatedSource(7)
    return {ticker: source.earnings(ticker, *SPAN) for ticker in TICKERS}


def test_a_company_reports_once_a_quarter_and_a_fund_never(told):
    reports = told["AAPL"].filter(status="reported")
    assert reports.height == 24
    gaps = reports["date"].diff().drop_nulls().dt.total_days()
    assert gaps.is_between(55, 130).all()
    assert reports["timing"].n_unique() == 1
    assert SimulatedSource(7).earnings("SPY", *SPAN).is_empty()


def test_reports_do_not_depend_on_the_range(told):
    whole = told["AAPL"]
    part = SimulatedSource(7).earnings("AAPL", date(2017, 1, 1), date(2018, 12, 31))
    assert part.equals(whole.filter(pl.col("date").dt.year().is_in([2017, 2018])))
    days = {ticker: tuple(rows["date"]) for ticker, rows in told.items()}
    assert len(set(days.values())) == len(TICKERS)


def test_a_date_is_estimated_then_confirmed_with_its_hour_then_reported(told):
    rows = pl.concat(told.values())
    by_status = {str(name): each for (name,), each in rows.group_by("status")}
    assert set(by_status) == {"estimated", "withdrawn", "confirmed", "reported"}
    assert by_status["estimated"]["timing"].null_count() == by_status["estimated"].height
    assert by_status["confirmed"]["timing"].null_count() == 0
    ahead = {
        name: (each["date"] - each["known_from"].dt.date()).dt.total_days()
        for name, each in by_status.items()
    }
    assert ahead["estimated"].is_between(45, 65).all()
    assert ahead["confirmed"].is_between(14, 21).all()
    assert (ahead["withdrawn"] > 0).all()
    assert (ahead["reported"] == 0).all()
    assert rows.filter(pl.col("status") != "reported")["eps_reported"].is_null().all()
    assert all(is_session(day) for day in rows["date"].unique())


def test_the_news_is_after_the_close_of_the_anchor_and_before_that_of_the_reaction(told):
    for rows in told.values():
        for row in with_anchors(rows.filter(status="reported")).iter_rows(named=True):
            moment = row["known_from"].astimezone(NEW_YORK)
            if row["timing"] == "after_close":
                assert (moment.date(), moment.hour) == (row["anchor"], 16)
            else:
                assert (moment.date(), moment.hour) == (row["reaction"], 7)


def test_dates_move_and_are_withdrawn_and_a_report_keeps_its_number(told):
    """The record of what was known has each date that a report had, one after the other."""
    moved = withdrawn = kept = 0
    for ticker, rows in told.items():
        at = rows["known_from"].max() + timedelta(days=1)
        record = lengthened(ticker, EARNINGS_KNOWN.empty(), Answer(rows, *SPAN, at))
        assert record.height == rows.height
        for report in record.partition_by("quarter_no"):
            steps = report.sort("known_from")
            assert steps["known_until"].to_list() == [*steps["known_from"][1:], None]
            assert steps["status"][-1] == "reported"
            dates = steps["date"].unique(maintain_order=True)
            withdrawn += "withdrawn" in steps["status"]
            moved += dates.len() > 1 and "withdrawn" not in steps["status"]
            kept += dates.len() == 1
    assert kept > moved > withdrawn > 5
