"""A ticker without a file, as a user meets it: named, exit code 3, and back with its file."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN
from options_platform_tests.command_line import run_here
from options_platform_tests.scripted import calm_bars, calm_index

START, END = date(2022, 1, 3), date(2022, 3, 31)
PRICES = ["open", "high", "low", "close"]
SELECT = ("--select", "raw_ohlcv,vix,features,labels")


@pytest.fixture
def folder(tmp_path):
    write_bars(tmp_path, "SPY")
    calm_index("VIX", START, END).select("date", *PRICES).write_csv(tmp_path / "VIX.csv")
    return tmp_path


def write_bars(folder, ticker, end=END):
    bars = calm_bars(ticker, START, end)
    bars.select("date", *PRICES, "adj_close", "volume").write_csv(folder / f"{ticker}.csv")


def said(folder, *arguments, code, **changes):
    names = {"HOME": folder / "home", "SOURCE": "csv", "CSV_DIR": folder, "START": START,
             "END": END, "TICKERS": "SPY,QQQ", "BASELINES": "none"} | changes  # fmt: skip
    ran = run_here(arguments, folder, {f"OPTIONS_{name}": str(v) for name, v in names.items()})
    printed = " ".join((ran.stdout + ran.stderr).split())
    assert ran.returncode == code, printed
    return printed


def tickers_of(folder, table, day=END):
    rows = Warehouse(folder / "home" / "warehouse.duckdb", wait_seconds=10.0).read(table)
    return set(rows.filter(pl.col("date") == day)["ticker"])


def test_a_backfill_names_it_computes_the_others_and_takes_it_in_once_its_file_is_there(folder):
    line = f"QQQ failed, the others are done: no QQQ.csv or QQQ.parquet in {folder}"
    assert line in said(folder, "backfill", *SELECT, code=3)
    assert tickers_of(folder, RAW_OHLCV) == {"SPY"}
    # Without its bars it is no cause for another run to fetch the history of all.
    assert "First the missing history" not in said(folder, "daily", code=3)
    assert tickers_of(folder, TRADE_PLAN) == {"SPY"}
    shown = said(folder, "doctor", code=1)
    assert f"QQQ: no QQQ.csv or QQQ.parquet in {folder}" in shown
    assert "left out of runs from 2022-01-03 on until its source answers" in shown
    write_bars(folder, "QQQ")
    assert "failed" not in said(folder, "daily", code=0)
    assert tickers_of(folder, TRADE_PLAN) == tickers_of(folder, RAW_OHLCV, START) == {"SPY", "QQQ"}
    assert "failed ticker" not in said(folder, "doctor", code=0)


def test_a_stock_alone_without_dates_of_reports_is_named_and_computed(folder):
    for ticker in ("AAPL", "MSFT"):
        write_bars(folder, ticker)
    (folder / "MSFT_earnings.csv").write_text("date,timing\n2022-01-25,after_close\n")
    stocks = {"TICKERS": "SPY,AAPL,MSFT"}
    only = ("--select", "raw_ohlcv,vix,features,earnings")
    shown = said(folder, "backfill", *only, code=3, **stocks)
    assert "AAPL failed, the others are done: no earnings dates: no AAPL_earnings.csv" in shown
    assert "MSFT failed" not in shown
    assert "SPY failed" not in shown
    assert tickers_of(folder, RAW_OHLCV) == {"SPY", "AAPL", "MSFT"}
