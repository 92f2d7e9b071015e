"""What partitions say: all of it in a run of a few sessions, a code and a link in a backfill."""

import polars as pl
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.defs.shared.partition_stories import (
    DETAILS,
    FEW_SESSIONS,
    MOST_CHARACTERS,
    stories,
)
from options_platform.reporting.session.links import served_at


@pytest.fixture(scope="module")
def warehouse(simulated_home):
    return Warehouse(simulated_home.warehouse_path, wait_seconds=30)


def newest(rows, sessions):
    days = rows["date"].unique().sort().tail(sessions)
    return rows.filter(pl.col("date").is_in(days.implode()))


def test_a_run_of_a_few_sessions_tells_all_and_a_longer_one_of_its_newest(
    warehouse, simulated_home
):
    for table in ASSET_TABLES:
        rows = newest(warehouse.read(table), FEW_SESSIONS + 1)
        few = newest(rows, FEW_SESSIONS)
        told = stories(simulated_home, warehouse, table.name, few)
        assert len(told) == FEW_SESSIONS * 2
        assert all(len(facts) >= 2 for facts in told.values()), table.name
        longer = stories(simulated_home, warehouse, table.name, rows, newest=True)
        whole = {key for key, facts in longer.items() if facts == told.get(key)}
        assert whole == {f"{simulated_home.end}|{ticker}" for ticker in ("SPY", "QQQ")}, table.name
        for key, facts in longer.items():
            day, ticker = key.split("|")
            assert facts[DETAILS].value == f"{served_at(simulated_home)}/{day}/{ticker}"
            assert key in whole or len(facts) <= 2
        # Rows that were brought up to date have their keys alone.
        keys = rows.select("date", "ticker")
        bare = stories(simulated_home, warehouse, table.name, keys)
        assert {tuple(facts) for facts in bare.values()} == {(DETAILS,)}
        assert stories(simulated_home, warehouse, table.name, newest(keys, 1)) == {
            key: told[key] for key in whole
        }


def test_a_backfilled_plan_has_its_codes_of_all_rule_sets_within_a_bound(warehouse, simulated_home):
    plans = newest(warehouse.read(TRADE_PLAN, tickers=["SPY"]), FEW_SESSIONS + 1)
    sets = [plans.with_columns(rule_set=pl.lit(f"set_{number}")) for number in range(9)]
    several = stories(simulated_home, warehouse, "trade_plan", pl.concat(sets))
    codes = {facts["decision"] for facts in several.values()}
    assert all("; " in code and len(code) == MOST_CHARACTERS for code in codes)
    alone = stories(simulated_home, warehouse, "trade_plan", plans)
    expected = {
        f"trade {row['strategy']}"
        if row["decision"] == "trade"
        else f"no_trade {' '.join(row['reasons'])}"
        for row in plans.to_dicts()
    }
    assert {facts["decision"] for facts in alone.values()} == expected


def test_an_asset_that_is_not_one_of_the_nine_says_nothing(warehouse, simulated_home):
    rows = newest(warehouse.read(TRADE_PLAN), 1)
    assert stories(simulated_home, warehouse, "earnings", rows) == {}
    assert stories(simulated_home, warehouse, "trade_plan", rows.clear()) == {}
