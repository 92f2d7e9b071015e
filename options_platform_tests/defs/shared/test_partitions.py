from datetime import date, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest
from dagster._serdes import deserialize_value, serialize_value
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.common import PartitionRange
from options_platform.defs.shared.all_tickers import all_tickers
from options_platform.defs.shared.partitions import (
    neighbours,
    partition_key,
    platform_partitions,
    range_between,
    range_tags,
    session_partitions,
)
from options_platform.domain.calendar.closures import Closure
from options_platform.domain.calendar.sessions import (
    NEW_YORK,
    newest_session,
    sessions,
    set_closures,
    shift,
)
from options_platform.errors import UsageError
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import make_settings

TICKERS = ("SPY", "QQQ", "IWM")
FIVE = (*TICKERS, "DIA", "TLT")
START = date(2015, 1, 2)


def settings_of(tmp_path, **changes):
    values = {"home": tmp_path, "source": "simulated", "tickers": TICKERS, "start": START}
    return make_settings(values | changes)


OPEN_END = session_partitions(START, None)


def newest_key(moment):
    with dg.partition_loading_context(moment):
        return OPEN_END.get_last_partition_key()


def test_a_configured_closure_has_no_partition_and_is_never_the_newest_session():
    try:
        set_closures([Closure(date(2025, 3, 12), date(2025, 3, 5))])
        keys = session_partitions(date(2025, 3, 10), date(2025, 3, 14)).get_partition_keys()
        assert list(keys) == ["2025-03-10", "2025-03-11", "2025-03-13", "2025-03-14"]
        assert newest_session(datetime(2025, 3, 13, 12, tzinfo=NEW_YORK)) == date(2025, 3, 11)
    finally:
        set_closures([])


def test_the_keys_are_the_sessions_and_no_other_days():
    end = date(2025, 12, 31)
    keys = session_partitions(START, end).get_partition_keys()
    assert list(keys) == [day.isoformat() for day in sessions(START, end)]


@pytest.mark.parametrize(
    "day",
    [
        date(2024, 7, 2),
        date(2024, 7, 3),  # before Independence Day
        date(2024, 7, 5),  # a Friday: its key is there on Saturday
        date(2024, 3, 8),  # before the clocks go forward
        date(2024, 3, 11),
        date(2024, 11, 1),  # before they go back
        date(2024, 11, 4),
        date(2024, 12, 31),
    ],
)
def test_a_key_appears_at_midnight_new_york_of_the_next_calendar_day(day):
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK) + timedelta(days=1)
    before = midnight - timedelta(seconds=1)
    assert newest_key(midnight) == day.isoformat()
    assert newest_key(before) == shift(day, -1).isoformat()


@given(st.dates(date(2015, 1, 6), date(2026, 12, 30)), st.times())
@settings(deadline=None, max_examples=50)
def test_the_newest_session_is_the_newest_key_at_any_moment(day, time):
    moment = datetime.combine(day, time, tzinfo=NEW_YORK)
    made = make_settings({"home": ".", "source": "simulated", "start": START})
    assert newest_date(made, moment).isoformat() == newest_key(moment)


def test_every_asset_partition_is_a_session_and_a_ticker(tmp_path):
    keys = platform_partitions(settings_of(tmp_path, end=date(2015, 1, 30))).get_partition_keys()
    assert len(keys) == len(set(keys)) == 20 * 3
    assert set(keys) == {
        str(partition_key(day, ticker))
        for day in sessions(START, date(2015, 1, 30))
        for ticker in TICKERS
    }


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2024-07-05|SPY", "2024-07-03|SPY"),
        ("2024-07-03|QQQ", "2024-07-05|SPY"),
        ("2024-07-03|IWM", "2024-07-03|QQQ"),
    ],
)
def test_a_range_that_runs_backwards_raises_and_shows_the_order(first, last):
    with pytest.raises(UsageError, match=r"backwards \(tickers are ordered SPY, QQQ, IWM\)"):
        range_between(first, last, TICKERS)


def test_an_unknown_ticker_in_a_key_is_named():
    with pytest.raises(UsageError, match="NOSUCH' is not among the tickers"):
        range_between("2024-07-03|NOSUCH", "2024-07-05|SPY", TICKERS)


@given(
    st.dates(date(2015, 1, 2), date(2025, 12, 30)),
    st.integers(0, 400),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_a_range_survives_the_round_trip_through_tags(start, days, one, two):
    low, high = sorted((one, two))
    wanted = PartitionRange(start, start + timedelta(days=days), TICKERS[low : high + 1])
    assert range_between(*range_tags(wanted).values(), TICKERS) == wanted


@given(
    st.permutations([*TICKERS, "DIA", "TLT"]), st.sets(st.sampled_from([*TICKERS, "DIA", "TLT"]))
)
def test_tickers_are_cut_into_ranges_that_dagster_can_express(pool, wanted):
    groups = neighbours(tuple(wanted), tuple(pool))
    assert [ticker for group in groups for ticker in group] == [t for t in pool if t in wanted]
    for group in groups:
        first = pool.index(group[0])
        assert list(group) == pool[first : first + len(group)]
    for left, right in pairwise(groups):
        assert pool.index(right[0]) > pool.index(left[-1]) + 1


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_the_sessions_of_a_run_are_mapped_to_all_tickers_as_dagster_maps_them(tmp_path):
    ours = all_tickers("features").partition_mapping
    other_process = deserialize_value(serialize_value(ours))
    assert type(other_process) is dg.MultiPartitionMapping
    assert other_process == ours
    partitions = platform_partitions(settings_of(tmp_path, start=date(2024, 12, 2)))
    keys = [f"2024-12-{day:02}|{ticker}" for day, ticker in ((24, "SPY"), (26, "IWM"), (26, "SPY"))]
    wanted = partitions.empty_subset().with_partition_keys(keys)
    with dg.partition_loading_context(datetime(2025, 1, 3, tzinfo=NEW_YORK)):
        mapped, theirs = (
            mapping.get_upstream_mapped_partitions_result_for_partitions(
                wanted, partitions, partitions
            )
            for mapping in (ours, other_process)
        )
    assert mapped == theirs
    assert len(mapped.partitions_subset) == 2 * len(TICKERS)


def test_the_keys_of_a_range_are_kept_and_those_of_another_range_are_its_own(tmp_path):
    ours = platform_partitions(settings_of(tmp_path, end=date(2025, 12, 31)))
    assert platform_partitions(settings_of(tmp_path, end=date(2025, 12, 31))) is ours
    theirs = dg.MultiPartitionsDefinition({d.name: d.partitions_def for d in ours.partitions_defs})
    assert theirs == ours
    for first, last in (("2024-12-24|SPY", "2025-01-03|QQQ"), ("2024-12-23|QQQ", "2024-12-26|IWM")):
        wanted = dg.PartitionKeyRange(first, last)
        for _ in range(2):
            keys = ours.get_partition_keys_in_range(wanted)
            assert keys == theirs.get_partition_keys_in_range(wanted)
            keys.clear()
