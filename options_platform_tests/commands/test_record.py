"""`record` as a user runs it, on a home that has traded."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import MARKET_SERIES, RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS, VIX
from options_platform.services.accounting.portfolio_views import ledger_snapshot
from options_platform.testing.market import NOW
from options_platform_tests.domain.accounting.test_portfolio import filled_after
from options_platform_tests.paper_run import paper_run
from options_platform_tests.printed import flat


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    run = paper_run(tmp_path_factory.mktemp("traded"))
    warehouse = Warehouse(run.settings.warehouse_path, wait_seconds=10.0)
    warehouse.write([(RAW_OHLCV, run.bars), (VIX, run.vix.select(VIX.schema.names()))])
    warehouse.write([(TRADE_PLAN, run.plans), (TRADE_PLAN_LEGS, run.legs)])
    tenors = (
        run.tenors.unpivot(index="date", variable_name="symbol")
        .filter(pl.col("value").is_finite())
        .with_columns(
            pl.col("symbol").str.to_uppercase(), source=pl.lit("test"), fetched_at=pl.lit(NOW)
        )
    )
    warehouse.upsert(MARKET_SERIES, tenors.cast(dict(MARKET_SERIES.schema)))
    return run


@pytest.fixture
def home(traded, monkeypatch):
    settings = traded.settings
    for name, value in {
        "HOME": settings.home, "SOURCE": "simulated", "TICKERS": "AAA,BBB",
        "IRON_CONDOR_ENABLED": "true", "FILLS__SLIPPAGE_SHARE": "0.2",
        "RISK__MAX_POSITIONS_PER_TICKER": "4", "RISK__MAX_POSITIONS": "7",
        "RISK__GREEKS__DELTA_PCT": "9", "RISK__GREEKS__GAMMA_PCT": "9",
        "RISK__GREEKS__VEGA_PCT": "9", "RISK__GREEKS__THETA_PCT": "9",
        "PLAN__COSTS__CHANGES__2017-05-01": "0.5",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return settings.home


def test_the_record_shows_that_paper_and_backtest_agree_trade_by_trade(home, traded, capsys):
    assert main(["record", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["journal"]) == len(traded.ledger.positions()) > 10
    assert {row["state"] for row in printed["drift"]} == {"same"}
    assert [row["metric"] for row in printed["targets"]] == ["trades", "win_rate", "profit_factor"]
    assert printed["targets"][0]["state"] == "too few"


def test_the_journal_is_written_with_its_drift(home, traded, tmp_path, capsys):
    file = tmp_path / "journal.csv"
    assert main(["record", "--csv", str(file)]) == 0
    printed = capsys.readouterr().out
    rows = pl.read_csv(file)
    assert rows.height == len(traded.ledger.positions())
    assert rows["drift"].unique().to_list() == ["same"]
    assert f"{rows.height} same, 0 differs, 0 only paper, 0 only backtest" in printed
    assert "win_rate" in printed


def test_a_fill_of_today_is_mentioned_and_does_not_stop_the_record(
    home, traded, tmp_path, monkeypatch, capsys
):
    for name in ("warehouse.duckdb", "ledger.duckdb"):
        shutil.copy(home / name, tmp_path / name)
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path))
    ledger = Ledger(tmp_path / "ledger.duckdb")
    later = filled_after(ledger_snapshot(ledger), 1)
    ledger.record_position(later.positions[-1], NOW, "filled today")
    order = later.orders[-1]
    intent = replace(order, status="intent", filled_qty=0, avg_price=None, fees_usd=0.0)
    ledger.record_intent(intent, NOW)
    ledger.record(intent.to("unknown"), NOW)
    ledger.record(order, NOW)
    assert main(["record"]) == 0
    printed = flat(capsys.readouterr().out)
    assert f"{len(later.positions) - 1} same, 0 differs, 0 only paper, 0 only backtest" in printed
    assert "1 trade more, with fills after the newest marked session" in printed
    # This home has plans, but none of the predictions that a pace is computed from.
    assert "How often the rules trade is not known yet" in printed


def test_an_unwritable_journal_is_reported_in_one_line(home, tmp_path, capsys):
    assert main(["record", "--csv", str(tmp_path / "nowhere" / "journal.csv")]) == 2
    assert "the journal cannot be written" in capsys.readouterr().err


def test_a_home_without_trading_gives_advice(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    assert main(["record"]) != 0
    assert "options-platform daily" in capsys.readouterr().err
