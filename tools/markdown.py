"""Markdown tables of the generated pages."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; cells are brought on one line, and bars in them kept."""
    names = list(header)
    lines = [names, ["---"] * len(names), *([cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(text: str) -> str:
    """A text as a cell holds it."""
    return " ".join(text.split()).replace("|", "\\|")
