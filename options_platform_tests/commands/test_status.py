"""`status` as a user runs it: the brief, an empty home, and how long it takes."""

import json
import os
import resource
import subprocess
import sys

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS, VIX
from options_platform.testing.market import NOW, random_market
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)

ATTEMPTS = 4


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of one ticker whose last plan is at work, and whose history ends there."""
    (tmp_path / "home").mkdir()
    made = service(tmp_path / "home", tickers=("SPY",))
    plans, legs = planned(DAYS[1])
    bars, index = random_market(("SPY",), DAYS[0], DAYS[1])
    warehouse = Warehouse(made.settings.warehouse_path)
    warehouse.write([(RAW_OHLCV, bars), (VIX, index), (TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs)])
    made.run_session(DAYS[1], plans, legs, market([250.0, 249.5]), NOW)
    values = {"HOME": tmp_path / "home", "SOURCE": "simulated", "TICKERS": "SPY",
              "START": DAYS[0], "END": DAYS[1]}  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    return tmp_path / "home"


def test_the_brief_says_account_risk_decisions_and_what_is_next(home, capsys):
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 100 for line in text.splitlines())
    flat = " ".join(text.split())
    assert f"Equity 100,000 USD at the close of {DAYS[1]}, 0.00 USD on the day." in flat
    assert "0 of at most 6 positions open, 1 working entry." in flat
    assert "Sessions with a VIX: SPY 2 of 2." in flat
    assert f"Decisions of {DAYS[1]} SPY: " in flat
    assert "likely, where a guess is 33%" in flat
    assert text.splitlines()[-1].startswith("Next: ")
    assert "raw_ohlcv" not in text


def test_the_tables_are_listed_on_request(home, capsys):
    assert main(["status", "--tables"]) == 0
    assert "\nraw_ohlcv " in capsys.readouterr().out


def test_programs_get_the_brief_beside_all_that_they_had(home, capsys):
    assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    kept = {"home", "source", "rule_set", "sets", "newest_session", "tables", "without_bars",
            "set_aside_rows", "open_warnings", "halted", "paused", "unsure_quotes", "blackout",
            "assigned_shares", "differences", "decisions"}  # fmt: skip
    assert kept <= set(found)
    assert found["account"]["equity_usd"] == 100_000.0
    assert found["vix"] == [{"ticker": "SPY", "sessions": 2, "with_vix": 2}]
    assert found["next"]


def test_an_empty_home_is_told_the_next_step_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    assert main(["--home", str(tmp_path / "new"), "status"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert flat.startswith("Nothing is stored in ")
    assert flat.endswith("Next: options-platform backfill")


def cpu_seconds(pycache, *arguments):
    """The least CPU time of a few runs: another process may slow one down.

    The first compiles the code, which an installation has done already.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    least = float("inf")
    for _ in range(ATTEMPTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "options_platform", *arguments],
            check=True, capture_output=True, env=kept | {"PYTHONPYCACHEPREFIX": str(pycache)},
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        least = min(least, spent)
        yield least


def test_status_takes_a_second_of_cpu_at_most(home, tmp_path):
    assert any(spent <= 1.0 for spent in cpu_seconds(tmp_path / "pycache", "status"))


def test_help_takes_a_tenth_of_a_second_of_cpu_at_most(tmp_path):
    assert any(spent <= 0.1 for spent in cpu_seconds(tmp_path / "pycache", "--help"))


@pytest.fixture
def sample_home(home, monkeypatch):
    """That home with the bars of the sample, while the settings name no source."""
    warehouse = Warehouse(home / "warehouse.duckdb")
    for table in (RAW_OHLCV, VIX):
        warehouse.write([(table, warehouse.read(table).with_columns(source=pl.lit("sample")))])
    for name in ("SOURCE", "TICKERS"):
        monkeypatch.delenv(f"OPTIONS_{name}")
    return home


def test_a_home_of_the_sample_is_shown_as_such_whatever_source_is_set(sample_home, capsys):
    assert main(["status"]) == 0
    flat = " ".join(capsys.readouterr().out.split())
    assert flat.startswith("Proxy data: bundled sample: S&P 500 / 10 as SPY")
    assert "This home holds bars of source sample, and the settings say yahoo" in flat
    assert flat.endswith("Next: export OPTIONS_SOURCE=sample, or name another home: --home FOLDER")
    assert "IWM" not in flat
    assert "Plans end at" not in flat


def test_the_report_of_a_home_of_the_sample_keeps_its_label(sample_home, capsys):
    assert main(["report"]) == 0
    page = (sample_home / "reports" / "report.html").read_text(encoding="utf-8")
    assert "Proxy data." in page
    assert "IWM</" not in page
    assert "Yahoo" not in page
