"""Incremental fetching, missing bars and decisions on bars, on a real warehouse."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from options_platform.contracts import (
    FETCHES,
    QUARANTINE,
    REVISIONS,
)
from options_platform.domain.calendar.sessions import close_time, sessions, shift
from options_platform.domain.market.quarantine import decide
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, changed
from options_platform_tests.updating import NOW, VALUES, Market


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


@pytest.mark.long
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


def test_a_good_bar_stays_when_the_source_later_drops_it(market):
    market.run(end=shift(LAST, -1))
    before = market.rows()
    lost = shift(LAST, -3)
    market.source.history["SPY"] = market.source.history["SPY"].filter(pl.col("date") != lost)
    market.set_bar(shift(LAST, -2), close=None)
    market.run(start=LAST, end=LAST)
    assert market.rows().head(-1).equals(before)
    found = market.rows(QUARANTINE).select("rule", "severity", "status")
    assert found.rows() == [("missing", "warning", "open"), ("nan_price", "set_aside", "open")]


def test_the_entry_for_a_missing_bar_stays_correct_while_it_is_missing(market):
    """A kept bar is not set aside; its entry stays open until the source has the bar again."""
    market.run(end=shift(LAST, -1))
    whole, lost = market.source.history["SPY"], (shift(LAST, -4), shift(LAST, -3))
    market.source.history["SPY"] = changed(
        whole.filter(pl.col("date") != lost[0]), lost[1], close=None
    )
    columns = ("date", "rule", "severity", "status", "note")
    for start in (LAST, shift(LAST, -2), LAST):
        update = market.run(start=start, end=LAST)
        assert market.rows()["bad_reason"].null_count() == market.rows().height
        assert market.rows(QUARANTINE).select(columns).rows() == [
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


def test_a_good_bar_stays_when_it_is_missing_in_a_range_fetched_again(market):
    market.run()
    before = market.rows()
    lost = sessions(date(2024, 2, 5), date(2024, 2, 9))
    history = market.source.history["SPY"]
    market.source.history["SPY"] = history.filter(~pl.col("date").is_in(lost))
    market.run(start=lost[0], end=max(LAST, lost[-1]))
    assert market.rows().equals(before)


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


def test_an_accepted_bar_is_used_from_the_next_run_on_whatever_its_range(market):
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


def test_of_two_conflicting_bars_the_accepted_one_is_used(market):
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


def test_a_session_that_is_not_over_has_no_bar_yet(market):
    market.now = close_time(LAST) - timedelta(days=1, minutes=1)
    market.run()
    assert market.rows(date=LAST)["bad_reason"].item() == "not_final"
    market.now = close_time(LAST) - timedelta(days=1)
    market.run(start=LAST, end=LAST)
    assert market.rows(date=LAST)["bad_reason"].item() is None


def test_a_half_day_ends_at_one(market):
    day = date(2023, 11, 24)
    market.now = datetime(2023, 11, 23, 18, 0, tzinfo=UTC)
    market.run(end=day)
    assert market.rows(date=day)["bad_reason"].item() is None
