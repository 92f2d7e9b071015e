"""Chains fetched on the evening of their session, and their use in the nightly run."""

from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import IV_HISTORY
from options_platform.definitions import build_defs
from options_platform.defs.chains.snapshot import (
    make_snapshot_job,
    make_snapshot_schedule,
    snapshot_time,
    take_snapshot,
)
from options_platform.defs.shared.partitions import partition_key
from options_platform.domain.calendar.sessions import NEW_YORK, newest_final_session
from options_platform.errors import SettingsError, SourceError, UsageError
from options_platform.runs import run_job
from options_platform.services.market_data.platform import make_platform
from options_platform_tests.fakes.chain_source import ChainSource
from options_platform_tests.platform import make_platform_settings

FIRST, DAY, NEXT = date(2016, 12, 1), date(2017, 1, 11), date(2017, 1, 12)
TICKERS = ("SPY", "QQQ")


def at(day, hour, minute):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


EVENING, NIGHT = at(DAY, 16, 30), at(NEXT, 0, 30)


@pytest.fixture
def settings(tmp_path):
    return make_platform_settings(tmp_path / "home", start=FIRST, end=NEXT, tickers=TICKERS)


def platform_of(settings, source, now):
    return make_platform(settings, source=lambda: source, now=lambda: now)


def nightly(settings, source, day=DAY, now=NIGHT):
    assets = ("raw_ohlcv", "option_chain", "iv_history")
    run_job(
        settings, PartitionRange(day, day, TICKERS), assets=assets, source=lambda: source,
        now=lambda: now,
    )  # fmt: skip


def stored(settings, day=DAY):
    return ChainStore(settings.chains_path).read([(day, ticker) for ticker in TICKERS])


def test_the_nightly_run_uses_the_evenings_chains_and_requests_none_again(settings):
    source = ChainSource()
    session, fetched = take_snapshot(platform_of(settings, source, EVENING), TICKERS)
    assert (session, fetched.shares["ticker"].sort().to_list()) == (DAY, ["QQQ", "SPY"])
    evening = stored(settings)
    assert evening["fetched_at"].unique().to_list() == [EVENING.astimezone(UTC)]
    assert evening["quality"].null_count() > 400
    source.asked.clear()
    nightly(settings, source)
    assert source.asked == []
    assert stored(settings).equals(evening)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        made = set(instance.get_materialized_partitions(dg.AssetKey("option_chain")))
    assert made == {str(partition_key(DAY, ticker)) for ticker in TICKERS}
    history = Warehouse(settings.warehouse_path, wait_seconds=30).read(IV_HISTORY, start=DAY)
    assert history["iv_30d"].null_count() == 0


@pytest.mark.long
def test_a_ticker_without_a_chain_of_the_evening_is_fetched_at_night(settings):
    source = ChainSource()
    take_snapshot(platform_of(settings, source, EVENING), ("SPY",))
    source.asked.clear()
    nightly(settings, source)
    assert source.asked == [(DAY, "QQQ")]
    assert stored(settings)["ticker"].unique().sort().to_list() == ["QQQ", "SPY"]


def test_a_snapshot_is_taken_once(settings):
    source = ChainSource()
    take_snapshot(platform_of(settings, source, EVENING), TICKERS)
    source.asked.clear()
    _, fetched = take_snapshot(platform_of(settings, source, at(DAY, 20, 0)), TICKERS)
    assert source.asked == []
    assert fetched.shares.height == 2
    assert stored(settings)["fetched_at"].unique().to_list() == [EVENING.astimezone(UTC)]


@pytest.mark.long
def test_a_chain_that_was_fetched_later_is_fetched_again(settings):
    source = ChainSource()
    nightly(settings, source)
    source.asked.clear()
    nightly(settings, source, now=at(NEXT, 9, 0))
    assert sorted(source.asked) == [(DAY, "QQQ"), (DAY, "SPY")]


@pytest.mark.parametrize(
    "now",
    [at(DAY, 9, 0), at(DAY, 16, 29), at(NEXT, 0, 1), at(date(2017, 1, 14), 17, 0)],
    ids=["morning", "not settled", "midnight", "weekend"],
)
def test_there_is_no_snapshot_of_a_session_that_is_not_over_or_not_today(settings, now):
    source = ChainSource()
    with pytest.raises(UsageError, match="has no session that is over") as error:
        take_snapshot(platform_of(settings, source, now), TICKERS)
    assert source.asked == []
    assert "\n" not in str(error.value)


def test_one_ticker_that_fails_is_an_error_and_the_others_are_stored(settings):
    class Half(ChainSource):
        def option_chain(self, ticker, session, now):
            if ticker == "QQQ":
                raise SourceError("no QQQ today")
            return super().option_chain(ticker, session, now)

    with pytest.raises(SourceError, match=f"1 of 2 chains of {DAY} could not be had: no QQQ"):
        take_snapshot(platform_of(settings, Half(), EVENING), TICKERS)
    assert stored(settings)["ticker"].unique().to_list() == ["SPY"]


def test_the_newest_final_session_changes_half_an_hour_after_the_bell():
    half_day = date(2024, 7, 3)
    assert newest_final_session(at(half_day, 13, 29)) == date(2024, 7, 2)
    assert newest_final_session(at(half_day, 13, 30)) == half_day
    assert newest_final_session(at(date(2024, 7, 4), 18, 0)) == half_day
    assert newest_final_session(EVENING) == newest_final_session(NIGHT) == DAY


def test_the_schedule_is_off_by_default_and_fires_on_sessions(settings):
    definitions = build_defs(settings)
    assert definitions.resolve_job_def("chain_snapshot").name == "chain_snapshot"
    schedule = make_snapshot_schedule(replace(settings, chain_snapshot_minutes=45))
    assert schedule.cron_schedule == "45 16 * * 1-5"
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED

    def tick(day):
        context = dg.build_schedule_context(scheduled_execution_time=at(day, 16, 45))
        return schedule.evaluate_tick(context)

    assert [request.run_key for request in tick(DAY).run_requests] == ["chains 2017-01-11"]
    assert "no New York session" in tick(date(2017, 1, 16)).skip_message


def test_the_job_takes_the_snapshot(settings):
    source = ChainSource()
    platform = platform_of(settings, source, EVENING)
    done = make_snapshot_job(settings).execute_in_process(resources={"platform": platform})
    assert done.success
    assert sorted(source.asked) == [(DAY, "QQQ"), (DAY, "SPY")]


@pytest.mark.parametrize("minutes", [29, 451])
def test_a_time_before_the_close_has_settled_or_near_midnight_is_refused(tmp_path, minutes):
    with pytest.raises(SettingsError, match="chain_snapshot_minutes: 30 to 450"):
        make_platform_settings(tmp_path / "home", chain_snapshot_minutes=minutes)
    late = make_platform_settings(tmp_path / "late", chain_snapshot_minutes=450)
    assert snapshot_time(late).isoformat() == "23:30:00"
