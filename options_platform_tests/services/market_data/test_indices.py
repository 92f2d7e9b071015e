"""Index closes: which are requested, which again, and a source that loses some."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.files.folder import CsvSource
from options_platform.contracts import FETCHES, QUARANTINE, REVISIONS, VIX
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.errors import SourceError
from options_platform.services.market_data.bars import UpdateRequest
from options_platform.services.market_data.indices import update_indices
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, calm_index, changed
from options_platform_tests.updating import NOW, Market

BEGINS = date(2024, 1, 2)
DAY_BEFORE = shift(LAST, -1)


@pytest.fixture
def late(tmp_path):
    """A market whose VIX begins a year after its bars, up to the day before the last."""
    market = Market(tmp_path)
    market.source.indices["VIX"] = calm_index().filter(pl.col("date") >= BEGINS)
    market.run()
    market.run_index(end=DAY_BEFORE)
    assert market.rows(VIX)["vix"].null_count() > 200
    return market


def test_another_source_is_asked_for_the_full_index_history_once(late):
    late.source = ScriptedSource("SPY", name="other")
    update = late.run_index(start=LAST)
    assert late.source.asked == [("VIX", FIRST, LAST)]
    rows = late.rows(VIX)
    assert rows["vix"].null_count() == 0
    assert update.outside["date"].max() < BEGINS
    revised = late.rows(REVISIONS).filter(pl.col("column") == "vix")
    assert revised["old"].null_count() == revised.height > 200
    late.run_index(start=LAST)
    assert late.source.asked == [("VIX", shift(LAST, -10), LAST)]
    assert late.rows(VIX).equals(rows)


def test_the_full_history_of_an_index_is_requested_the_first_time(late):
    late.source.indices["VXN"] = calm_index("VXN")
    late.source.forget()
    asked = UpdateRequest(LAST, LAST, ("SPY",), FIRST, 10)
    update = update_indices(late.source, late.warehouse, asked, {"SPY": "VXN"}, NOW)
    assert ("VXN", FIRST, LAST) in late.source.asked
    late.warehouse.write(update.frames(VIX))
    assert late.rows(VIX)["iv_close"].null_count() == 0


def test_a_daily_run_asks_the_same_source_only_for_its_session(late):
    late.run_index(start=LAST)
    assert late.source.asked == [("VIX", shift(LAST, -10), LAST)]


def test_a_backfill_asks_the_same_source_again_for_missing_closes(late):
    late.source.indices["VIX"] = calm_index()
    late.run_index(start=FIRST, end=DAY_BEFORE)
    assert late.rows(VIX)["vix"].null_count() == 0
    assert late.rows(FETCHES, ticker="VIX")["reason"].to_list() == ["first", "range"]


def test_an_index_that_stops_is_carried_once_then_null_then_an_error(tmp_path):
    """A file that ends: the rule of the missing VIX while its end is in sight, then a refusal."""
    market = Market(tmp_path)
    market.run()
    last = shift(LAST, -12)
    calm_index().filter(pl.col("date") <= last).write_csv(tmp_path / "VIX.csv")
    market.source = CsvSource(str(tmp_path))
    market.source.asked, market.source.forget = [], lambda: None
    market.run_index(end=last)
    for number in range(1, 11):
        day = shift(last, number)
        market.run_index(start=day, end=day)
        row = market.rows(VIX, date=day).row(0, named=True)
        assert (row["vix"] is None, row["vix_age"]) == ((number > 1), 1 if number == 1 else None)
    before = market.rows(VIX)
    with pytest.raises(SourceError, match=rf"VIX\.csv has no closes.*last close is of {last}"):
        market.run_index(start=shift(last, 11), end=shift(last, 11))
    assert market.rows(VIX).equals(before)
    calm_index().write_csv(tmp_path / "VIX.csv")
    market.run_index(start=LAST)
    assert market.rows(VIX)["vix_age"].to_list() == [0] * market.rows().height


def test_a_good_index_close_stays_if_it_is_missing_and_a_bad_one_replaces_it(market):
    market.run()
    market.run_index()
    before = market.rows(VIX)
    index = market.source.indices["VIX"]
    lost, broken = date(2024, 2, 5), date(2024, 2, 7)
    market.source.indices["VIX"] = index.filter(pl.col("date") != lost).with_columns(
        close=pl.when(pl.col("date") == broken).then(-1.0).otherwise("close")
    )
    market.run_index()
    after = market.rows(VIX)
    assert after.filter(pl.col("date") != broken).equals(before.filter(pl.col("date") != broken))
    assert after.filter(pl.col("date") == broken)["vix_age"].item() == 1


def test_an_index_is_asked_for_once_however_many_tickers_use_it(tmp_path):
    market = Market(tmp_path, "SPY", "QQQ", "IWM")
    tickers = ("SPY", "QQQ", "IWM")
    market.run(tickers=tickers)
    market.run_index(tickers=tickers)
    assert market.source.asked == [("VIX", FIRST, LAST)]
    market.run_index(start=LAST, tickers=tickers)
    assert market.source.asked == [("VIX", shift(LAST, -10), LAST)]


@pytest.mark.long
def test_index_rows_day_by_day_are_those_of_one_run(tmp_path):
    (tmp_path / "days").mkdir()
    whole, days = Market(tmp_path), Market(tmp_path / "days")
    for each in (whole, days):
        hole = sessions(date(2024, 2, 5), date(2024, 2, 6))
        index = each.source.indices["VIX"]
        each.source.indices["VIX"] = index.filter(~pl.col("date").is_in(hole))
    whole.run()
    whole.run_index()
    days.run(end=date(2024, 1, 31))
    days.run_index(end=date(2024, 1, 31))
    for day in sessions(date(2024, 2, 1), LAST):
        days.run(start=day, end=day, overlap=2)
        days.run_index(start=day, end=day, overlap=2)
    names = [name for name in VIX.schema.names() if name != "fetched_at"]
    assert days.rows(VIX).select(names).equals(whole.rows(VIX).select(names))
    assert whole.rows(VIX)["vix"].null_count() == 1


def test_a_corrected_index_close_is_recorded_with_the_rows_that_carried_it(market):
    market.run()
    market.run_index(end=shift(LAST, -1))
    day = shift(LAST, -3)
    market.source.indices["VIX"] = changed(market.source.indices["VIX"], day, close=20.0)
    update = market.run_index(start=LAST)
    assert [asked[1] for asked in market.source.asked] == [shift(LAST, -10), FIRST]
    assert update.restated == ("VIX",)
    found = market.rows(REVISIONS).filter(pl.col("table") == "vix")
    assert found.select("date", "ticker", "column", "new").rows() == [
        (day, "SPY", "iv_close", "20.0"),
        (day, "SPY", "vix", "20.0"),
    ]


def test_impossible_index_rows_are_reported_and_their_closes_used(market):
    market.run()
    day = date(2024, 1, 17)
    market.source.indices["VIX"] = changed(market.source.indices["VIX"], day, open=40.0)
    market.run_index()
    assert market.rows(VIX, date=day)["vix_age"].item() == 0
    assert market.rows(QUARANTINE).select("date", "ticker", "rule", "severity").rows() == [
        (day, "VIX", "outside_range", "warning")
    ]
