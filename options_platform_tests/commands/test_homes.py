"""Which folders the commands take for a home: no wrong one is made, written to or reported on."""

from datetime import date

import pytest

from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import RAW_OHLCV
from options_platform.settings import make_settings
from options_platform.testing.market import random_market


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that does not exist; the commands are given it as their home."""
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    "command",
    [["halt", "--reason", "panic"], ["flatten", "--yes"], ["resume"], ["reconcile"], ["work"]],
)
def test_an_account_is_not_stopped_or_closed_in_a_folder_that_is_no_home(home, capsys, command):
    assert main(command) == 1
    said = capsys.readouterr()
    assert f"{home} is no home of options-platform; name the home: --home" in said.err
    assert said.out == ""
    assert not home.exists()


def test_a_halt_before_the_first_trade_names_account_broker_and_home(home, capsys):
    prepare_home(make_settings({"home": home}))
    assert main(["halt", "--reason", "panic"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "New orders are halted (panic); exits continue." in said
    assert f"Account paper, broker simulated, home {home}" in said
    assert main(["resume"]) == 0
    assert capsys.readouterr().out == "New orders are allowed again.\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [(["status"], 0), (["orders"], 0), (["positions"], 0), (["alerts"], 0), (["record"], 1),
     (["bars", "SPY"], 2), (["quarantine", "list"], 0), (["report"], 1), (["models", "list"], 0),
     (["feasibility"], 1), (["backup", "x.tar.gz"], 1), (["doctor"], 0)],
)  # fmt: skip
def test_a_reading_command_makes_no_home_of_a_mistyped_folder(home, tmp_path, command, code):
    assert main(command) == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["backfill", "report", "doctor"])
def test_a_folder_of_other_files_is_not_taken_for_a_home(home, capsys, command):
    home.mkdir()
    (home / "index.md").write_text("")
    assert main([command]) == 1
    said = capsys.readouterr()
    assert str(home) in said.out + said.err
    assert "no home of options-platform" in " ".join((said.out + said.err).split())
    assert [path.name for path in home.iterdir()] == ["index.md"]


@pytest.mark.parametrize("command", ["backfill", "daily", "status", "doctor"])
def test_a_start_in_the_future_is_named_in_one_line(home, capsys, monkeypatch, command):
    monkeypatch.setenv("OPTIONS_START", "2030-01-02")
    assert main([command]) == {"backfill": 2, "daily": 2, "status": 0, "doctor": 1}[command]
    said = capsys.readouterr()
    flat = " ".join((said.out + said.err).split())
    assert "the history of the settings begins at 2030-01-02, after " in flat
    assert "OPTIONS_START, earlier" in flat


def test_bars_that_are_not_stored_or_were_not_known_then_are_explained(home, capsys):
    settings = make_settings({"home": home})
    prepare_home(settings)
    bars, _ = random_market(("SPY",), date(2024, 1, 2), date(2024, 1, 5))
    Warehouse(settings.warehouse_path).write([(RAW_OHLCV, bars)])
    assert main(["bars", "SPY", "--as-of", "2000-01-05T12:00Z"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "No bar of SPY was known then: the first was fetched at 20" in said
    assert main(["bars", "SPY", "--start", "2030-01-01"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "is stored for these sessions; stored are 2024-01-02 to 2024-01-05" in said
    assert main(["bars", "TSLA"]) == 2
    assert "no bar of TSLA is stored in " in capsys.readouterr().err
