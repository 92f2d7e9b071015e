"""Bars as an SVG picture, for the run of an evening: importing Matplotlib would take a second."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

WIDTH, NAMES, ROW, BAR = 360, 150, 18, 12
INK, COLOUR = "#1f2933", "#0b6e99"


def bars_svg(rows: Sequence[tuple[str, int]], title: str) -> str:
    """Names with their counts as horizontal bars, in the order given; an SVG document.

    So small that Dagster shows it on the page, and narrow enough not to widen its table.
    """
    most = max((count for _, count in rows), default=0) or 1
    room = WIDTH - NAMES - 50
    lines = [f'<text x="0" y="15" font-weight="bold">{escape(title)}</text>']
    for at, (name, count) in enumerate(rows, start=1):
        top, long = at * ROW + 6, max(1, round(room * count / most))
        base = top + BAR - 3
        lines += [
            f'<text x="{NAMES - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{NAMES}" y="{top}" width="{long}" height="{BAR}" fill="{COLOUR}"/>',
            f'<text x="{NAMES + long + 6}" y="{base}">{count:,}</text>',
        ]
    height = (len(rows) + 1) * ROW + 12
    style = f'font-family="sans-serif" font-size="11" fill="{INK}"'
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(lines)}</svg>'


def svg_uri(svg: str) -> str:
    """The picture as a data URI, to embed it in a page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
