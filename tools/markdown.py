"""Markdown tables for the generated pages."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; each cell is put on one line, with its bars escaped."""
    names = list(header)
    lines = [names, ["---"] * len(names), *([cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(text: str) -> str:
    """A text as the content of a cell: on one line, with escaped bars."""
    return " ".join(text.split()).replace("|", "\\|")


def between_marks(text: str, marks: tuple[str, str], tables: str) -> str:
    """A page with `tables` between its two marks, in place of what is there."""
    begin, end = marks
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n\n{tables}\n{end}{after}"
