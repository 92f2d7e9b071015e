"""Past reports as events, and what implied volatility says of them, on AAPL and AMZN."""

import math
from datetime import date

import polars as pl
import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.earnings.anchors import with_anchors
from options_platform.domain.earnings.crush import CRUSH, excess_falls
from options_platform.domain.earnings.events import past_events

INDICES = {"AAPL": "VXAPL", "AMZN": "VXAZN"}
BAD_TICKS = 9.0


@pytest.fixture(scope="module")
def market(reference_data):
    """By ticker: bars, volatility, and days of its reports; SPY's closes under SPY."""
    read = {"try_parse_dates": True}
    vix = pl.read_csv(reference_data / "vol/VIX.csv", **read).select("date", vix="close")
    days = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", **read)
    parts = {"SPY": pl.read_csv(reference_data / "prices/SPY.csv", **read)}
    for ticker, index in INDICES.items():
        own = pl.read_csv(reference_data / f"vol/{index}.csv", **read)
        volatility = own.filter(pl.col("close") > BAD_TICKS).select("date", iv="close")
        parts[ticker] = (
            pl.read_csv(reference_data / f"prices/{ticker}.csv", **read),
            volatility.join(vix, on="date").sort("date"),
            days.filter(ticker=ticker)["rep"].sort(),
        )
    return parts


def reports(days, timing="after_close", timing_source="source"):
    columns = {"date": days, "timing": [timing] * len(days), "timing_source": timing_source}
    return with_anchors(pl.DataFrame(columns | {"source": "csv"}))


def events_of(market, ticker, days, **how):
    bars, volatility, _ = market[ticker]
    return past_events(reports(days, **how), bars, volatility, market["SPY"])


def test_a_collapse_of_volatility_marks_a_report_and_little_else(market):
    found = others = reported = false = located = 0
    for ticker in INDICES:
        _, volatility, days = market[ticker]
        falls = excess_falls(volatility).drop_nulls()
        at = {day: row for row, day in enumerate(falls["date"].to_list())}
        excess = falls["excess"].to_list()
        reactions = [shift(day, 1) for day in days if shift(day, 1) in at]
        for reaction in reactions:
            row = at[reaction]
            reported += 1
            found += excess[row] <= CRUSH
            located += excess[row] == min(excess[max(row - 2, 0) : row + 3])
        rest = [fall for day, fall in zip(at, excess, strict=True) if day not in reactions]
        others += len(rest)
        false += sum(fall <= CRUSH for fall in rest)
    assert (reported, others) == (92, 5601)
    assert found / reported >= 0.84
    assert false / others <= 0.013
    assert located / reported >= 0.90


def shares(market, ticker, bound):
    """Of a ticker's reports and of its other sessions the shares with an excess up to `bound`."""
    _, volatility, days = market[ticker]
    falls = excess_falls(volatility).drop_nulls()
    is_report = pl.col("date").is_in([shift(day, 1) for day in days])
    is_fall = falls.group_by(is_report=is_report).agg(share=(pl.col("excess") <= bound).mean())
    by_kind = dict(is_fall.iter_rows())
    return by_kind[True], by_kind[False]


@pytest.mark.parametrize(("ticker", "teacher"), [("AAPL", "AMZN"), ("AMZN", "AAPL")])
def test_the_bound_that_one_ticker_teaches_finds_the_reports_of_the_other(market, ticker, teacher):
    """The highest whole percentage with at most 1.3% false on the teacher is that of `CRUSH`."""
    bounds = [math.log(percent / 100) for percent in range(80, 99)]
    taught = max(bound for bound in bounds if shares(market, teacher, bound)[1] <= 0.013)
    assert taught == pytest.approx(CRUSH)
    found, false = shares(market, ticker, taught)
    assert found >= 0.84
    assert false <= 0.013


def test_a_report_without_an_hour_a_day_early_is_dated_by_the_fall_of_volatility(market):
    _, volatility, days = market["AMZN"]
    days = [day for day in days if volatility["date"][5] < day < date(2022, 4, 1)]
    early = [shift(day, -1) for day in days]
    events = events_of(market, "AMZN", early, timing=None, timing_source="assumed")
    moved = events.filter(pl.col("timing_source") == "iv")
    right = moved.filter(pl.col("anchor").is_in(days))
    assert moved.height >= 0.7 * len(days)
    assert right.height == moved.height
    # Final is a date one session after the reaction that the source's date gives.
    assert moved.select((pl.col("known_on") == pl.col("reaction")).all()).item()


def test_an_hour_of_the_source_is_moved_only_where_volume_contradicts_it_too(market):
    _, volatility, days = market["AAPL"]
    days = [day for day in days if volatility["date"][5] < day < date(2022, 4, 1)]
    events = events_of(market, "AAPL", days)
    assert events["timing_source"].unique().to_list() == ["source"]
    assert events.filter(pl.col("report_date") == date(2021, 1, 27)).row(0, named=True)[
        "suspicious"
    ] == ("volatility collapsed the session before")


def test_an_event_has_the_move_the_volume_and_the_fall_of_volatility(market):
    (event,) = events_of(market, "AMZN", [date(2022, 2, 3)]).to_dicts()
    assert (event["anchor"], event["reaction"]) == (date(2022, 2, 3), date(2022, 2, 4))
    assert event["move"] == pytest.approx(0.1354, abs=1e-4)
    assert event["iv_crush"] == pytest.approx(event["iv_post"] / event["iv_pre"] - 1)
    assert event["iv_crush"] < -0.3
    assert event["event_sigma"] == pytest.approx(
        math.sqrt((event["iv_pre"] ** 2 - event["iv_post"] ** 2) * 30 / 365)
    )
    assert event["move_ratio"] == pytest.approx(event["move"] / event["implied_move"])
    # SPY rose 0.5% that day; the rest is Amazon's own.
    assert event["idio_move"] == pytest.approx(0.1286, abs=1e-4)
    assert event["volume_ratio"] > 3
    assert event["suspicious"] is None


def test_what_bars_and_indices_do_not_show_is_null(market):
    bars, _, _ = market["AAPL"]
    last = bars.filter(pl.col("date") <= date(2024, 5, 3))
    (event,) = past_events(reports([date(2024, 5, 2)]), last, None, None).to_dicts()
    assert event["move"] == pytest.approx(0.0598, abs=1e-4)
    names = ("move_5d", "idio_move", "iv_pre", "iv_crush", "implied_move", "implied_source")
    assert [event[name] for name in names] == [None] * len(names)
    anchor = last.filter(pl.col("date") <= date(2024, 5, 2))
    assert past_events(reports([date(2024, 5, 2)]), anchor, None, None).is_empty()
