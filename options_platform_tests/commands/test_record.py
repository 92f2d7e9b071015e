"""`record` as a user runs it, on a home that has traded."""

import json
import shutil
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import (
    BACKTEST_EQUITY,
    BACKTEST_TRADES,
    MARKET_SERIES,
    RAW_OHLCV,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.contracts.backtest import CONFIGURED
from options_platform.domain.calendar.sessions import sessions
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


def backtested(home, first="2012-01-03", days=1100, gain=200.0):
    """Store a backtest that gains `gain` USD a session, give or take, and of which trades earn."""
    days = sessions(date.fromisoformat(first), date(2016, 12, 30))[:days]
    steps = [gain + (900.0 if at % 2 else -900.0) for at in range(len(days))]
    equity = pl.DataFrame({"date": days}).with_columns(
        run=pl.lit(CONFIGURED), fill_model=pl.lit("default"), rule_set=pl.lit("plan"),
        equity_usd=100_000.0 + pl.Series(steps).cum_sum(), cash_usd=0.0, positions_usd=0.0,
        interest_usd=0.0, fees_usd=0.0, open_positions=0, reserved_usd=0.0, buying_power_usd=0.0,
        yield_stale=False,
    )  # fmt: skip
    warehouse = Warehouse(home / "warehouse.duckdb", wait_seconds=10.0)
    warehouse.upsert(BACKTEST_EQUITY, frame_of(BACKTEST_EQUITY, equity))
    trades = pl.DataFrame({"plan_id": [f"t{at}" for at in range(100)]}).with_columns(
        run=pl.lit(CONFIGURED), fill_model=pl.lit("default"), rule_set=pl.lit("plan"),
        ticker=pl.lit("AAA"), strategy=pl.lit("bull_put_spread"), planned_on=days[0],
        opened_on=days[1], closed_on=days[5], expiry=days[9], contracts=1, entry_price=-0.5,
        max_loss_usd=400.0, pnl_usd=pl.Series([80.0] * 90 + [-400.0] * 10), days_held=6,
        fees_usd=0.0, slippage_usd=0.0, delta_usd=0.0, gamma_usd=0.0, theta_usd=0.0, vega_usd=0.0,
        other_usd=0.0,
    )  # fmt: skip
    warehouse.upsert(BACKTEST_TRADES, frame_of(BACKTEST_TRADES, trades))


def frame_of(table, rows):
    absent = [pl.lit(None, kind).alias(name) for name, kind in table.schema.items()
              if name not in rows.columns]  # fmt: skip
    return rows.with_columns(absent).select(
        pl.col(name).cast(kind) for name, kind in table.schema.items()
    )


def test_without_a_stored_backtest_the_record_says_how_to_get_one(home, capsys):
    assert main(["record"]) == 0
    assert "No backtest is stored to compare it with" in flat(capsys.readouterr().out)


def test_the_account_is_held_beside_its_backtest(home, traded, tmp_path, monkeypatch, capsys):
    for name in ("warehouse.duckdb", "ledger.duckdb"):
        shutil.copy(home / name, tmp_path / name)
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path))
    backtested(tmp_path)
    assert main(["record", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["tracking"]
    marks = traded.ledger.table("marks").sort("session")
    start = float(found["start_usd"])
    gained = (marks["equity_usd"] / marks["equity_usd"].shift(1, fill_value=start) - 1).sum()
    assert len(found["chart"]["profit"]) == marks.height
    assert found["chart"]["profit"][-1] == pytest.approx(gained)
    positions = traded.ledger.positions()
    still_open = [p.opened_on for p in positions if p.closed_on is None]
    settled = [p for p in positions if not still_open or p.opened_on < min(still_open)]
    assert found["stop"]["trades"] == len(settled) > 0
    assert found["stop"]["mean"] == pytest.approx(
        sum(p.profit_usd / p.max_loss_usd for p in settled) / len(settled)
    )
    assert found["fills"]["entered"] == found["fills"]["filled"] == len(traded.ledger.positions())
    assert main(["record"]) == 0
    shown = flat(capsys.readouterr().out)
    for text in ("Beside the backtest of plan, 2012-01-03 to", "as many sessions of the backtest",
                 "Of honest records about 5% at most ever fall below", "A halved edge",
                 "of the same plans were filled: 100%"):  # fmt: skip
        assert text in shown
    assert ("A HALT IS PROPOSED" in shown) == found["proposes_halt"]
