"""`add` as a user runs it: what it says, what it refuses, and what is there afterwards."""

import shutil

import pytest

from options_platform_tests.commands.test_cli import Shell

MINE = '# mine\ntickers = ["SPY"]  # the market\n'


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    shutil.copy(shell.csv / "SPY.csv", shell.csv / "KO.csv")
    (tmp_path / "options.toml").write_text(MINE)
    return shell


def add(shell, *arguments, **environment):
    return shell.run("add", *arguments, **{"OPTIONS_TICKERS": ""} | environment)


def words(done):
    return " ".join(done.stdout.split())


def test_what_adding_does_is_said_first_and_nothing_is_done_without_a_confirmation(shell):
    done = add(shell, "KO", "IWM", OPTIONS_UNIVERSES__MINE="KO")
    assert done.returncode == 2
    assert "IWM" in done.stderr
    done = add(shell, "KO")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    said = words(done)
    assert "To add KO to SPY: History: up to 61 sessions of each, 2024-01-02 to 2024-03-28" in said
    assert "Volatility of KO: MODEL, from its returns" in said
    assert "Models: none is trained yet" in said
    assert "Chosen in hindsight: KO." in said
    assert (shell.folder / "options.toml").read_text() == MINE
    assert not (shell.home / "warehouse.duckdb").exists()


def test_a_ticker_that_is_there_already_and_one_that_is_none_are_said_so(shell):
    done = add(shell, "SPY", "--yes")
    assert (done.returncode, "Already among the tickers: SPY" in done.stdout) == (0, True)
    refused = add(shell, "../x", "--yes")
    assert (refused.returncode, "no ticker" in refused.stderr) == (2, True)
    refused = add(shell, "mega_cap", "--yes")
    assert "did you mean mega_caps" in refused.stderr
    assert (shell.folder / "options.toml").read_text() == MINE


@pytest.mark.long
def test_an_added_ticker_is_in_the_settings_and_has_its_history(shell):
    done = add(shell, "KO", "--yes")
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "options.toml").read_text() == MINE.replace('"SPY"', '"SPY", "KO"')
    assert shell.table().filter(ticker="KO").height == 61
    # A variable decides over the file, so the line is shown.
    shutil.copy(shell.csv / "SPY.csv", shell.csv / "PEP.csv")
    done = add(shell, "PEP", OPTIONS_TICKERS="SPY,KO")
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert 'tickers = ["SPY", "KO", "PEP"]' in done.stdout
    assert "PEP" not in (shell.folder / "options.toml").read_text()
