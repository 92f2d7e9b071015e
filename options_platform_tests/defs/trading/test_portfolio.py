"""The assets `fills`, `positions` and `portfolio` on the home of a finished backfill."""

import shutil
from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    FILLS,
    LEDGER_VIEWS,
    PORTFOLIO,
    POSITIONS,
    RAW_OHLCV,
    TRADE_PLAN,
)
from options_platform.definitions import build_defs
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.checks.portfolio import PORTFOLIO_RULES
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.services.trading.replay import replay
from options_platform.testing.market import NOW

NAMES = [table.name for table in LEDGER_VIEWS]


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    """A home whose paper ledger holds a quarter of trading."""
    home = tmp_path_factory.mktemp("views") / "home"
    home.mkdir()
    shutil.copy(simulated_home.warehouse_path, home / "warehouse.duckdb")
    return replace(simulated_home, home=home)


@pytest.fixture(scope="module")
def warehouse(settings):
    return Warehouse(settings.warehouse_path, wait_seconds=10.0)


def materialise(settings):
    definitions = build_defs(settings)
    views = [asset for asset in definitions.assets if set(asset.keys) & {dg.AssetKey(FILLS.name)}]
    checks = [
        check for check in definitions.asset_checks
        if any(key.asset_key.path[-1] in NAMES or key.name == "reconciled"
               for key in check.check_keys)
    ]  # fmt: skip
    selection = dg.AssetSelection.assets(*views) | dg.AssetSelection.checks(*checks)
    return dg.materialize([*views, *checks], resources=definitions.resources, selection=selection)


def test_a_home_that_never_traded_has_no_rows_and_passes_its_checks(settings, warehouse):
    outcome = materialise(settings)
    assert outcome.success
    assert all(check.passed for check in outcome.get_asset_check_evaluations())
    assert [warehouse.read(table).height for table in LEDGER_VIEWS] == [0, 0, 0]


@pytest.fixture(scope="module")
def traded(settings, warehouse):
    trades = warehouse.read(TRADE_PLAN).filter(pl.col("decision") == "trade")
    first = trades["date"].min()
    days = sessions(first, warehouse.read(RAW_OHLCV)["date"].max())[:90]
    ledger = replay(settings, warehouse, days, NOW)
    # The replay's file, as the account's own ledger.
    shutil.move(ledger.path, settings.ledger_path)
    import duckdb

    with duckdb.connect(str(settings.ledger_path)) as connection:
        connection.execute("UPDATE meta SET value = 'paper' WHERE key = 'label'")
    return open_ledger(settings)


def test_a_run_fills_the_three_tables_from_the_ledger_and_passes_its_checks(
    settings, warehouse, traded
):
    outcome = materialise(settings)
    checks = outcome.get_asset_check_evaluations()
    made = {rule.name for rule in PORTFOLIO_RULES} | {"reconciled"}
    assert {check.check_name for check in checks} == made
    assert [check.check_name for check in checks if not check.passed] == []
    assert warehouse.read(FILLS)["contracts"].sum() == sum(o.filled_qty for o in traded.orders())
    assert warehouse.read(POSITIONS)["position_id"].n_unique() == len(traded.positions()) > 0
    marks = traded.table("marks")
    assert warehouse.read(PORTFOLIO)["equity_usd"].to_list() == marks["equity_usd"].to_list()


def test_a_run_again_replaces_the_accounts_rows_and_leaves_others(settings, warehouse, traded):
    materialise(settings)
    before = {table.name: warehouse.read(table) for table in LEDGER_VIEWS}
    other = before["portfolio"].with_columns(account=pl.lit("other"))
    warehouse.write([(PORTFOLIO, other)])
    materialise(settings)
    for table in LEDGER_VIEWS:
        own = warehouse.read(table).filter(account=settings.account)
        assert own.equals(before[table.name]), table.name
    assert warehouse.read(PORTFOLIO).filter(account="other").height == other.height


def test_bars_that_are_restated_later_fail_the_check_of_the_accounts_balance(
    settings, warehouse, traded
):
    bars = warehouse.read(RAW_OHLCV)
    warehouse.write([(RAW_OHLCV, bars.with_columns(pl.col("close") * 1.02))])
    try:
        outcome = materialise(settings)
    finally:
        warehouse.write([(RAW_OHLCV, bars)])
    failed = {c.check_name for c in outcome.get_asset_check_evaluations() if not c.passed}
    assert failed == {"accounts_balance", "profits_explained", "sets_add_up"}


def test_a_check_reports_a_difference_until_it_is_resolved(settings, warehouse, traded):
    for found in ([Difference("CASH", "cash", "5.00 USD more at the broker")], []):
        traded.record_differences(found, NOW)
        reported = [
            (check.check_name, check.description)
            for check in materialise(settings).get_asset_check_evaluations()
            if not check.passed
        ]
        assert reported == [("reconciled", f"{one.code}: {one.text}") for one in found]


def test_a_position_of_today_is_named_until_the_close_of_today_is_stored(
    settings, warehouse, traded
):
    entry = next(o for o in traded.orders() if o.purpose == "entry" and o.filled_qty)
    own = next(p for p in traded.positions() if p.position_id == entry.position_id)
    today = shift(warehouse.read(RAW_OHLCV)["date"].max(), 1)
    order = replace(entry, client_order_id="new", position_id="new", session=shift(today, -1))
    position = replace(own, position_id="new", opened_on=today, closed_on=None,
                       closed_contracts=0, exit_price=None, exit_reason=None)  # fmt: skip
    intent = replace(order, status="intent", filled_qty=0, avg_price=None, fees_usd=0.0)
    traded.record_intent(intent, NOW)
    traded.record(intent.to("unknown"), NOW)
    traded.record(order, NOW, position)
    outcome = materialise(settings)
    assert [c.check_name for c in outcome.get_asset_check_evaluations() if not c.passed] == []
    assert warehouse.read(FILLS).filter(position_id="new").height == 1
    (reported,) = outcome.asset_materializations_for_node("ledger_views")[1:2]
    assert reported.metadata["opened_after_newest_close"].value == ["new"]
