"""Write docs/feature-dictionary.md and docs/data-dictionary.md from the declarations."""

import sys
from pathlib import Path

from options_platform.contracts import Column, Table, tables
from options_platform.domain.features.registry import FEATURES, feature_version

DOCS = Path(__file__).parents[1] / "docs"
WRITTEN = "Written by `make docs` from the declarations; edit those, not this page.\n"

INTRODUCTION = """\
Version `{version}`: the hash of all declarations, stored in each row. *Lookback* is the number of
sessions from which on a value is known; before, it is null. *Models* marks what a model may see:
never price levels, which grow with time."""


def feature_dictionary() -> str:
    """The page on features."""
    lines = [
        "# Feature dictionary",
        "",
        WRITTEN,
        INTRODUCTION.format(version=feature_version()),
        "",
    ]
    for family in ("technical", "volatility", "regime"):
        rows = [feature for feature in FEATURES if feature.family == family]
        lines += [f"## {family.capitalize()} ({len(rows)} columns)", ""]
        lines += ["| Feature | What it is | Unit | Made from | Lookback | Models |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [
            f"| `{f.name}` | {_cell(f.description)} | {f.unit} | {', '.join(f.inputs)} | "
            f"{f.lookback} | {'yes' if f.model else 'no'} |"
            for f in rows
        ]
        lines.append("")
    return "\n".join(lines)


def data_dictionary() -> str:
    """The page on tables."""
    lines = ["# Data dictionary", "", WRITTEN, "All tables lie in `warehouse.duckdb`.", ""]
    for table in tables().values():
        lines += [f"## `{table.name}`", "", table.description, ""]
        lines += [f"Key: {', '.join(f'`{name}`' for name in table.key)}.", ""]
        lines += ["| Column | Type | What it is | Unit | May be null | Values |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_column_row(table, column) for column in table.columns]
        lines.append("")
    return "\n".join(lines)


def _column_row(table: Table, column: Column) -> str:
    nullable = column.nullable and column.name not in table.key
    kind = str(column.dtype).replace("|", "\\|")
    return (
        f"| `{column.name}` | {kind} | {_cell(column.description)} | {column.unit} | "
        f"{'yes' if nullable else 'no'} | {_allowed(column)} |"
    )


def _allowed(column: Column) -> str:
    if column.values:
        return ", ".join(column.values)
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", column.low), ("<=", column.high))
        if bound is not None
    ]
    return ", ".join(bounds)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES = {"feature-dictionary.md": feature_dictionary, "data-dictionary.md": data_dictionary}


def main() -> int:
    """Write the pages; with --check only compare, 1 if one is out of date."""
    stale = []
    for name, make in PAGES.items():
        path = DOCS / name
        if not path.exists() or path.read_text() != make():
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(make())
    if "--check" in sys.argv and stale:
        print(f"out of date: {', '.join(stale)}; run: make docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
