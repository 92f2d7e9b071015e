"""What a stock's modelled volatility rests on is what was known at the session's close."""

from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.modelled_inputs import VOLS, modelled_inputs
from options_platform.domain.earnings.rules import EarningsRules
from tools.calibration.stock_history import record_of

FIRST, LAST = date(2018, 1, 2), date(2022, 12, 30)


@pytest.fixture(scope="module")
def bars(reference_data):
    prices = pl.read_csv(reference_data / "prices/AAPL.csv", try_parse_dates=True)
    return prices.filter(pl.col("date").is_between(FIRST, LAST)).select("date", "close")


@pytest.fixture(scope="module")
def record(reference_data):
    return record_of(reference_data, "AAPL")


def inputs(bars, record, days=None):
    known = KnownDates("AAPL", record, EarningsRules())
    return modelled_inputs(bars, known, days or bars["date"].to_list())


@pytest.fixture(scope="module")
def whole(bars, record):
    return inputs(bars, record)


@pytest.mark.parametrize("day", [date(2019, 6, 3), date(2020, 4, 29), date(2022, 12, 30)])
def test_a_session_alone_has_the_row_of_the_whole_history_bit_for_bit(bars, record, whole, day):
    alone = inputs(bars.filter(pl.col("date") <= day), record, [day])
    assert alone.equals(whole.filter(pl.col("date") == day))


@pytest.mark.parametrize("days", [-9, 5])
def test_a_report_that_moves_changes_no_session_that_did_not_know_it(bars, record, whole, days):
    report = record.filter(pl.col("date") > date(2021, 7, 1))["date"][0]
    at = pl.when(pl.col("date") == report).then(pl.col("date") + timedelta(days=days))
    moved = inputs(bars, record.with_columns(date=at.otherwise("date")))
    first_known = min(report, report + timedelta(days=days)) - timedelta(days=14)
    before = pl.col("date") < first_known
    assert moved.filter(before).equals(whole.filter(before))
    assert not moved.equals(whole)


def test_reactions_are_in_the_moves_and_not_in_the_volatilities(bars, record, whole):
    day = date(2020, 10, 30)
    assert abs(bars.filter(pl.col("date").is_between(day - timedelta(days=1), day))["close"]
               .log().diff()[-1]) > 0.05  # fmt: skip
    before, after = whole.filter(pl.col("date").is_in([day - timedelta(days=1), day])).to_dicts()
    assert before["report_in_30_days"]
    assert not after["report_in_30_days"]
    assert after["hv_252x"] == pytest.approx(before["hv_252x"], rel=0.02)
    assert after["event_anchor"] > day > before["event_anchor"]
    assert after["rms_move"] != before["rms_move"]


def test_values_are_null_with_a_reason_until_the_history_is_whole(bars, record, whole):
    reasons = whole["missing"].unique(maintain_order=True).to_list()
    assert reasons == ["NO_REPORTS", "FEW_REPORTS", None]
    assert whole.filter(pl.col("missing").is_null())["date"][0] > date(2019, 10, 1)
    no_reports = inputs(bars, record.clear())
    assert set(no_reports["missing"]) == {"NO_REPORTS"}
    assert no_reports["event_anchor"].null_count() == no_reports.height
    # Reports of years before the first bar have no moves.
    short = inputs(bars.filter(pl.col("date") >= date(2020, 1, 2)), record, sessions(
        date(2020, 1, 2), date(2020, 12, 30)))  # fmt: skip
    assert set(short["missing"]) == {"NO_REPORTS", "FEW_REPORTS"}


def test_a_bad_bar_costs_its_own_returns_only(bars, record, whole):
    day = date(2021, 3, 3)
    holed = bars.with_columns(close=pl.when(pl.col("date") != day).then("close"))
    rows = inputs(holed, record)
    assert rows["missing"].to_list() == whole["missing"].to_list()
    differs = rows.filter(rows["hv_22x"].ne_missing(whole["hv_22x"]))["date"]
    assert differs.min() == day
    assert len(sessions(day, differs.max())) == 23
    assert rows.filter(pl.col("date") == day).select(VOLS).null_count().sum_horizontal()[0] == 0
