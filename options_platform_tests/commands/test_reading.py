"""`positions` as a user runs it: ids that fit a line, and one position with its plan."""

import json
import os
from pathlib import Path

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.testing.market import random_market
from options_platform_tests.printed import flat
from options_platform_tests.services.trading.simulated_account import DAYS, service, trade


@pytest.fixture
def position_id(tmp_path, monkeypatch):
    """The id of the one open position of a home."""
    home = tmp_path / "home"
    home.mkdir()
    made = service(home, tickers=("SPY",))
    bars, index = random_market(("SPY",), DAYS[0], DAYS[2])
    Warehouse(made.settings.warehouse_path).write([(RAW_OHLCV, bars), (VIX, index)])
    ledger = trade(made, [250.0, 250.0, 251.0])
    for name, value in {"HOME": home, "SOURCE": "simulated", "TICKERS": "SPY"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    (position,) = ledger.positions(only_open=True)
    return position.position_id


def test_a_row_has_the_beginning_of_an_id_and_programs_get_all_of_it(position_id, capsys):
    assert main(["positions"]) == 0
    heading, row, *_ = capsys.readouterr().out.splitlines()
    assert row.split()[0] == f"{position_id[:12]}…"
    assert max(len(heading), len(row)) <= 100
    assert main(["positions", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["positions"]
    assert listed["position_id"] == position_id


def test_the_beginning_of_an_id_shows_that_position_with_its_plan(position_id, capsys):
    for beginning in (f"{position_id[:12]}…", position_id[:9], position_id):
        assert main(["positions", beginning]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert text.startswith("SPY: ")
        assert text.endswith(f"Its id: {position_id}")
        for part in ("Loses at most", "breaks even at", "likely to end with a profit",
                     "takes profit from", "stops at", "time is up on"):  # fmt: skip
            assert part in text
    assert main(["positions", position_id[:9], "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["positions"]) == 1


def test_an_id_that_no_position_has_is_refused_in_a_line(position_id, capsys):
    assert main(["positions", "1999"]) == 2
    assert f"known are {position_id}" in capsys.readouterr().err


def test_an_exit_at_the_most_that_it_can_cost_is_explained(tmp_path, monkeypatch, capsys):
    home = tmp_path / "home"
    home.mkdir()
    made = service(home, tickers=("SPY",))
    trade(made, [250.0, 250.0, 230.0, 230.0])
    for name, value in {"HOME": home, "SOURCE": "simulated", "TICKERS": "SPY"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    assert main(["orders"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "8/8 at" in text
    assert "stop loss" in text
    assert "the most that closing can cost, of a spread its width" in text


def test_an_account_without_positions_points_to_those_of_the_replay(position_id, capsys):
    home = Path(os.environ["OPTIONS_HOME"])
    (home / "ledger.duckdb").rename(home / "ledger-replay.duckdb")
    assert main(["positions"]) == 0
    assert "of the replay: options-platform positions --replay" in flat(capsys.readouterr().out)
