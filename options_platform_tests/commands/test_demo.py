import sys
from datetime import date
from pathlib import Path

from options_platform.commands.demo import sessions_to_replay
from options_platform.commands.demo_summary import show_next
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.settings import Settings

NEWEST = date(2018, 12, 31)
LAST = sessions(shift(NEWEST, -19), NEWEST)


def test_the_last_sessions_are_replayed_if_they_trade_or_no_session_does():
    assert sessions_to_replay([LAST[5]], NEWEST, 20) == LAST
    assert sessions_to_replay([date(2018, 10, 10), LAST[0]], NEWEST, 20) == LAST
    assert sessions_to_replay([], NEWEST, 20) == LAST


def test_without_a_trade_in_the_last_sessions_the_newest_trade_is_replayed():
    traded = [date(2016, 11, 8), date(2018, 10, 10)]
    found = sessions_to_replay(traded, NEWEST, 20)
    assert found == sessions(date(2018, 10, 9), date(2018, 11, 5))
    assert len(found) == 20


def test_a_trade_of_the_newest_session_cannot_have_filled_yet():
    assert sessions_to_replay([date(2018, 10, 10), NEWEST], NEWEST, 20)[0] == date(2018, 10, 9)
    assert sessions_to_replay([NEWEST], NEWEST, 20) == LAST


def test_a_shell_that_does_not_find_the_command_is_shown_how_it_does(tmp_path, monkeypatch, capsys):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    show_next(Settings(source="sample"), Path("report.html"), 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Next: . .venv/bin/activate"
    assert lines[2] == "      OPTIONS_SOURCE=sample options-platform positions --replay"
    command = tmp_path / "options-platform"
    command.touch(mode=0o755)
    show_next(Settings(source="sample"), Path("report.html"), 1.0)
    assert "activate" not in capsys.readouterr().out
