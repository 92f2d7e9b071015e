"""Models and earnings: scores through time beside the naive forecast, calibration, moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from options_platform.reporting.charts.style import COLOURS, FURTHER, figure, plain

Row = Mapping[str, Any]


def scores_through_time(rows: Sequence[Row], unit: str) -> go.Figure:
    """A score by year with its 95% interval, and the naive forecast's on the same rows.

    `rows` have period, value, low, high (null without an interval) and baseline.
    """
    made = figure(unit, x_unit="year")
    periods = [row["period"] for row in rows]
    above = [(row["high"] or row["value"]) - row["value"] for row in rows]
    below = [row["value"] - (row["low"] or row["value"]) for row in rows]
    made.add_scatter(
        x=periods, y=[row["value"] for row in rows], name="model", mode="markers",
        error_y={"type": "data", "array": above, "arrayminus": below, "symmetric": False},
        marker={"color": COLOURS["model"], "size": 9},
        hovertemplate="%{x}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=periods, y=[row["baseline"] for row in rows], name="naive", mode="lines+markers",
        line={"color": COLOURS["naive"], "dash": "dash"},
        hovertemplate="naive %{x}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    made.update_layout(xaxis_type="category")
    return made


def calibration(curve: pl.DataFrame) -> go.Figure:
    """How often each class occurred, by the predicted probability; on the line they agree.

    `curve` has class, mean_p, frequency and n.
    """
    made = figure("observed share", x_unit="predicted probability", per_cent=True)
    made.add_scatter(
        x=[0, 1], y=[0, 1], name="as predicted", mode="lines",
        line={"color": COLOURS["naive"], "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    for (name,), rows in curve.group_by("class", maintain_order=True):
        ordered = rows.sort("mean_p")
        made.add_scatter(
            x=ordered["mean_p"].to_list(), y=ordered["frequency"].to_list(), name=str(name),
            customdata=ordered["n"].to_list(), mode="lines+markers",
            line={"color": COLOURS[str(name)]},
            hovertemplate="predicted %{x:.0%}, observed %{y:.0%}, %{customdata:,} sessions",
        )  # fmt: skip
    made.update_layout(xaxis_tickformat=".0%")
    return made


def moves_by_report(events: pl.DataFrame) -> go.Figure:
    """The move of each past report by ticker; `events` has date, ticker and move (fraction)."""
    made = figure("move at the report", per_cent=True)
    for place, ((ticker,), rows) in enumerate(
        events.sort("ticker", "date").group_by("ticker", maintain_order=True)
    ):
        made.add_scatter(
            x=rows["date"].to_list(), y=rows["move"].to_list(), name=plain(ticker), mode="markers",
            marker={"color": FURTHER[place % len(FURTHER)], "size": 7}, hovertemplate="%{y:+.1%}",
        )  # fmt: skip
    return made


def implied_against_moves(events: pl.DataFrame) -> go.Figure:
    """The size of past moves by what options priced; above the line options were too cheap.

    `events` has ticker, date, move and implied_move, all of them known.
    """
    made = figure("move, absolute", x_unit="move that options priced", per_cent=True)
    most = max(events["implied_move"].max(), events["move"].abs().max())  # type: ignore[type-var]
    made.add_scatter(
        x=[0, most], y=[0, most], name="as priced", mode="lines",
        line={"color": COLOURS["naive"], "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    made.add_scatter(
        x=events["implied_move"].to_list(), y=events["move"].abs().to_list(), name="reports",
        text=[f"{plain(t)} {d}" for t, d in events.select("ticker", "date").iter_rows()],
        mode="markers", marker={"color": COLOURS["implied"], "size": 8},
        hovertemplate="%{text}: priced %{x:.1%}, moved %{y:.1%}<extra></extra>",
    )  # fmt: skip
    made.update_layout(xaxis_tickformat=".0%")
    return made
