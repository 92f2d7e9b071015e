"""Dates that trading contradicts are found, on the real dates that are known to be wrong."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.earnings.anchors import with_anchors
from options_platform.domain.earnings.crush import CRUSH, LOCATED, excess_falls
from options_platform.domain.earnings.doubts import doubtful_dates


@pytest.fixture(scope="module")
def bars(reference_data):
    folder = reference_data / "prices"
    tickers = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA")
    return {t: pl.read_csv(folder / f"{t}.csv", try_parse_dates=True) for t in tickers}


def judged(days, bars, volatility=None):
    frame = pl.DataFrame(
        {"date": sorted(days), "timing": None}, schema_overrides={"timing": pl.String}
    )
    return dict(doubtful_dates(with_anchors(frame), bars, volatility).select("date", "why").rows())


def test_most_of_the_dates_that_are_a_day_early_are_found(reference_data, bars):
    given = pl.read_csv(reference_data / "earnings/GOOG.csv", try_parse_dates=True)["reported_date"]
    early = given.filter(given.is_between(date(2020, 7, 29), date(2024, 10, 28)))
    assert early.len() == 18
    found = judged(early, bars["GOOGL"])
    assert len(found) >= 12
    assert set(found.values()) == {"the session after traded more"}
    right = pl.read_csv(reference_data / "earnings/megacap_report_dates.csv", try_parse_dates=True)
    right = right.filter(
        pl.col("symbol").is_in(["GOOG", "GOOGL"]) & (pl.col("report_date") >= early[0])
    )
    assert len(judged(right["report_date"].unique(), bars["GOOGL"])) <= 1


def test_reports_before_the_open_that_are_taken_for_later_ones_are_found(bars):
    days = [date(2009, 1, 22), date(2009, 10, 23), date(2009, 4, 23)]
    assert judged(days, bars["MSFT"]) == dict.fromkeys(days[:2], "the session before traded more")
    assert date(2012, 5, 11) in judged([date(2012, 5, 11)], bars["NVDA"])
    assert judged([date(2012, 5, 10)], bars["NVDA"]) == {}


@pytest.fixture(scope="module")
def volatilities(reference_data):
    vix = pl.read_csv(reference_data / "vol/VIX.csv", try_parse_dates=True)
    found = {}
    for ticker, name in (("AAPL", "VXAPL"), ("AMZN", "VXAZN")):
        own = pl.read_csv(reference_data / f"vol/{name}.csv", try_parse_dates=True)
        both = own.join(vix, on="date", suffix="_vix").sort("date")
        found[ticker] = both.select("date", iv=pl.col("close") / 100, vix="close_vix")
    return found


def test_a_collapse_of_volatility_marks_the_reaction_and_few_other_sessions(
    reference_data, volatilities
):
    """A study found 87% of the reports, 1.0% false, and located 92% within two sessions."""
    events = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    hits = located = reports = false = others = 0
    for ticker, volatility in volatilities.items():
        falls = excess_falls(volatility).drop_nulls().with_row_index("at")
        reactions = set(events.filter(pl.col("ticker") == ticker)["react"])
        of_reports = falls.filter(pl.col("date").is_in(list(reactions)))
        rest = falls.filter(~pl.col("date").is_in(list(reactions)))
        reports, others = reports + of_reports.height, others + rest.height
        hits += of_reports.filter(pl.col("excess") <= CRUSH).height
        false += rest.filter(pl.col("excess") <= CRUSH).height
        for at in of_reports["at"]:
            around = falls[max(at - 2, 0) : at + 3]
            located += around["at"][around["excess"].arg_min()] == at
    assert (reports, others) == (92, 5604)
    assert hits / reports >= 0.84
    assert false / others <= 0.013
    assert located / reports >= 0.90


def test_a_date_beside_a_collapse_is_doubtful_even_if_its_volume_is_not(volatilities, bars):
    volatility = volatilities["AAPL"]
    fall = excess_falls(volatility).filter(pl.col("date") == date(2022, 1, 28))["excess"].item()
    assert fall <= LOCATED
    # The report of 2022-01-27 stored a day early.
    assert judged([date(2022, 1, 26)], bars["AAPL"].clear(), volatility) == {
        date(2022, 1, 26): "volatility collapsed the session after"
    }
    assert judged([date(2022, 1, 27)], bars["AAPL"].clear(), volatility) == {}
