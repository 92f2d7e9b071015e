"""What is said of a mistyped command line: one line, with the nearest thing that exists."""

import os

import pytest

from options_platform.cli import COMMANDS, main
from options_platform.commands.terminal.arguments import build_parser
from options_platform.commands.terminal.parser import subparsers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bakfill"], "unknown command 'bakfill'; did you mean backfill?"),
        (["zzz"], "unknown command 'zzz'; known are add, alerts, backfill"),
        (["models", "lst"], "unknown action 'lst'; did you mean list?"),
        (["backfill", "--tickrs", "SPY"], "unknown option --tickrs; did you mean --tickers?"),
        (["backfill", "--tickrs=SPY"], "unknown option --tickrs; did you mean --tickers?"),
        (["--hme", "x", "status"], "unknown"),
        (["status", "SPY"], "unexpected argument 'SPY'; see: options-platform status --help"),
        (["completion", "tcsh"], "unknown shell 'tcsh'; did you mean zsh?"),
        (["config", "show", "exits.exit_dt"], "did you mean exits.exit_dte?"),
        (["config", "show", "exit_dte"], "did you mean exits.exit_dte?"),
        (["config", "show", "zzz"], "list them: options-platform config show"),
        (["--home", "a", "status", "--home", "b"], "two homes are given, a and b"),
        (["status", "--home", ""], "--home is empty"),
    ],
)
def test_a_mistyped_line_is_answered_with_the_nearest_name(arguments, message, capsys):
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("options-platform: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_every_command_has_a_parser_and_every_parser_a_command():
    assert set(subparsers(build_parser())) == set(COMMANDS)


@pytest.mark.parametrize("line", [["--home", "{}", "config"], ["config", "--home", "{}"]])
def test_the_home_is_chosen_before_or_after_the_command(line, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_HOME", "elsewhere")
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "mine"
    assert main([*(part.format(home) for part in line), "show", "home", "--json"]) == 0
    assert str(home) in capsys.readouterr().out
    assert os.environ["OPTIONS_HOME"] == str(home)
    # Asking for the settings creates nothing.
    assert not home.exists()
