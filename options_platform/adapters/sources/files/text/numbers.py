"""Parses numbers in text: `$1,234.50`, `1.234,50`, `45.12M`, and the markers for unknown."""

from __future__ import annotations

import polars as pl

# Markers for an unknown value; `.` is FRED's, `ND` that of H.15, `\N` that of databases.
UNKNOWN = ("", ".", "-", "--", "null", "none", "na", "n/a", "#n/a", r"\n", "nil", "n/d", "nd")
SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
CURRENCY = "[$€£¥]"
# Blanks and apostrophes between digits separate thousands (French, Swiss).
GAPS = r"[\s\u00a0\u202f\u2009'\u2019]"
GROUPED = {
    ".": r"^[+-]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d*)?$",
    ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$",
}


class NumberTextError(ValueError):
    """The decimal mark is ambiguous; the message says why and what to write."""


def cleaned(texts: pl.Expr) -> pl.Expr:
    """The texts in lower case without blanks and currency signs; null for an unknown value."""
    text = texts.cast(pl.String).str.strip_chars().str.to_lowercase()
    stated = pl.when(~text.is_in(UNKNOWN)).then(text)
    return stated.str.replace_all(CURRENCY, "").str.replace_all(GAPS, "")


def decimal_mark(texts: pl.Series) -> str:
    """The decimal mark of all `texts`, cleaned: a dot unless one of them proves a comma.

    Raises :class:`NumberTextError` if they prove both, or if texts like `1,234` leave it open.
    """
    bare = texts.drop_nulls().unique().str.replace(r"[kmbt]$", "")
    commas = bare.filter(bare.str.contains(",", literal=True))
    proves_comma = bare.filter(
        bare.str.contains(r"\..*,")
        | bare.str.contains(r"^[^,]*,(\d{1,2}|\d{4,})$")
        | bare.str.contains(r"(\.\d{3}){2,}$")
    )
    if commas.is_empty() and proves_comma.is_empty():
        return "."
    no_comma = ~bare.str.contains(",", literal=True)
    proves_dot = bare.filter(
        bare.str.contains(r",.*\.")
        | bare.str.contains(r"(,\d{2,3}){2,}$")
        | (no_comma & bare.str.contains(r"\.(\d{1,2}|\d{4,})$"))
    )
    if proves_comma.len() and proves_dot.len():
        raise NumberTextError(
            f"decimal commas ({proves_comma[0]!r}) and decimal points ({proves_dot[0]!r}) are "
            "mixed; write one kind"
        )
    if proves_comma.is_empty() and proves_dot.is_empty():
        number = commas[0]
        raise NumberTextError(
            f"{number!r} may be {number.replace(',', '')} or {number.replace(',', '.')}; "
            "write numbers without thousands separators"
        )
    return "," if proves_comma.len() else "."


def number_expr(text: pl.Expr, mark: str) -> pl.Expr:
    """The numbers of cleaned texts (45.12m is 45,120,000); null for text that is not a number."""
    bare = text.str.replace(r"[kmbt]$", "")
    times = text.str.extract(r"\d([kmbt])$", 1).replace_strict(
        SUFFIXES, default=1.0, return_dtype=pl.Float64
    )
    other = "," if mark == "." else "."
    ungrouped = bare.str.replace_all(other, "", literal=True).str.replace(mark, ".", literal=True)
    plain = (
        pl.when(bare.str.contains(GROUPED[mark]))
        .then(ungrouped)
        .when(~bare.str.contains(other, literal=True))
        .then(bare.str.replace(mark, ".", literal=True))
    )
    return plain.cast(pl.Float64, strict=False) * times
