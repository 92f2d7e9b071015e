"""What is printed fits its width, keeps what it prints whole, and is plain text in a pipe."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.commands.terminal.console import WIDEST, table_lines, wrapped
from options_platform.commands.terminal.layout import column_widths, folded, is_of_numbers

ANSI = re.compile(r"\x1b\[")
SHOW = """
from options_platform.commands.common import ConsoleProgress, print_table, say
say("Decisions", "bold red")
print_table([{"ticker": "SPY", "limit_price": -0.71}], ("ticker", "limit_price"))
progress = ConsoleProgress()
progress("fetching bars", 1, 2)
progress("fetching bars", 2, 2)
"""
words = st.text(st.characters(codec="ascii", exclude_characters=" ", categories="LN"), min_size=1)
cells = st.lists(words, max_size=8).map(" ".join)


def shown_on_a_terminal(**environment):
    """What a process writes to a terminal of 60 columns."""
    parent, child = pty.openpty()
    os.set_inheritable(child, True)
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    started = subprocess.Popen(
        [sys.executable, "-c", f"import termios\ntermios.tcsetwinsize(1, (24, 60))\n{SHOW}"],
        stdin=child, stdout=child, stderr=child, env=kept | {"TERM": "xterm"} | environment,
    )  # fmt: skip
    os.close(child)
    text = b""
    while True:
        try:
            part = os.read(parent, 4096)
        except OSError:
            break
        if not part:
            break
        text += part
    assert started.wait(60) == 0, text
    os.close(parent)
    return text.decode()


def test_a_terminal_gets_bold_headings_and_a_bar():
    text = shown_on_a_terminal()
    assert ANSI.search(text)
    assert "credit 0.71" in text
    assert re.search(r"\r  +\d+\.\d s  fetching bars 2/2  \S*━", text)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_and_dumb_terminals_get_no_escape(environment):
    text = shown_on_a_terminal(**environment)
    assert "credit 0.71" in text
    assert not ANSI.search(text)


def test_a_pipe_gets_the_same_plain_lines_whatever_the_terminal_is():
    def piped(**environment):
        done = subprocess.run(
            [sys.executable, "-c", SHOW], capture_output=True, text=True, check=True,
            env=dict(os.environ) | environment,
        )  # fmt: skip
        return done.stdout

    text = piped(COLUMNS="50", FORCE_COLOR="1", TERM="xterm")
    assert text == piped(TERM="dumb")
    assert text == "Decisions\nticker  limit_price\nSPY     credit 0.71\n"


@given(st.lists(cells, min_size=2, max_size=9), st.lists(cells, max_size=40))
def test_no_line_of_a_table_is_too_wide_and_no_word_is_lost(headings, values):
    width = len(headings)
    rows = [values[at : at + width] for at in range(0, len(values) - width + 1, width)]
    lines = table_lines(headings, rows, io.StringIO())
    longest = max([0, *(len(word) for row in (headings, *rows) for c in row for word in c.split())])
    assert all(len(line) <= max(WIDEST, 2 * longest + 40) for line in lines)
    if column_widths(list(zip(headings, *rows, strict=True)), WIDEST) is not None:
        assert all(len(line) <= WIDEST for line in lines)
    text = "\n".join(lines)
    assert all(word in text for row in rows for c in row for word in c.split())


def test_prices_intervals_and_words_stay_whole_while_names_fold_at_underscores():
    assert folded("credit 10.00", 7) == "credit 10.00"
    assert folded("0.94 [0.45, 1.57]", 13) == "0.94\n[0.45, 1.57]"
    assert folded("MAX_POSITIONS_TICKER", 14) == "MAX_POSITIONS_\nTICKER"
    assert folded("-1P157/+1P147", 8) == "-1P157/\n+1P147"


def test_a_name_is_broken_only_where_the_table_does_not_fit_otherwise():
    columns = [["set", "premium_ladder"], ["strategy", "bull put spread"]]
    widths = column_widths(columns, 26)
    assert widths == [14, 10]
    assert folded("premium_ladder", widths[0]) == "premium_ladder"
    assert column_widths(columns, 18) == [8, 8]
    assert folded("premium_ladder", 8) == "premium_\nladder"


def test_columns_of_numbers_are_known():
    assert is_of_numbers(["1,204", "-", "57.1%", "0.94 [0.45, 1.57]", "credit 0.71"])
    assert not is_of_numbers(["2024-01-02"])
    assert not is_of_numbers(["-", ""])


@given(st.lists(words, max_size=60).map(" ".join), st.integers(40, 100))
def test_prose_is_wrapped_at_blanks_alone(text, width):
    lines = wrapped(text, width)
    assert " ".join(line.strip() for line in lines).split() == text.split()
    longest = max([0, *map(len, text.split())])
    assert all(len(line) <= max(width, longest + 2) for line in lines)


def test_a_command_to_copy_is_never_broken():
    command = "options-platform restore /backups/of/an/account.tar.gz --only warehouse.duckdb"
    text = f"warehouse.duckdb is damaged; the newest backup has a good copy: {command}, then go on"
    lines = wrapped(text, 90)
    assert len(lines) > 1
    assert any(command in line for line in lines)
