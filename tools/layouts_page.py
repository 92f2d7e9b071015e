"""The documentation page of all file layouts, from their declarations."""

from __future__ import annotations

from options_platform.adapters.sources.files.layouts import LAYOUTS, Kind, Layout
from options_platform.adapters.sources.files.layouts.layout import ONE_VALUE
from tools.markdown import table as markdown_table

TITLES: dict[Kind, str] = {
    "bars": "Bars",
    "index": "Indices and yields",
    "chain": "Option chains",
    "actions": "Dividends and splits",
    "earnings": "Earnings",
}


def layouts_page(generated: str) -> str:
    """The page, with one table per kind of rows."""
    parts = [
        "# File layouts",
        generated.format(source="`options_platform/adapters/sources/files/layouts/`"),
        (
            "The files that the source `csv` and `options-platform import` read, recognised by "
            "their headers. Names are compared without case, brackets and signs (`<Close/Last>` is "
            "`close last`); columns may be in any order, and other columns are ignored. Of several "
            "layouts that fit, the one that requires most columns is used. [Data "
            "sources](data-sources.md) describes how text is parsed."
        ),
    ]
    for kind, title in TITLES.items():
        rows = [_row(layout) for layout in LAYOUTS if layout.kind == kind]
        parts += [f"## {title}", markdown_table(("Publisher", "Required columns", "Note"), rows)]
    return "\n\n".join(parts) + "\n"


def _row(layout: Layout) -> tuple[str, str, str]:
    required = [*layout.columns.values(), *layout.calls.values(), *layout.puts.values()]
    shown = ["one more" if name == ONE_VALUE else f"`{name}`" for name in required]
    notes = [
        f"header begins exactly with `{','.join(layout.exact)}`" if layout.exact else "",
        "month before day" if layout.order == "mdy" else "",
        "day before month" if layout.order == "dmy" else "",
        _as_traded(layout),
        f"refused as bars: {layout.no_bars}" if layout.no_bars else "",
    ]
    return layout.name, ", ".join(shown), "; ".join(note for note in notes if note)


def _as_traded(layout: Layout) -> str:
    if not layout.as_traded:
        return ""
    return "dividends as paid" if layout.kind == "actions" else "prices as traded"
