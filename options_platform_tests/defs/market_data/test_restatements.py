"""A restated bar in the whole platform: Dagster shows everything computed from it as stale."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import (
    DATA_VERSION_TAG,
    CachingStaleStatusResolver,
    StaleStatus,
)
from dagster._core.loader import LoadingContextForTest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import LABELS, RAW_OHLCV
from options_platform.definitions import build_defs
from options_platform.defs.shared.partitions import partition_key
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.runs import run_job
from options_platform_tests.platform import make_platform_settings, warehouse_held
from options_platform_tests.scripted import LAST, ScriptedSource, calm_bars, calm_index, changed
from options_platform_tests.services.market_data.test_restated_bars import (
    after_split,
    split_4_for_1,
)

FIRST = date(2023, 9, 1)
DATA = ["raw_ohlcv", "vix", "features", "labels"]
NOW = datetime(2024, 6, 1, tzinfo=UTC)


@dataclass
class Home:
    settings: object
    source: ScriptedSource

    def run(self, start, end, assets=None):
        with warehouse_held(self.settings):
            return run_job(
                self.settings,
                PartitionRange(start, end, ("SPY",)),
                assets=assets or DATA,
                backfill=True,
                source=lambda: self.source,
                now=lambda: NOW,
            )

    def read(self, table):
        return Warehouse(self.settings.warehouse_path, wait_seconds=30).read(table)

    def stale(self, asset, *days):
        graph = build_defs(self.settings).resolve_asset_graph()
        with dg.DagsterInstance.from_config(str(self.settings.dagster_home)) as instance:
            resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
            found = {}
            for day in days:
                key = dg.AssetKey(asset)
                partition = str(partition_key(day, "SPY"))
                causes = resolver.get_stale_causes(key, partition)
                names = {cause.dependency_asset_key.to_user_string() for cause in causes}
                found[day] = (resolver.get_status(key, partition), names)
            return found

    def versions(self, asset, day):
        """The data versions of a partition, the newest first."""
        with dg.DagsterInstance.from_config(str(self.settings.dagster_home)) as instance:
            wanted = dg.AssetRecordsFilter(
                dg.AssetKey(asset), asset_partitions=[str(partition_key(day, "SPY"))]
            )
            found = instance.fetch_materializations(wanted, limit=10).records
            return [record.event_log_entry.tags[DATA_VERSION_TAG] for record in found]


@pytest.fixture
def home(tmp_path):
    source = ScriptedSource("SPY")
    source.history["SPY"] = calm_bars(start=FIRST)
    source.indices["VIX"] = calm_index(start=FIRST)
    settings = make_platform_settings(
        tmp_path / "home", tickers=("SPY",), start=FIRST, end=LAST, iv_symbol={}
    )
    return Home(settings, source)


@pytest.mark.long
def test_rows_computed_from_a_corrected_bar_are_stale_until_computed_again(home):
    newest, corrected = LAST, shift(LAST, -5)
    home.run(FIRST, shift(newest, -1))
    fresh = home.stale("features", corrected)[corrected]
    assert fresh == (StaleStatus.FRESH, set())
    before = home.read(FEATURES_TABLE)

    home.source.history["SPY"] = changed(
        home.source.history["SPY"], corrected, volume=2e6, low=90.0
    )
    home.run(newest, newest, assets=["raw_ohlcv"])
    other = shift(corrected, -1)
    found = home.stale("features", corrected, other)
    assert found[corrected] == (StaleStatus.STALE, {"raw_ohlcv"})
    assert found[other] == (StaleStatus.FRESH, set())
    assert home.stale("labels", corrected)[corrected] == (StaleStatus.STALE, {"raw_ohlcv"})
    assert home.read(FEATURES_TABLE).equals(before)

    home.run(newest, newest, assets=["vix", "features", "labels"])
    day = pl.col("date") == corrected
    assert not home.read(FEATURES_TABLE).filter(day).equals(before.filter(day))
    for asset in ("vix", "features", "labels"):
        assert home.stale(asset, corrected)[corrected] == (StaleStatus.FRESH, set())


@pytest.mark.long
def test_labels_that_a_split_does_not_change_are_stale_until_computed_again(home):
    """Closes and their quarter give the same returns to the last bit."""
    day, old = shift(LAST, -3), date(2023, 11, 15)
    home.run(FIRST, shift(day, -1))
    before = home.read(LABELS)
    home.source.history["SPY"] = split_4_for_1(after_split(home.source.history["SPY"], day), day)
    home.run(day, day, assets=["raw_ohlcv"])
    for asset in ("vix", "labels"):
        assert home.stale(asset, old)[old] == (StaleStatus.STALE, {"raw_ohlcv"})
    home.run(day, day, assets=["vix", "features", "labels"])
    first = home.stale("labels", old, FIRST, shift(day, -8))
    assert {status for status, _ in first.values()} == {StaleStatus.FRESH}
    assert home.stale("vix", old)[old] == (StaleStatus.FRESH, set())
    known = pl.col("known_on") < day
    assert home.read(LABELS).filter(known).equals(before.filter(known))
    # What was made from the labels is as good as before: their data version is the same.
    assert len(set(home.versions("labels", old))) == 1
    assert len(home.versions("labels", old)) == 2
    assert len(set(home.versions("features", old))) == 2


@pytest.mark.long
def test_a_split_causes_no_jump_in_features_and_labels(home):
    day = shift(LAST, -3)
    home.run(FIRST, shift(day, -1))
    labels = home.read(LABELS)
    traded = home.source.history["SPY"]
    home.source.history["SPY"] = split_4_for_1(after_split(traded, day), day)
    for session in (day, shift(day, 1), shift(day, 2), LAST):
        home.run(session, session)
    features = home.read(FEATURES_TABLE)
    assert features["returns_1d"].abs().max() < 0.05
    rows = home.read(RAW_OHLCV)
    assert (rows["close"] * rows["split_factor"]).head(5).equals(traded["close"].head(5))
    now = home.read(LABELS).filter(pl.col("known_on") < day).sort("date")
    was = labels.filter(pl.col("known_on") < day).sort("date")
    assert now.height == was.height > 100
    assert (now["fwd_return_5d"] - was["fwd_return_5d"]).abs().max() < 1e-12
    assert home.read(LABELS)["fwd_return_5d"].abs().max() < 0.1


@pytest.mark.long
def test_a_bar_that_is_set_aside_has_no_row_of_features(home):
    bad = shift(LAST, -2)
    home.source.history["SPY"] = changed(home.source.history["SPY"], bad, close=300.0, high=301.0)
    home.run(FIRST, LAST)
    day = pl.col("date") == bad
    assert home.read(RAW_OHLCV).filter(day)["bad_reason"].item() in ("jump", "unadjusted_split")
    assert home.read(FEATURES_TABLE).filter(day)["returns_1d"].item() is None
