"""All assets through the command line, on real SPY, QQQ and VIX."""

import json
import os
import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    DIRECTION_MODEL,
    MODEL_FOLDS,
    PAPER_ORDERS,
    RAW_OHLCV,
    REGIME,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
    VOLATILITY_MODEL,
)
from options_platform.domain.calendar.sessions import sessions

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

START, END = date(2020, 1, 2), date(2022, 12, 30)
SESSIONS = 253 + 252 + 251  # of the New York Stock Exchange in 2020, 2021 and 2022
TICKERS = ("SPY", "QQQ")


class Shell:
    def __init__(self, home, reference_data):
        self.home = home
        folders = os.pathsep.join(str(reference_data / part) for part in ("prices", "vol"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        self.environment = kept | {
            "OPTIONS_HOME": str(home),
            "OPTIONS_SOURCE": "csv",
            "OPTIONS_CSV_DIR": folders,
            "OPTIONS_TICKERS": ",".join(TICKERS),
            "OPTIONS_START": START.isoformat(),
            "OPTIONS_END": END.isoformat(),
            "OPTIONS_BASELINES": "",
            "OPTIONS_ACCOUNT_VALUE_USD": "1000000",
            "OPTIONS_WORKERS": "1",
        }

    def run(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "options_platform", *arguments],
            cwd=self.home.parent,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=550,
        )

    def read(self, table):
        return Warehouse(self.home / "warehouse.duckdb", wait_seconds=30).read(table)


@pytest.fixture(scope="module")
def shell(tmp_path_factory, reference_data):
    found = Shell(tmp_path_factory.mktemp("real") / "home", reference_data)
    done = found.run("backfill")
    assert done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize("table", ASSET_TABLES, ids=lambda table: table.name)
def test_each_table_has_one_row_per_session_and_ticker(shell, table):
    rows = shell.read(table)
    assert rows.height == SESSIONS * len(TICKERS)
    assert rows.select("date", "ticker").unique().height == rows.height
    assert rows["date"].unique().sort().to_list() == sessions(START, END)
    assert set(rows["ticker"]) == set(TICKERS)


def test_status_says_the_same(shell):
    done = shell.run("status", "--json")
    assert done.returncode == 0, done.stderr
    found = {row["table"]: row for row in json.loads(done.stdout)["tables"]}
    for table in ASSET_TABLES:
        row = found[table.name]
        assert (row["rows"], row["last"]) == (SESSIONS * len(TICKERS), END.isoformat())


def test_closes_are_the_published_ones(shell):
    """SPY's low of the crash was 222.95; the VIX has never closed above 82.69."""
    bars = shell.read(RAW_OHLCV).filter(pl.col("ticker") == "SPY")
    assert bars.filter(pl.col("date") == date(2020, 3, 23))["close"].item() == pytest.approx(222.95)
    assert bars.filter(pl.col("bad_reason").is_not_null()).is_empty()
    vix = shell.read(VIX)
    assert vix["vix"].max() == pytest.approx(82.69)
    assert set(vix.filter(pl.col("vix") == vix["vix"].max())["date"]) == {date(2020, 3, 16)}


def test_predictions_begin_after_a_year_of_known_labels_and_have_their_folds(shell):
    direction = shell.read(DIRECTION_MODEL).filter(pl.col("p_neutral").is_not_null())
    volatility = shell.read(VOLATILITY_MODEL).filter(pl.col("iv_rank_pred").is_not_null())
    # A year of known labels, after the 60 sessions of the longest input.
    assert date(2021, 1, 4) < direction["date"].min() < date(2021, 6, 1)
    # The VIX rank is known from the 252nd session on, and is needed for a year more.
    assert date(2021, 12, 31) < volatility["date"].min() < date(2022, 4, 1)
    folds = shell.read(MODEL_FOLDS)
    for model, rows in (("direction", direction), ("volatility", volatility)):
        stored = folds.filter(pl.col("model") == model)
        assert set(stored["fold"]) == set(rows["fold"])
        assert set(stored["model_id"]) == set(rows["model_id"])
    total = direction.select(pl.sum_horizontal("p_bearish", "p_neutral", "p_bullish"))
    assert (total.to_series() - 1).abs().max() < 1e-12


def test_the_bear_market_of_2022_was_mostly_one_of_high_volatility(shell):
    rows = shell.read(REGIME).filter(
        pl.col("date").is_between(date(2022, 1, 3), date(2022, 10, 31))
    )
    assert rows["regime"].null_count() == 0
    assert (rows["regime"] == "high_vol").mean() > 0.5
    assert (rows["regime"] == "low_vol").sum() == 0


def test_plans_are_complete_and_none_was_sent(shell):
    plans, legs = shell.read(TRADE_PLAN), shell.read(TRADE_PLAN_LEGS)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 0
    assert set(legs["plan_id"]) == set(trades["plan_id"])
    assert (plans.filter(pl.col("decision") == "no_trade")["reasons"].list.len() > 0).all()
    orders = shell.read(PAPER_ORDERS)
    assert orders.filter(pl.col("status") == "not_sent").height == trades.height
    assert set(orders["status"]) == {"not_sent", "no_trade"}
    assert not (shell.home / "ledger.duckdb").exists()
