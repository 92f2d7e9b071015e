"""How the text of a table fits a width: which columns are folded, and where their cells break."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = 2
"""Blanks between two columns."""

NUMBER = re.compile(r"[+-]?[\d,.]+%?( USD)?( [\[(].*[\])]\*?)?|(credit|debit) [\d,.]+|even|-|")
"""Cells that are read by their last digit: amounts, shares, prices, with or without an interval."""

TOGETHER = re.compile(r"(?<=credit) (?=[\d,.]+$)|(?<=debit) (?=[\d,.]+$)|(?<=,) (?=[-\d.%]+\]\*?$)")
"""Blanks at which no cell breaks: within a price, and within an interval."""

LONG = 20
"""Words longer than this break at underscores and dashes, as the ids of positions do."""


def column_widths(columns: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column of cells, its heading first, so that a row fits `width`.

    The widest columns are narrowed, to their longest piece that cannot be broken at the least;
    names keep whole where that is enough. None where it is not enough with names broken either.
    """
    for in_names in (False, True):
        widths = _narrowed(columns, width, in_names=in_names)
        if widths is not None:
            return widths
    return None


def _narrowed(columns: Sequence[Sequence[str]], width: int, *, in_names: bool) -> list[int] | None:
    widths = [max(map(len, column)) for column in columns]
    least = [
        max(len(piece) for cell in column for piece in pieces(cell, in_names=in_names))
        for column in columns
    ]
    room = width - GAP * (len(columns) - 1)
    while sum(widths) > room:
        narrowed = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not narrowed:
            return None
        widths[max(narrowed, key=widths.__getitem__)] -= 1
    return widths


def pieces(cell: str, *, in_names: bool = True) -> list[str]:
    """A cell cut where a line may break: at blanks, between legs, and within long words.

    `in_names` cuts shorter names at their underscores too.
    """
    kept = TOGETHER.sub("\0", cell)
    parts: list[str] = []
    for word in re.findall(r"\S+|\s+", kept):
        ends = "-_/" if len(word) > LONG else "_/" if in_names else "/"
        parts += re.findall(rf"[^{ends}]*[{ends}]+|[^{ends}]+", word)
    return parts or [""]


def folded(cell: str, width: int) -> str:
    """A cell in lines of at most `width`, as long as its pieces are."""
    if len(cell) <= width:
        return cell
    lines = [""]
    whole = pieces(cell, in_names=False)
    is_wide = any(len(piece.rstrip()) > width for piece in whole)
    for piece in pieces(cell) if is_wide else whole:
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        if lines[-1] or not piece.isspace():
            lines[-1] += piece
    return "\n".join(line.rstrip().replace("\0", " ") for line in lines)


def is_of_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells of a column are numbers, and any of them is one."""
    return any(any(map(str.isdigit, cell)) for cell in cells) and all(
        NUMBER.fullmatch(cell) for cell in cells
    )
