"""Entries a year: known values of Garwood's interval, clusters, and the time to a number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.statistics.trade_pace import (
    TradePace,
    past_starts,
    poisson_interval,
    share_of_starts,
    time_to,
    trade_pace,
)


def spread_out(count, sessions):
    """`count` entries at even distances."""
    entries = np.zeros(sessions)
    entries[np.linspace(0, sessions - 1, count).astype(int)] = 1.0
    return entries


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.69), (1, 0.025, 5.57), (10, 4.80, 18.39), (100, 81.36, 121.63)],
)
def test_the_poisson_interval_is_that_of_garwoods_table(count, low, high):
    assert poisson_interval(count) == pytest.approx((low, high), abs=6e-3)


def test_ten_entries_in_two_years_are_five_a_year():
    pace = trade_pace(spread_out(10, 504))
    assert pace.a_year == pytest.approx(5.0)
    assert pace.low == pytest.approx(2.398, abs=1e-3)
    assert pace.high == pytest.approx(9.195, abs=1e-3)


def test_no_entry_in_two_years_may_be_chance_and_may_be_never():
    pace = trade_pace(np.zeros(504))
    assert (pace.a_year, pace.low) == (0.0, 0.0)
    assert pace.high == pytest.approx(1.844, abs=1e-3)
    until = time_to(pace, 30)
    assert until.years == until.latest == math.inf
    assert until.earliest == pytest.approx(30 / 1.844, abs=0.01)


def test_139_entries_in_5955_sessions_are_six_a_year():
    assert trade_pace(spread_out(139, 5955)).a_year == pytest.approx(5.88, abs=0.005)


def test_an_entry_every_sixth_session_is_the_same_in_every_year():
    entries = np.zeros(1260)
    entries[::6] = 1.0
    pace = trade_pace(entries)
    assert pace.a_year == pytest.approx(42.0)
    assert (pace.year_low, pace.year_high) == (42.0, 42.0)


def test_clustered_entries_are_less_certain_than_the_poisson_interval_says():
    clustered = np.zeros(1260)
    clustered[:252:4] = 1.0
    pace = trade_pace(clustered)
    even = trade_pace(spread_out(int(clustered.sum()), 1260))
    assert pace.a_year == pytest.approx(even.a_year)
    assert pace.low < 0.5 * even.low
    assert pace.high > 1.5 * even.high
    assert pace.year_low == 0.0
    assert pace.year_high > 2 * pace.a_year


def test_the_range_of_a_year_needs_two_years():
    assert trade_pace(spread_out(10, 503)).year_low is None
    assert trade_pace(spread_out(10, 504)).year_low is not None
    with pytest.raises(ValueError, match="at least one session"):
        trade_pace(np.zeros(0))


def test_a_number_that_is_reached_takes_no_time():
    pace = trade_pace(spread_out(10, 504))
    for missing in (0, -3):
        until = time_to(pace, missing)
        assert (until.years, until.earliest, until.latest) == (0.0, 0.0, 0.0)


@given(
    st.lists(st.integers(0, 3), min_size=30, max_size=700), st.integers(1, 60), st.integers(1, 60)
)
def test_more_entries_take_longer_and_the_mean_lies_in_its_interval(counts, few, more):
    pace = trade_pace(np.array(counts, dtype=float))
    assert pace.low <= pace.a_year <= pace.high
    short, long = time_to(pace, few), time_to(pace, few + more)
    assert short.earliest <= short.years <= short.latest
    assert short.years <= long.years


def test_the_time_to_thirty_is_thirty_over_the_pace():
    until = time_to(TradePace(41, 252, 41.0, 29.0, 55.0), 30)
    assert until.years * 12 == pytest.approx(8.8, abs=0.1)
    assert (until.earliest * 12, until.latest * 12) == pytest.approx((6.5, 12.4), abs=0.1)


def test_the_share_of_starts_counts_those_with_the_years_behind_them():
    entries = np.zeros(504)
    entries[252:] = 1.0
    assert share_of_starts(entries, 252, 1) == pytest.approx(1 / 253)
    assert share_of_starts(entries, 1, 1) == pytest.approx(252 / 253)
    assert share_of_starts(entries, 253, 2) == 0.0
    assert share_of_starts(entries, 1, 3) is None


def test_the_quantiles_of_past_starts_are_those_worked_by_hand():
    # Entries in sessions 1, 3, 6 and 10 of 12: two of them take 3, 5, 4, 7, 6 and 5 sessions from
    # the first six starts on; the other six are cut off after 6, 5, 4, 3, 2 and 1.
    entries = np.zeros(12)
    entries[[0, 2, 5, 9]] = 1.0
    starts = past_starts(entries, 2)
    assert (starts.starts, starts.unreached) == (12, 6)
    # Still waiting after 3 sessions 9/10, 4: times 7/8, 5: times 4/6 = 0.525, 6: times 2/3 = 0.35,
    # 7: none.
    assert starts.low == pytest.approx(3 / 252)
    assert starts.median == pytest.approx(6 / 252)
    assert starts.high == pytest.approx(7 / 252)
    assert starts.within_year is None


def test_an_even_pace_has_the_same_wait_from_every_start_however_short_the_history():
    entries = np.zeros(252)
    entries[::6] = 1.0
    starts = past_starts(entries, 30)
    for years in (starts.low, starts.median, starts.high):
        assert years * 252 == pytest.approx(30 * 6, abs=6)
    assert starts.unreached > 100


def test_a_number_that_no_start_reached_has_no_quantiles_and_a_reached_one_takes_no_time():
    starts = past_starts(spread_out(10, 504), 30)
    assert (starts.low, starts.median, starts.high) == (math.inf, math.inf, math.inf)
    assert starts.unreached == starts.starts == 504
    assert starts.within_year == 0.0
    reached = past_starts(spread_out(10, 504), 0)
    assert (reached.unreached, reached.low, reached.high) == (0, 0.0, 0.0)


def test_clustered_entries_spread_the_starts_though_their_mean_is_the_same():
    clustered = np.zeros(2520)
    for year in range(0, 2520, 504):
        clustered[year : year + 252 : 3] = 1.0
    even = past_starts(spread_out(int(clustered.sum()), 2520), 30)
    uneven = past_starts(clustered, 30)
    assert even.high - even.low < 0.05
    assert uneven.high > 3 * uneven.low
    assert uneven.within_year == pytest.approx(share_of_starts(clustered, 30, 1))
