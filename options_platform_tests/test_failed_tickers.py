"""A ticker whose source fails: the others go on, nothing of it is computed, and it comes back."""

import shutil
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PAPER_ORDERS, RAW_OHLCV
from options_platform.definitions import build_defs
from options_platform.defs.market_data.answers import ANSWERS_STEP
from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.errors import SourceError
from options_platform.runs import RunFailedError
from options_platform.serving.instance import open_instance
from options_platform_tests.platform import (
    assert_same_tables,
    make_platform_settings,
    run,
    tables,
)

DATA = ("raw_ohlcv", "vix", "features", "labels")
FIRST, LAST = date(2015, 1, 2), date(2015, 3, 31)
LATER = sessions(date(2017, 4, 3), date(2017, 4, 6))


class Failing(SimulatedSource):
    """The simulated source, which gives no bars of some tickers."""

    def __init__(self, *broken):
        super().__init__(7)
        self.broken, self.asked = broken, []

    def bars(self, ticker, start, end):
        self.asked.append((ticker, start))
        if ticker in self.broken:
            raise SourceError(f"no answer about {ticker}\nafter 3 attempts")
        return super().bars(ticker, start, end)


@pytest.fixture
def home(tmp_path):
    return make_platform_settings(tmp_path, start=FIRST, end=LAST, tickers=("SPY", "QQQ", "IWM"))


def stored(settings, table):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0).read(table)


def failed_steps(settings, run_id):
    with open_instance(settings.dagster_home) as instance:
        found = instance.get_run_by_id(run_id)
        events = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return found.status, {event.dagster_event.step_key for event in events}


def materialised(settings, asset, day):
    with open_instance(settings.dagster_home) as instance:
        made = instance.get_materialized_partitions(dg.AssetKey(asset))
    return {key.partition("|")[2] for key in made if key.startswith(str(day))}


def test_the_others_are_computed_and_the_run_fails_at_its_end_with_the_reason(home):
    (outcome,) = run(home, assets=DATA, source=lambda: Failing("QQQ"))
    assert outcome.failed == {"QQQ": "no answer about QQQ after 3 attempts"}
    for table in ASSET_TABLES[:4]:
        assert set(stored(home, table)["ticker"]) == {"SPY", "IWM"}
        assert materialised(home, table.name, LAST) == {"SPY", "IWM"}
    status, steps = failed_steps(home, outcome.run_id)
    assert (status, steps) == (dg.DagsterRunStatus.FAILURE, {ANSWERS_STEP})
    clean = make_platform_settings(
        home.home.parent / "clean", start=FIRST, end=LAST, tickers=home.tickers
    )
    run(clean, assets=DATA, source=Failing)
    (outcome,) = run(home, assets=DATA, source=Failing)
    assert outcome.failed == {}
    for table in ASSET_TABLES[:4]:
        dropped = [name for name in ("fetched_at",) if name in table.schema.names()]
        assert stored(home, table).drop(dropped).equals(stored(clean, table).drop(dropped))
        assert materialised(home, table.name, LAST) == set(home.tickers)


def test_the_report_follows_a_run_that_only_left_out_a_ticker(home):
    sensor = build_defs(home).get_repository_def().get_sensor_def("reports_after_failed_ticker")

    def asked(assets, *broken):
        run(home, LAST, LAST, assets=assets, source=lambda: Failing(*broken), backfill=False)
        with open_instance(home.dagster_home) as instance:
            newest = instance.get_runs(limit=1)[0]
            (event,) = instance.all_logs(newest.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
            context = dg.build_run_status_sensor_context(
                sensor.name, event.dagster_event, instance, newest
            ).for_run_failure()
            return sensor(context)

    run(home, FIRST, date(2015, 3, 30), assets=DATA, source=Failing)
    assert isinstance(asked(DATA, "QQQ"), dg.RunRequest)
    with pytest.raises(RunFailedError):
        asked(DATA, *home.tickers)


def test_if_the_sources_of_all_tickers_fail_the_run_says_why(home):
    with pytest.raises(RunFailedError, match="raw_ohlcv: no answer about SPY"):
        run(home, assets=DATA, source=lambda: Failing(*home.tickers))


def test_a_group_that_fails_stops_no_other_group(home):
    outcomes = run(home, tickers=("SPY", "IWM"), assets=DATA, source=lambda: Failing("SPY"))
    assert [sorted(outcome.failed) for outcome in outcomes] == [["SPY"], []]
    assert set(stored(home, RAW_OHLCV)["ticker"]) == {"IWM"}


@pytest.mark.long
def test_after_two_evenings_without_a_ticker_its_tables_are_as_if_it_had_never_failed(
    simulated_home, tmp_path
):
    shutil.copytree(simulated_home.home, tmp_path / "other")
    ours = make_platform_settings(simulated_home.home, end=LATER[-1])
    theirs = make_platform_settings(tmp_path / "other", end=LATER[-1])
    for day, broken in zip(LATER, [(), ("QQQ",), ("QQQ",), ()], strict=True):
        moment = {"now": day_after(day)}
        run(theirs, day, day, backfill=False, source=Failing, **moment)
        source = Failing(*broken)
        (outcome,) = run(ours, day, day, backfill=False, source=lambda s=source: s, **moment)
        assert set(outcome.failed) == set(broken)
        of_day = pl.col("date") == day
        for table in ASSET_TABLES:
            rows = stored(ours, table).filter(of_day)
            assert set(rows["ticker"]) == {"SPY", "QQQ"} - set(broken), table.name
    assert set(stored(ours, PAPER_ORDERS).filter(pl.col("date") == LATER[1])["ticker"]) == {"SPY"}
    run(ours, LATER[1], source=Failing)
    assert_same_tables(tables(theirs), tables(ours))


def day_after(day):
    return datetime.combine(day, datetime.min.time(), NEW_YORK) + timedelta(days=1, hours=1)
