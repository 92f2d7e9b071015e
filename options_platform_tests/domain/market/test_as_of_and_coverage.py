from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import QUARANTINE, RAW_OHLCV, REVISIONS
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.market.as_of import as_of
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.coverage import (
    coverage_by_month,
    freshness,
    gaps,
    quarantine_summary,
    revisions_summary,
)
from options_platform.domain.market.fetch_plan import fetch_window
from options_platform.domain.market.quarantine import decide
from options_platform.domain.market.revisions import find_revisions
from options_platform.errors import UsageError
from options_platform_tests.scripted import FIRST, LAST, calm_bars, changed

NOW = datetime(2024, 4, 2, tzinfo=UTC)


def stored(bars=None):
    bars = calm_bars() if bars is None else bars
    return clean_bars(bars, sessions(FIRST, LAST), "scripted", NOW).rows


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.sampled_from(["open", "close", "volume", "split_factor", "dividend"]),
            st.floats(0.001, 1e9) | st.none(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_earlier_state_is_restored(edits):
    states, revisions, moment = [stored()], [], NOW
    for at, name, value in edits:
        moment += timedelta(days=1)
        rows = changed(states[-1], states[-1]["date"][at], **{name: value})
        revisions.append(find_revisions(RAW_OHLCV, rows, states[-1], moment))
        states.append(rows)
    revisions_frame = pl.concat(revisions)
    for edit, state in enumerate(states):
        restored = as_of(RAW_OHLCV, states[-1], revisions_frame, NOW + timedelta(days=edit))
        for name in ("open", "close", "volume", "split_factor", "dividend"):
            # Relative differences below 1e-6 are not recorded as changes.
            same = (restored[name] - state[name]).abs() <= 1e-6 * state[name].abs()
            assert (same | (restored[name].is_null() & state[name].is_null())).all()


def test_rows_fetched_later_are_left_out():
    rows = stored().with_columns(
        fetched_at=pl.when(pl.col("date") == LAST)
        .then(NOW + timedelta(days=1))
        .otherwise("fetched_at")
    )
    restored = as_of(RAW_OHLCV, rows, REVISIONS.empty(), NOW)
    assert restored["date"].max() == shift(LAST, -1)


def test_two_restatements_are_undone_newest_first():
    first = stored()
    halved = [(pl.col(name) / 2).alias(name) for name in ("open", "high", "low", "close")]
    second = first.with_columns(halved)
    third = second.with_columns(halved)
    moments = [NOW + timedelta(days=n) for n in (1, 2)]
    revisions = pl.concat(
        [
            find_revisions(RAW_OHLCV, second, first, moments[0]),
            find_revisions(RAW_OHLCV, third, second, moments[1]),
        ]
    )
    assert revisions.height == 8
    assert as_of(RAW_OHLCV, third, revisions, NOW).equals(first)
    assert as_of(RAW_OHLCV, third, revisions, moments[0]).equals(second)
    assert as_of(RAW_OHLCV, third, revisions, moments[1]).equals(third)


def test_a_bar_that_the_factor_does_not_explain_has_its_own_revision():
    first = stored()
    day = first["date"][50]
    second = changed(first.with_columns(pl.col("close") / 2), day, close=40.0)
    revisions = find_revisions(RAW_OHLCV, second, first, NOW + timedelta(days=1))
    assert revisions.select("column", "factor", "cause").rows() == [
        ("close", None, "correction"), ("close", 0.5, "split"),
    ]  # fmt: skip
    assert as_of(RAW_OHLCV, second, revisions, NOW).equals(first)


def test_coverage_counts_each_month_of_each_ticker():
    bars = calm_bars().filter(pl.col("date") != date(2024, 2, 6))
    rows = stored(changed(bars, date(2024, 2, 7), low=-1.0))
    coverage = coverage_by_month(rows, ["SPY", "QQQ"], date(2024, 1, 2), LAST)
    assert coverage.filter(pl.col("ticker") == "SPY").select(pl.exclude("ticker")).rows() == [
        (date(2024, 1, 1), 21, 21, 0, 0),
        (date(2024, 2, 1), 20, 18, 1, 1),
        (date(2024, 3, 1), 20, 20, 0, 0),
    ]
    assert coverage.filter(pl.col("ticker") == "QQQ")["missing"].to_list() == [21, 20, 20]


def test_gaps_are_holes_between_the_first_bar_and_the_end():
    rows = stored(
        calm_bars().filter(~pl.col("date").is_between(date(2023, 7, 3), date(2023, 7, 7)))
    )
    holes = gaps(rows, ["SPY"], shift(LAST, 2))
    assert holes.rows() == [
        ("SPY", date(2023, 7, 3), date(2023, 7, 7), 4),
        ("SPY", shift(LAST, 1), shift(LAST, 2), 2),
    ]


def test_freshness_counts_sessions_since_the_last_close():
    rows = stored(changed(calm_bars(), LAST, close=None))
    reach = freshness(rows, ["SPY", "QQQ"], shift(LAST, 1)).rows()
    assert reach == [("SPY", shift(LAST, -1), 2, NOW), ("QQQ", None, None, None)]


def test_summaries_count_by_ticker_and_rule_and_cause():
    bars = changed(calm_bars(), date(2024, 2, 7), low=-1.0)
    quarantined = clean_bars(bars, sessions(FIRST, LAST), "scripted", NOW).quarantined
    assert quarantine_summary(quarantined).rows() == [
        ("SPY", "non_positive_price", "set_aside", 1, 1, 0, 0, date(2024, 2, 7), date(2024, 2, 7))
    ]
    assert quarantine_summary(QUARANTINE.empty()).is_empty()
    first = stored()
    revisions = find_revisions(RAW_OHLCV, changed(first, LAST, close=101.0, open=101.5), first, NOW)
    assert revisions_summary(revisions).rows() == [
        ("raw_ohlcv", "SPY", "correction", 2, 1, NOW, NOW)
    ]


WINDOW = {"first": FIRST, "asked_from": FIRST, "pending": None, "overlap": 5}


@pytest.mark.parametrize(("start", "end", "last", "changes", "expected"), [
    (LAST, LAST, None, {}, (FIRST, LAST, "first")),
    (LAST, LAST, shift(LAST, -1), {}, (shift(LAST, -5), LAST, "range")),
    (LAST, LAST, shift(LAST, -4), {}, (shift(LAST, -8), LAST, "range")),
    (shift(LAST, -9), shift(LAST, -9), LAST, {}, (shift(LAST, -14), shift(LAST, -9), "range")),
    (LAST, LAST, LAST, {"pending": date(2024, 1, 17)}, (date(2024, 1, 9), LAST, "range")),
    (LAST, LAST, LAST, {"asked_from": shift(FIRST, 9)}, (FIRST, LAST, "first")),
    (FIRST, LAST, LAST, {}, (FIRST, LAST, "range")),
])  # fmt: skip
def test_a_fetch_window_starts_before_the_first_missing_session(
    start, end, last, changes, expected
):
    window = fetch_window(start=start, end=end, last_stored=last, **(WINDOW | changes))
    assert (window.start, window.end, window.reason) == expected


def test_an_entry_without_a_usable_bar_cannot_be_accepted():
    bars = changed(calm_bars(), date(2024, 2, 7), low=-1.0)
    entries = clean_bars(bars, sessions(FIRST, LAST), "scripted", NOW).quarantined
    with pytest.raises(UsageError, match="non_positive_price leaves no bar"):
        decide(entries, status="accepted", note=None, now=NOW)
    with pytest.raises(UsageError, match="no such row"):
        decide(entries.clear(), status="rejected", note=None, now=NOW)
    assert decide(entries, status="rejected", note="why", now=NOW)["status"].to_list() == [
        "rejected"
    ]
