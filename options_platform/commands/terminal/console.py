"""What a terminal shows: tables, prose and progress; rich is imported with the first table.

Nothing printed is wider than 100 columns, or than the terminal. Colour and bold are for terminals
alone, and not where `NO_COLOR` is set or `TERM` is `dumb`: a pipe gets plain text, always the same.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from options_platform.commands.terminal.layout import GAP, column_widths, folded, is_of_numbers
from options_platform.formats import NOTHING

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 100
NARROWEST = 40
NAMING = 2
"""The first columns of a table, which name a row where it is a paragraph."""

COMMAND = re.compile(
    r"options-platform [a-z][a-z-]*"
    r"(?: (?:--?[a-z][a-z-]*(?: \w[^\s,;:]*\w)?|\"[^\"]*\"|'[^']*'|[^\s,;]*[/._=][^\s,;]*))*"
)
"""A command in a sentence, with its options and files: it is copied, so no line breaks it."""

UNBROKEN = "\N{NO-BREAK SPACE}"


def width_of(stream: TextIO) -> int:
    """The columns to print in: those of the terminal, at most 100; 100 in a pipe."""
    if not stream.isatty():
        return WIDEST
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(NARROWEST, min(WIDEST, columns or WIDEST))


def is_styled(stream: TextIO) -> bool:
    """Whether to write colour and bold: on a terminal that wants them."""
    wants = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return stream.isatty() and wants


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text at most `width` wide, further ones indented by two more.

    No word, path or command is broken, so a line with a longer one is wider.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip(" "))]
        kept = COMMAND.sub(lambda match: match[0].replace(" ", UNBROKEN), line)
        parts = textwrap.wrap(
            kept, width, subsequent_indent=f"{indent}  ", drop_whitespace=True,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        lines += [part.replace(UNBROKEN, " ") for part in parts]
    return lines


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO
) -> list[str]:
    """An aligned table; columns of numbers end at one edge.

    Cells of many words are folded where the table would be too wide. Where that is not enough, each
    row is a paragraph of `heading: cell` in place of a line.
    """
    width = width_of(stream)
    widths = column_widths(list(zip(headings, *rows, strict=True)), width)
    if widths is None:
        return _paragraphs(headings, rows, width)
    return _rendered(_console(stream, width), _table(headings, rows, widths))


def _paragraphs(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        cells = [f"{name}: {cell}" for name, cell in zip(headings, row, strict=True)]
        filled = [cell for cell in cells[NAMING:] if not cell.endswith(f": {NOTHING}")]
        lines += wrapped(", ".join(cells[:NAMING]), width)
        lines += wrapped(f"  {', '.join(filled)}", width)
    return lines


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for at, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        justify = "right" if is_of_numbers([row[at] for row in rows]) else "left"
        table.add_column(Text(folded(heading, width)), justify=justify, width=width, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(folded(cell, width)) for cell, width in zip(row, widths, strict=True)))
    return table


def bar_line(text: str, done: int, total: int, stream: TextIO) -> str:
    """A line of progress with a bar, for a terminal."""
    from rich.progress_bar import ProgressBar

    width = width_of(stream)
    bar_width = min(30, width - len(text) - 2)
    if bar_width < 8:
        return text[: width - 1]
    bar = ProgressBar(total=max(1, total), completed=done, width=bar_width)
    return f"{text}  {_rendered(_console(stream, width), bar, strip=False)[0]}"


def _console(stream: TextIO, width: int) -> Console:
    from rich.console import Console

    styled = is_styled(stream)
    return Console(
        file=stream,
        width=width,
        force_terminal=styled,
        color_system="auto" if styled else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def _rendered(console: Console, thing: Any, *, strip: bool = True) -> list[str]:
    with console.capture() as captured:
        console.print(thing, end="")
    lines = captured.get().splitlines()
    return [line.rstrip() for line in lines] if strip else lines


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in a style of rich, on a terminal that wants one."""
    stream = stream or sys.stdout
    if not is_styled(stream):
        return text
    from rich.text import Text

    console = _console(stream, 10_000)
    return _rendered(console, Text(text, style))[0]
