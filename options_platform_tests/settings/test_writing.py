"""Tickers are written into the user's options.toml, which otherwise stays as it is."""

import tomllib

import pytest

from options_platform.errors import SettingsError
from options_platform.settings.writing import (
    line_of,
    why_not_writable,
    write_tickers,
    written_names,
)

MINE = """\
# mine
source = "yahoo"   # free
tickers = ["SPY", "index_etfs"]  # what I trade
start = 2005-01-03

[exits]
exit_dte = 9 # late
"""
OVER_LINES = """\
tickers = [
    "SPY",  # the market
    "index_etfs",
]
"""


@pytest.mark.parametrize("text", [MINE, OVER_LINES, MINE.replace("\n", "\r\n"), "\ufeff" + MINE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_ticker_is_added_and_every_other_character_stays(tmp_path, text, encoding):
    if encoding == "utf-16" and text.startswith("\ufeff"):
        return
    path = tmp_path / "options.toml"
    path.write_bytes(text.encode(encoding))
    path.chmod(0o600)
    names = written_names(tmp_path, {}, ())
    assert names == ["SPY", "index_etfs"]
    write_tickers(tmp_path, [*names, "AAPL", "KO"], ["AAPL", "KO"])
    after = path.read_bytes().decode(encoding)
    assert written_names(tmp_path, {}, ()) == ["SPY", "index_etfs", "AAPL", "KO"]
    added = [line for line in after.splitlines() if line not in text.splitlines()]
    assert sum("AAPL" in line for line in added) == 1
    kept = [line for line in text.splitlines() if "index_etfs" not in line]
    assert [line for line in after.splitlines() if line in kept] == kept
    assert ("\r\n" in after) == ("\r\n" in text)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["options.toml"]


def test_a_file_without_tickers_gets_the_line_above_its_tables(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text('source = "sample"\n\n[exits]\nexit_dte = 9\n')
    write_tickers(tmp_path, ["SPY", "AAPL"], ["AAPL"])
    assert line_of(["SPY", "AAPL"]) in path.read_text().splitlines()
    values = tomllib.loads(path.read_text())
    assert values == {"source": "sample", "tickers": ["SPY", "AAPL"], "exits": {"exit_dte": 9}}


def test_a_file_that_would_say_something_else_is_left_alone_with_the_line_to_write(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text('tickers = ["SPY"]\n')
    with pytest.raises(SettingsError, match=r'write this line in it: tickers = \["QQQ", "KO"\]'):
        write_tickers(tmp_path, ["QQQ", "KO"], ["KO"])
    assert path.read_text() == 'tickers = ["SPY"]\n'


def test_where_a_variable_decides_or_no_file_exists_none_is_written(tmp_path):
    assert "there is no options.toml" in why_not_writable(tmp_path, {})
    (tmp_path / "options.toml").write_text("")
    assert why_not_writable(tmp_path, {"OPTIONS_TICKERS": " "}) is None
    variables = {"OPTIONS_TICKERS": "SPY, mega_caps"}
    assert "OPTIONS_TICKERS is set" in why_not_writable(tmp_path, variables)
    assert written_names(tmp_path, variables, ()) == ["SPY", "mega_caps"]
    assert written_names(tmp_path, {}, ("QQQ",)) == ["QQQ"]
