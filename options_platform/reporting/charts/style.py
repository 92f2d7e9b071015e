"""The style of all figures: a colour for each series, axes with units, light and dark ground."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

COLOURS = {
    "equity": "#3b82c4", "cash": "#7b8794", "drawdown": "#d0493f",
    "profit": "#4d8c3a", "loss": "#d0493f",
    "delta": "#3b82c4", "gamma": "#8a63d2", "theta": "#4d8c3a", "vega": "#d9730d",
    "at expiry": "#3b82c4", "today": "#d9730d", "spot": "#7b8794", "limit": "#d0493f",
    "price": "#7b8794", "entry": "#3b82c4", "naive": "#7b8794",
    "model": "#3b82c4", "the rules": "#3b82c4",
    "implied": "#d9730d", "realised": "#3b82c4",
    "bearish": "#d0493f", "neutral": "#7b8794", "bullish": "#4d8c3a",
}  # fmt: skip
"""The colour of each series, with a contrast of 3 to 1 on either ground."""

FURTHER = ("#8a63d2", "#d9730d", "#4d8c3a", "#c0459a", "#7b8794", "#9b7a1d")
"""For series that are named by data, such as tickers, in the order of their names."""

GROUNDS: dict[str, dict[str, str]] = {
    "light": {"ink": "#1f2933", "grid": "#e4e7eb"},
    "dark": {"ink": "#e4e7eb", "grid": "#323c48"},
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


def plain(text: object) -> str:
    """Text that a figure shows as it is: Plotly reads tags in names, titles and hovers."""
    return html.escape(str(text), quote=False)


def colour_of(name: str, place: int = 0) -> str:
    """The colour of a series; one that has none gets the `place`-th of the further ones."""
    return COLOURS.get(name) or FURTHER[place % len(FURTHER)]


def figure(
    unit: str, *, x_unit: str | None = None, height: int = 280, per_cent: bool = False
) -> go.Figure:
    """An empty figure whose axes have these units; without `x_unit` its x axis is of dates."""
    made = go.Figure()
    made.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified" if x_unit is None else "closest",
        xaxis={"automargin": True, "zeroline": False},
        yaxis={
            "title": {"text": unit},
            "automargin": True,
            "zeroline": True,
            "tickformat": ".1%" if per_cent else None,
        },
    )
    if x_unit:
        made.update_xaxes(title_text=x_unit)
    return on_ground(made, "light")


def on_ground(made: go.Figure, ground: str) -> go.Figure:
    """The figure, changed in place, on "light" or "dark" ground: text and grid; series stay."""
    for path, value in ground_paths(ground).items():
        made.layout[path.replace(".", "_")] = value
    return made


def ground_paths(ground: str) -> dict[str, str]:
    """By its path in the layout each value that the ground decides, as a browser sets them."""
    ink, grid = GROUNDS[ground]["ink"], GROUNDS[ground]["grid"]
    axes = {
        f"{axis}.{name}": grid
        for axis in ("xaxis", "yaxis")
        for name in ("gridcolor", "zerolinecolor", "linecolor")
    }
    return {"font.color": ink, **axes}


def in_json(made: go.Figure) -> str:
    """The figure as JSON that may lie in a page: it holds no character that begins markup."""
    return in_page(str(made.to_json()))


def in_page(text: str) -> str:
    """JSON without the characters that begin markup; its value is the same."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def bars(values: Mapping[str, float], unit: str, **options: Any) -> go.Figure:
    """A bar for each name, those above zero in the colour of profits."""
    made = figure(unit, x_unit=options.pop("x_unit", ""), **options)
    amounts = list(values.values())
    made.add_bar(
        x=[plain(name) for name in values],
        y=amounts,
        marker_color=[COLOURS["profit" if value >= 0 else "loss"] for value in amounts],
        hovertemplate="%{x}: %{y:,.2f}<extra></extra>",
    )
    made.update_layout(showlegend=False, xaxis_type="category")
    return made
