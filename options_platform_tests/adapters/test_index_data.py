"""What is asked again of an index that has no values, and what a source that lost it does."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.index_data import update_indices
from options_platform.adapters.market_data import Asked
from options_platform.adapters.sources.csv_folder import CsvSource
from options_platform.contracts import FETCHES, REVISIONS, VIX
from options_platform.domain.calendar import shift
from options_platform.errors import SourceError
from options_platform_tests.adapters.test_market_data import NOW, Market
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, calm_index

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


def test_another_source_is_asked_for_the_whole_index_once(late):
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


def test_an_index_that_the_source_was_never_asked_for_is_asked_for_whole(late):
    late.source.indices["VXN"] = calm_index("VXN")
    late.source.forget()
    asked = Asked(LAST, LAST, ("SPY",), FIRST, 10)
    update = update_indices(late.source, late.warehouse, asked, {"SPY": "VXN"}, NOW)
    assert ("VXN", FIRST, LAST) in late.source.asked
    late.warehouse.write(update.frames(VIX))
    assert late.rows(VIX)["iv_close"].null_count() == 0


def test_a_daily_run_asks_the_same_source_for_its_session_alone(late):
    late.run_index(start=LAST)
    assert late.source.asked == [("VIX", shift(LAST, -10), LAST)]


def test_a_backfill_asks_the_same_source_again_for_what_it_had_not(late):
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
    with pytest.raises(SourceError, match=rf"VIX\.csv says nothing.*last close is of {last}"):
        market.run_index(start=shift(last, 11), end=shift(last, 11))
    assert market.rows(VIX).equals(before)
    calm_index().write_csv(tmp_path / "VIX.csv")
    market.run_index(start=LAST)
    assert market.rows(VIX)["vix_age"].to_list() == [0] * market.rows().height
