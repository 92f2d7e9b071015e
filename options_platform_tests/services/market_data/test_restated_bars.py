"""Corrections, splits and dividends that arrive after the bars, on a real warehouse."""

from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.contracts import (
    CORPORATE_ACTIONS,
    RAW_OHLCV,
    REVISIONS,
)
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.market.as_of import as_of
from options_platform_tests.scripted import FIRST, LAST, calm_bars, changed
from options_platform_tests.updating import NOW, VALUES, Market


def test_a_correction_in_the_overlap_requests_the_whole_history_again(market):
    market.run(end=shift(LAST, -1))
    old, recent = date(2023, 6, 1), shift(LAST, -4)
    before = market.rows()
    was = {day: before.filter(pl.col("date") == day)["close"].item() for day in (old, recent)}
    for day in (old, recent):
        market.set_bar(day, close=was[day] + 0.1)
    update = market.run(start=LAST, end=LAST)
    assert [asked[1] for asked in market.source.asked] == [shift(LAST, -10), FIRST]
    assert update.restated == ("SPY",)
    found = market.rows(REVISIONS).select("date", "column", "old", "new", "cause").rows()
    assert found == [
        (day, "close", str(was[day]), str(was[day] + 0.1), "correction") for day in (old, recent)
    ]
    assert update.outside["date"].to_list() == [old, recent]
    known = as_of(RAW_OHLCV, market.rows(), market.rows(REVISIONS), NOW + timedelta(days=1.5))
    assert known.equals(before)


def test_an_old_correction_waits_for_a_backfill_over_its_range(market):
    market.run()
    old = date(2023, 6, 1)
    market.set_bar(old, volume=5e6)
    market.run(start=LAST, end=LAST)
    assert market.rows(REVISIONS).is_empty()
    market.run(start=old, end=shift(old, 1))
    assert market.rows(REVISIONS).select("date", "column", "new").rows() == [
        (old, "volume", "5000000.0")
    ]


def test_a_backfill_of_everything_asks_once_even_for_a_restated_history(market):
    market.run()
    market.set_bar(date(2023, 6, 1), low=50.0, volume=9e6)
    assert market.run().restated == ("SPY",)
    assert market.source.asked == [("SPY", FIRST, LAST)]
    assert set(market.rows(REVISIONS)["column"]) == {"low", "volume"}
    market.run_index()
    market.source.indices["VIX"] = changed(market.source.indices["VIX"], LAST, close=20.0)
    market.run_index()
    assert market.source.asked == [("VIX", FIRST, LAST)]


def split_4_for_1(frame, day):
    """The bars of a source after a 4:1 split on `day`."""
    before, of_day = pl.col("date") < day, pl.col("date") == day
    prices = [
        pl.when(before).then(pl.col(name) / 4).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close", "adj_close")
    ]
    return frame.with_columns(
        *prices,
        volume=pl.when(before).then(pl.col("volume") * 4).otherwise("volume"),
        split_ratio=pl.when(of_day).then(4.0).otherwise("split_ratio"),
        split_factor=pl.when(before).then(4.0).otherwise("split_factor"),
    )


def after_split(frame, day):
    """Bars as traded, from `day` on at a quarter of the price."""
    late = pl.col("date") >= day
    return frame.with_columns(
        *(
            pl.when(late).then(pl.col(name) / 4).otherwise(name).alias(name)
            for name in ("open", "high", "low", "close", "adj_close")
        ),
        volume=pl.when(late).then(pl.col("volume") * 4).otherwise("volume"),
    )


def test_a_split_restates_the_history_and_is_one_revision_per_column(market):
    day = shift(LAST, -2)
    traded = market.source.history["SPY"]
    market.run(end=shift(day, -1))
    before = market.rows()
    market.source.history["SPY"] = split_4_for_1(after_split(traded, day), day)
    update = market.run(start=day, end=day)
    rows = market.rows()
    assert rows["bad_reason"].null_count() == rows.height
    returns = rows["close"].pct_change().drop_nulls()
    assert returns.abs().max() < 0.05
    as_traded = rows["close"] * rows["split_factor"]
    assert (as_traded.head(-1) - before["close"]).abs().max() < 1e-9
    found = market.rows(REVISIONS)
    assert found["cause"].unique().to_list() == ["split"]
    assert dict(found.select("column", "factor").iter_rows()) == {
        "open": 0.25, "high": 0.25, "low": 0.25, "close": 0.25, "adj_close": 0.25,
        "volume": 4.0, "split_factor": 4.0,
    }  # fmt: skip
    assert update.outside.height == before.height
    actions = market.rows(CORPORATE_ACTIONS).select("date", "ticker", "dividend", "split_ratio")
    assert actions.rows() == [(day, "SPY", 0.0, 4.0)]
    known = as_of(RAW_OHLCV, rows, found, NOW + timedelta(days=1.5))
    assert known.equals(before)


def test_a_split_that_the_source_does_not_adjust_for_is_never_a_return(market):
    day = date(2024, 2, 14)
    market.source.history["SPY"] = after_split(market.source.history["SPY"], day)
    market.run()
    rows = market.rows()
    late = rows.filter(pl.col("date") >= day)
    assert late["bad_reason"].unique().to_list() == ["unadjusted_split"]
    assert rows["close"].drop_nulls().pct_change().abs().max() < 0.05


@pytest.mark.long
def test_a_bar_without_prices_ends_no_streak_after_an_unadjusted_split(tmp_path):
    """Prices have left the split's exact ratio, and a busy day follows the bar without prices."""
    days = sessions(FIRST, LAST)
    split, hole, end = days[100], days[106], days[125]
    factor = pl.when(pl.col("date") < split).then(1.0).when(pl.col("date") < days[105]).then(0.5)
    busy = pl.when(pl.col("date") == days[107]).then(3.0).otherwise(1.0)
    bars = calm_bars().with_columns(
        *(pl.col(name) * factor.otherwise(0.43) for name in ("open", "high", "low", "close")),
        volume=pl.col("volume") * busy * pl.when(pl.col("date") < split).then(1.0).otherwise(2.0),
    )
    whole, daily = Market(tmp_path / "whole"), Market(tmp_path / "daily")
    for market in (whole, daily):
        market.warehouse.path.parent.mkdir()
        market.source.history["SPY"] = changed(bars, hole, close=None)
    whole.run(end=end)
    daily.run(end=days[99])
    for day in sessions(split, end):
        daily.run(day, day)
    assert daily.rows().select(VALUES).equals(whole.rows().select(VALUES))
    after = whole.rows().filter(pl.col("date") >= split, pl.col("date") != hole)
    assert set(after["bad_reason"]) == {"unadjusted_split"}


def test_a_dividend_is_one_revision_of_the_adjusted_closes_and_stales_nothing(market):
    market.run(end=shift(LAST, -1))
    before = market.rows()
    ex = pl.col("date") >= LAST
    market.source.history["SPY"] = market.source.history["SPY"].with_columns(
        adj_close=pl.when(ex).then("adj_close").otherwise(pl.col("adj_close") * 0.995),
        dividend=pl.when(ex).then(0.5).otherwise("dividend"),
    )
    update = market.run(start=LAST, end=LAST)
    found = market.rows(REVISIONS).select("date", "column", "cause").rows()
    assert found == [(shift(LAST, -1), "adj_close", "dividend")]
    assert update.outside.is_empty()
    assert market.rows().height == before.height + 1
    assert market.rows(CORPORATE_ACTIONS)["dividend"].to_list() == [0.5]
    known = as_of(RAW_OHLCV, market.rows(), market.rows(REVISIONS), NOW + timedelta(days=1.5))
    assert known.drop("adj_close").equals(before.drop("adj_close"))
    assert (known["adj_close"] / before["adj_close"] - 1).abs().max() < 1e-9


def test_the_source_is_named_when_another_one_changes_a_bar(market):
    market.run(end=shift(LAST, -1))
    market.source.history["SPY"] = calm_bars(source="other").with_columns(pl.col("close") + 0.01)
    market.run(start=LAST)
    assert set(market.rows(REVISIONS)["cause"]) == {"source"}
