"""Parses lines of text into a table: separator, header, and the check that no line is truncated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from options_platform.errors import SourceError

SEPARATORS = (",", ";", "\t", "|")
# Some downloads have a title, a time and a source above the header.
HEADER_WITHIN = 30

# Words in a row that is not a row of prices, as on Yahoo's pages.
WORDS = re.compile(r"\b(dividend|split|distribution|spin-?off)\b", re.IGNORECASE)
Recognised = TypeVar("Recognised")


@dataclass(frozen=True)
class Header:
    """The position of a header: `line` from 0, its `separator`, and its literal `names`."""

    line: int
    separator: str
    names: tuple[str, ...]


def plain(name: str) -> str:
    """A column's name in plain spelling, without case, brackets and signs: `<Close/Last>` is
    `close last`.
    """
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def plain_names(names: Sequence[str]) -> list[str]:
    """Plain names; a repeated one is numbered (`bid`, `bid 2`), an empty one becomes e.g. `#3`."""
    counts: dict[str, int] = {}
    unique = []
    for at, raw in enumerate(names):
        name = plain(raw) or f"#{at}"
        counts[name] = counts.get(name, 0) + 1
        unique.append(name if counts[name] == 1 else f"{name} {counts[name]}")
    return unique


def find_header(
    lines: Sequence[str], recognise: Callable[[Sequence[str]], Recognised | None]
) -> tuple[Header, Recognised] | None:
    """The first line that `recognise` accepts as a header, with any separator; None without one."""
    for at, line in enumerate(lines[:HEADER_WITHIN]):
        for separator in SEPARATORS:
            if separator not in line:
                continue
            names = tuple(next(csv.reader([line], delimiter=separator), []))
            recognised = recognise(names)
            if recognised is not None:
                return Header(at, separator, names), recognised
    return None


def read_rows(
    path: Path, lines: Sequence[str], header: Header, *, whole: bool, skip: int = 0
) -> pl.DataFrame:
    """The rows below the header as text, under plain names, each with its `line`.

    Args:
        path: path of the file, for error messages.
        lines: all lines of the file without a footer.
        header: position of the header.
        whole: whether the last line ended with a line feed.
        skip: number of lines below the header without data.

    Raises :class:`SourceError` for a line with fewer or more fields than the header, and for a
    last line that may be truncated: a part of a number is a number too, so only a line end proves
    that it is complete.
    """
    first = header.line + 1 + skip
    last = len(lines)
    while last > first and not lines[last - 1].strip(f"{header.separator} \"'"):
        whole, last = True, last - 1
    below = lines[first:last]
    _require_whole_lines(path, below, header, first + 1)
    if below and not whole and not _closed(below[-1]):
        raise SourceError(
            f"{path.name} line {last}, the last one, lacks its end of line and may be cut short; "
            "fetch the file again, or end the line if it is whole (options-platform import --whole)"
        )
    names = plain_names(header.names)
    if not below:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {"line": pl.UInt32})
    try:
        frame = pl.read_csv(
            "\n".join(below).encode(),
            has_header=False,
            separator=header.separator,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise SourceError(
            f"{path.name} cannot be read as CSV ({reason}); correct it, or fetch it again"
        ) from error
    frame.columns = names
    return frame.with_row_index("line", offset=first + 1)


def _closed(line: str) -> bool:
    """Whether a closing quote ends the line."""
    return line.endswith('"') and line.count('"') % 2 == 0


def _require_whole_lines(path: Path, lines: Sequence[str], header: Header, first: int) -> None:
    # Polars fills the missing fields of a short line with null, like empty ones.
    expected = len(header.names)
    quoted = any('"' in line for line in lines)
    if quoted:
        reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=header.separator)
        counts = [(reader.line_num, len(row)) for row in reader]
    else:
        counts = [(at, line.count(header.separator) + 1) for at, line in enumerate(lines, 1)]
    for at, fields in counts:
        line = first + at - 1
        text = lines[at - 1].strip(' "')
        if fields == 1 and text and not text[0].isdigit():
            raise SourceError(
                f"{path.name} line {line} holds {text[:40]!r} in place of {expected} fields; "
                "remove it, or fetch the file again"
            )
        if fields < expected and at < len(lines) and WORDS.search(text):
            shown = " ".join(text.replace(header.separator, " ").split())[:40]
            raise SourceError(
                f"{path.name} line {line} holds {shown!r} in place of {expected} fields; "
                "remove it, or fetch the file again"
            )
        if fields < expected:
            raise SourceError(
                f"{path.name} line {line} is cut short: {fields if text else 'none'} of "
                f"{expected} fields; fetch the file again"
            )
        if fields > expected:
            raise SourceError(
                f"{path.name} line {line} has more fields than the header, {fields} in place of "
                f"{expected}; correct it, or fetch it again"
            )
