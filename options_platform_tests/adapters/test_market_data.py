"""Incremental fetching, restatements and decisions, on a real warehouse."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.adapters.index_data import update_indices
from options_platform.adapters.market_data import Asked, update_bars
from options_platform.adapters.warehouse import Warehouse
from options_platform.contracts import (
    CORPORATE_ACTIONS,
    FETCHES,
    QUARANTINE,
    RAW_OHLCV,
    REVISIONS,
    VIX,
)
from options_platform.domain.as_of import as_of
from options_platform.domain.calendar import close_time, sessions, shift
from options_platform.domain.quarantine import decide
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, calm_bars, changed

NOW = datetime(2024, 4, 2, 12, tzinfo=UTC)
VALUES = [name for name in RAW_OHLCV.schema.names() if name != "fetched_at"]


class Market:
    """A warehouse that is brought up to date from a scripted source."""

    def __init__(self, folder, *tickers):
        self.source = ScriptedSource(*tickers)
        self.warehouse = Warehouse(folder / "w.duckdb", wait_seconds=5)
        self.now = NOW
        self.second = None

    def run(self, start=FIRST, end=LAST, tickers=("SPY",), overlap=10):
        self.now += timedelta(days=1)
        self.source.forget()
        asked = Asked(start, end, tuple(tickers), FIRST, overlap)
        update = update_bars(self.source, self.warehouse, asked, self.now, second=self.second)
        self.warehouse.write(update.frames(RAW_OHLCV))
        return update

    def run_index(self, start=FIRST, end=LAST, tickers=("SPY",), overlap=10):
        self.source.forget()
        asked = Asked(start, end, tuple(tickers), FIRST, overlap)
        symbols = dict.fromkeys(tickers, "VIX")
        update = update_indices(self.source, self.warehouse, asked, symbols, self.now)
        self.warehouse.write(update.frames(VIX))
        return update

    def set_bar(self, day, ticker="SPY", **values):
        self.source.history[ticker] = changed(self.source.history[ticker], day, **values)

    def rows(self, table=RAW_OHLCV, **columns):
        frame = self.warehouse.read(table)
        for name, value in columns.items():
            frame = frame.filter(pl.col(name) == value)
        return frame


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path)


def test_a_first_run_asks_once_for_the_whole_history(market):
    market.run(start=LAST)
    assert market.source.asked == [("SPY", FIRST, LAST)]
    assert market.rows().height == len(sessions(FIRST, LAST))
    assert market.rows(FETCHES)["reason"].to_list() == ["first"]


def test_a_daily_run_asks_for_its_session_and_the_overlap(market):
    day = shift(LAST, -1)
    market.run(end=day)
    update = market.run(start=LAST, end=LAST)
    assert market.source.asked == [("SPY", shift(LAST, -10), LAST)]
    assert update.rows["date"].to_list() == [LAST]
    assert update.revisions.is_empty()


def test_a_run_after_missed_sessions_asks_from_the_first_one_missing(market):
    market.run(end=shift(LAST, -6))
    update = market.run(start=LAST, end=LAST, overlap=3)
    assert market.source.asked == [("SPY", shift(LAST, -8), LAST)]
    assert update.rows["date"].to_list() == sessions(shift(LAST, -5), LAST)
    assert update.outside["date"].to_list() == sessions(shift(LAST, -5), shift(LAST, -1))


def test_day_by_day_gives_the_rows_of_one_run(market, tmp_path):
    bad = date(2024, 2, 14)
    whole = Market(tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    for each in (market, whole):
        each.set_bar(bad, high=150.0)
        each.set_bar(shift(bad, 3), close=200.0, high=200.25)
        each.set_bar(shift(bad, 5), volume=0.0)
    market.run()
    whole.run(end=date(2024, 2, 1))
    for day in sessions(date(2024, 2, 2), LAST):
        whole.run(start=day, end=day, overlap=3)
    assert whole.rows().select(VALUES).equals(market.rows().select(VALUES))
    assert market.rows().filter(pl.col("bad_reason").is_not_null())["bad_reason"].to_list() == [
        "spike", "jump", "no_volume",
    ]  # fmt: skip
    assert whole.rows(REVISIONS).is_empty()


def test_a_correction_in_the_overlap_brings_the_whole_history_again(market):
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
    """What a source gives once a 4:1 split has happened on `day`."""
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


def test_a_split_restates_the_history_and_is_one_revision_a_column(market):
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


def test_a_good_bar_outlives_a_later_hole_in_the_source(market):
    market.run(end=shift(LAST, -1))
    before = market.rows()
    lost = shift(LAST, -3)
    market.source.history["SPY"] = market.source.history["SPY"].filter(pl.col("date") != lost)
    market.set_bar(shift(LAST, -2), close=None)
    market.run(start=LAST, end=LAST)
    assert market.rows().head(-1).equals(before)
    found = market.rows(QUARANTINE).select("rule", "severity", "status")
    assert found.rows() == [("missing", "warning", "open"), ("nan_price", "set_aside", "open")]


def test_what_is_told_of_a_hole_is_true_for_as_long_as_it_lasts(market):
    """A kept bar is not set aside, and nobody has given another one until it comes again."""
    market.run(end=shift(LAST, -1))
    whole, lost = market.source.history["SPY"], (shift(LAST, -4), shift(LAST, -3))
    market.source.history["SPY"] = changed(
        whole.filter(pl.col("date") != lost[0]), lost[1], close=None
    )
    told = ("date", "rule", "severity", "status", "note")
    for start in (LAST, shift(LAST, -2), LAST):
        update = market.run(start=start, end=LAST)
        assert market.rows()["bad_reason"].null_count() == market.rows().height
        assert market.rows(QUARANTINE).select(told).rows() == [
            (lost[0], "missing", "warning", "open", None),
            (lost[1], "nan_price", "set_aside", "open", None),
        ]
    assert update.set_aside == 1
    market.source.history["SPY"] = whole
    market.run(start=LAST)
    assert market.rows(QUARANTINE).select("rule", "status", "note").rows() == [
        ("missing", "rejected", "the source has since given the bar"),
        ("nan_price", "rejected", "the source has since given another bar"),
    ]


def test_a_good_bar_outlives_a_hole_in_the_very_range_that_is_fetched_again(market):
    market.run()
    before = market.rows()
    lost = sessions(date(2024, 2, 5), date(2024, 2, 9))
    history = market.source.history["SPY"]
    market.source.history["SPY"] = history.filter(~pl.col("date").is_in(lost))
    market.run(start=lost[0], end=max(LAST, lost[-1]))
    assert market.rows().equals(before)


def test_a_good_index_close_outlives_a_hole_and_a_bad_one_replaces_it(market):
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


def test_a_bad_bar_is_asked_for_again_and_closed_once_a_good_one_comes(market):
    day = shift(LAST, -1)
    good = market.source.history["SPY"]
    wrong = 1.3 * good.filter(pl.col("date") == day)["close"].item()
    market.set_bar(day, close=wrong, high=wrong + 0.25)
    market.run(end=day)
    assert market.rows(date=day)["bad_reason"].item() == "jump"
    market.source.history["SPY"] = good
    update = market.run(start=LAST, end=LAST)
    assert (
        market.rows(date=day)["close"].item() == good.filter(pl.col("date") == day)["close"].item()
    )
    entry = market.rows(QUARANTINE).row(0, named=True)
    assert (entry["status"], entry["note"]) == (
        "rejected", "the source has since given another bar"
    )  # fmt: skip
    assert update.outside["date"].to_list() == [day]


def decided(market, status, **columns):
    entries = market.rows(QUARANTINE, **columns)
    market.warehouse.upsert(QUARANTINE, decide(entries, status=status, note="seen", now=NOW))


def test_an_accepted_bar_enters_at_the_next_run_whatever_its_range(market):
    day = date(2024, 1, 17)
    market.set_bar(day, high=130.0)
    market.run(end=shift(LAST, -1))
    assert market.rows(date=day)["bad_reason"].item() == "spike"
    decided(market, "accepted")
    market.run(start=LAST, end=LAST)
    assert market.rows(date=day)["high"].item() == 130.0
    found = market.rows(REVISIONS)
    assert found["cause"].unique().to_list() == ["accepted"]
    assert found.filter(pl.col("column") == "bad_reason").select("old", "new").row(0) == (
        "spike", None
    )  # fmt: skip
    market.run()
    assert market.rows(date=day)["high"].item() == 130.0
    assert market.rows(QUARANTINE)["status"].to_list() == ["accepted"]


def test_a_rejected_bar_stays_out_for_good(market):
    day = date(2024, 1, 17)
    market.set_bar(day, close=150.0, high=151.0)
    market.run()
    decided(market, "rejected")
    # Turnover that would confirm the jump changes nothing any more.
    market.set_bar(day, volume=2e7)
    market.run()
    assert market.rows(date=day)["bad_reason"].item() == "rejected"
    assert market.rows(QUARANTINE).select("rule", "status").rows() == [("jump", "rejected")]


def test_of_two_conflicting_bars_the_accepted_one_is_taken(market):
    day = date(2024, 1, 17)
    other = market.source.history["SPY"].filter(pl.col("date") == day)
    other = other.with_columns(pl.col("close") + 0.1)
    market.source.history["SPY"] = pl.concat([market.source.history["SPY"], other])
    market.run()
    entries = market.rows(QUARANTINE)
    assert entries["rule"].to_list() == ["duplicate_conflict"] * 2
    close = other["close"].item()
    chosen = entries.filter(pl.col("value").str.contains(f'"close":{close},'))
    market.warehouse.upsert(QUARANTINE, decide(chosen, status="accepted", note=None, now=NOW))
    market.run(start=LAST, end=LAST)
    assert market.rows(date=day)["close"].item() == close


def test_a_second_source_confirms_a_jump_or_does_not(market):
    day = date(2024, 2, 14)
    jump = {"close": 150.0, "high": 151.0}
    market.set_bar(day, **jump)
    market.second = ScriptedSource("SPY", name="second")
    market.run()
    assert market.rows(date=day)["bad_reason"].item() == "jump"
    market.second.history["SPY"] = changed(market.second.history["SPY"], day, **jump)
    market.run()
    assert market.rows(date=day)["close"].item() == 150.0


def test_a_session_that_is_not_over_is_no_bar_yet(market):
    market.now = close_time(LAST) - timedelta(days=1, minutes=1)
    market.run()
    assert market.rows(date=LAST)["bad_reason"].item() == "not_final"
    market.now = close_time(LAST) - timedelta(days=1)
    market.run(start=LAST, end=LAST)
    assert market.rows(date=LAST)["bad_reason"].item() is None


def test_a_half_day_is_over_at_one(market):
    day = date(2023, 11, 24)
    market.now = datetime(2023, 11, 23, 18, 0, tzinfo=UTC)
    market.run(end=day)
    assert market.rows(date=day)["bad_reason"].item() is None


def test_an_index_is_asked_for_once_however_many_tickers_use_it(tmp_path):
    market = Market(tmp_path, "SPY", "QQQ", "IWM")
    tickers = ("SPY", "QQQ", "IWM")
    market.run(tickers=tickers)
    market.run_index(tickers=tickers)
    assert market.source.asked == [("VIX", FIRST, LAST)]
    market.run_index(start=LAST, tickers=tickers)
    assert market.source.asked == [("VIX", shift(LAST, -10), LAST)]


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


def test_index_rows_that_cannot_be_are_told_and_their_closes_used(market):
    market.run()
    day = date(2024, 1, 17)
    market.source.indices["VIX"] = changed(market.source.indices["VIX"], day, open=40.0)
    market.run_index()
    assert market.rows(VIX, date=day)["vix_age"].item() == 0
    assert market.rows(QUARANTINE).select("date", "ticker", "rule", "severity").rows() == [
        (day, "VIX", "outside_range", "warning")
    ]


def test_the_source_is_named_when_another_one_changes_a_bar(market):
    market.run(end=shift(LAST, -1))
    market.source.history["SPY"] = calm_bars(source="other").with_columns(pl.col("close") + 0.01)
    market.run(start=LAST)
    assert set(market.rows(REVISIONS)["cause"]) == {"source"}
