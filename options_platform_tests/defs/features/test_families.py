"""The assets `earnings_features` and `cross_features`: graph, and rows however runs are cut."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import LABELS, REGIME
from options_platform.definitions import build_defs
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.checks.tables import rules_for
from options_platform.domain.features.table import FAMILY_TABLES, FEATURES_TABLE
from options_platform.errors import UsageError
from options_platform.settings import make_settings
from options_platform_tests.platform import make_platform_settings, run

TICKERS = ("SPY", "AAPL", "MSFT", "NVDA", "AMZN")
DATA = ("raw_ohlcv", "vix", "features", "labels", "earnings", "earnings_features")
LATER = ("cross_features", "regime")
READERS = (FEATURES_TABLE, LABELS, REGIME)
"""What reads of a stock's reports besides the families."""
SPAN = {"start": date(2015, 1, 2), "end": date(2015, 6, 30), "tickers": TICKERS}


def families(settings, *, until=SPAN["end"]):
    stored = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    rows = [stored.read(table, end=until) for table in (*FAMILY_TABLES, *READERS)]
    # What a label says of sessions after the last one is not known there.
    return [f.filter(pl.col("known_on") <= until) if "known_on" in f.columns else f for f in rows]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    settings = {"home": tmp_path_factory.mktemp("home"), "source": "simulated", "tickers": TICKERS}
    return build_defs(make_settings(settings)).resolve_asset_graph()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    settings = make_platform_settings(tmp_path_factory.mktemp("whole"), **SPAN)
    run(settings, assets=[*DATA, *LATER])
    return settings


def test_cross_features_wait_for_every_ticker_and_have_a_policy_of_their_own(graph):
    node = graph.get(dg.AssetKey("cross_features"))
    parents = {key.to_user_string() for key in node.parent_keys}
    assert parents == {"raw_ohlcv", "vix", "features", "earnings", "iv_history"}
    for parent in node.parent_keys:
        assert graph.get(parent).backfill_policy != node.backfill_policy
        mapping = node.partition_mappings[parent]
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            node.partitions_def.subset_with_partition_keys(["2015-03-17|AAPL"]),
            node.partitions_def,
            node.partitions_def,
        ).partitions_subset
        keys = {f"2015-03-17|{ticker}" for ticker in TICKERS}
        assert set(found.get_partition_keys()) == keys


def test_each_contract_is_checked(graph):
    for table in FAMILY_TABLES:
        checks = {k.name for k in graph.asset_check_keys if k.asset_key == dg.AssetKey(table.name)}
        assert checks == {rule.name for rule in rules_for(table)}


def test_a_home_of_funds_has_neither_and_says_why(tmp_path):
    settings = make_platform_settings(tmp_path / "funds")
    graph = build_defs(settings).resolve_asset_graph()
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert not names & {table.name for table in FAMILY_TABLES}
    with pytest.raises(UsageError, match="SPY, QQQ are funds"):
        run(settings, assets=["cross_features"])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_run_per_ticker_in_two_phases_gives_the_rows_of_one_run(whole, tmp_path):
    """As a backfill of the web UI arrives, the tickers in another order."""
    settings = make_platform_settings(tmp_path / "phases", **SPAN)
    for ticker in reversed(TICKERS):
        run(settings, tickers=[ticker], assets=DATA)
    for ticker in ("MSFT", "SPY", "AAPL", "AMZN", "NVDA"):
        run(settings, tickers=[ticker], assets=LATER)
    for left, right in zip(families(whole), families(settings), strict=True):
        assert left.equals(right)
    reports, cross, features, labels, regime = families(whole)
    assert reports.height == len(sessions(SPAN["start"], SPAN["end"])) * len(TICKERS)
    assert reports.height == cross.height == features.height == regime.height
    stocks = labels.filter(pl.col("ticker") != "SPY")
    assert stocks["reaction_in_5d"].sum() > 20
    assert stocks["neutral_band"].drop_nulls().len() > 50
    fund = labels.filter(pl.col("ticker") == "SPY")
    assert fund["neutral_band"].null_count() == fund["reaction_in_5d"].null_count() == fund.height
    assert reports["days_to_earnings"].drop_nulls().len() > 50
    assert cross["peer_ret_5"].drop_nulls().len() > 50
    assert cross["dispersion_60"].drop_nulls().len() > 50


@pytest.mark.long
@pytest.mark.timeout(900)
def test_day_by_day_and_a_shorter_history_give_the_same_rows(whole, tmp_path):
    settings = make_platform_settings(tmp_path / "days", **SPAN)
    day = shift(SPAN["end"], -2)
    run(settings, end=day, assets=[*DATA, *LATER])
    for left, right in zip(families(whole, until=day), families(settings, until=day), strict=True):
        assert left.equals(right)
    for session in sessions(shift(day, 1), SPAN["end"]):
        run(settings, start=session, end=session, assets=[*DATA, *LATER], backfill=False)
    for left, right in zip(families(whole), families(settings), strict=True):
        assert left.equals(right)
