"""The account over time: equity and cash, drawdown, profit and greeks."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from options_platform.reporting.charts.style import COLOURS, FURTHER, colour_of, figure, plain


def equity_and_cash(marks: pl.DataFrame) -> go.Figure:
    """Equity and cash in USD at each close; `marks` has date, equity_usd and cash_usd."""
    made = figure("USD")
    for name in ("equity", "cash"):
        made.add_scatter(
            x=marks["date"].to_list(),
            y=marks[f"{name}_usd"].to_list(),
            name=name,
            line={"color": COLOURS[name], "width": 2 if name == "equity" else 1.2},
            visible=True if name == "equity" else "legendonly",
            hovertemplate="%{y:,.2f} USD",
        )
    made.update_layout(yaxis_tickformat=",.0f")
    return made


def drawdown(marks: pl.DataFrame) -> go.Figure:
    """How far equity is below its peak, downwards; `marks` has date and drawdown (fraction)."""
    made = figure("below the peak", per_cent=True, height=200)
    made.add_scatter(
        x=marks["date"].to_list(),
        y=[-(value or 0.0) for value in marks["drawdown"].to_list()],
        name="drawdown",
        fill="tozeroy",
        line={"color": COLOURS["drawdown"], "width": 1.2},
        hovertemplate="%{y:.2%}",
    )
    made.update_layout(showlegend=False)
    return made


def profit_over_time(rows: pl.DataFrame, *, by_month: bool = False) -> go.Figure:
    """Profit by session or by month, USD; `rows` has date and pnl_day_usd."""
    if by_month:
        rows = rows.group_by(pl.col("date").dt.truncate("1mo")).agg(pl.col("pnl_day_usd").sum())
    rows = rows.sort("date")
    amounts = rows["pnl_day_usd"].to_list()
    made = figure("USD", height=220)
    made.add_bar(
        x=rows["date"].to_list(),
        y=amounts,
        marker_color=[COLOURS["profit" if (value or 0) >= 0 else "loss"] for value in amounts],
        hovertemplate="%{y:,.2f} USD<extra></extra>",
    )
    made.update_layout(showlegend=False, yaxis_tickformat=",.0f")
    if by_month:
        made.update_xaxes(tickformat="%b %Y")
    return made


def greek(rows: pl.DataFrame, name: str, limit_usd: float | None) -> go.Figure:
    """One greek of the account over time, USD, between its limits; a gap where it is unknown.

    `rows` has date and `{name}_usd`; `name` is delta, gamma, theta or vega.
    """
    made = figure(f"{name}, USD", height=200)
    made.add_scatter(
        x=rows["date"].to_list(),
        y=rows[f"{name}_usd"].to_list(),
        name=name,
        line={"color": COLOURS[name], "width": 1.5},
        hovertemplate="%{y:,.2f} USD<extra></extra>",
    )
    for limit in () if limit_usd is None else (limit_usd, -limit_usd):
        made.add_hline(y=limit, line={"color": COLOURS["limit"], "width": 1, "dash": "dash"})
    made.update_layout(showlegend=False, yaxis_tickformat=",.0f")
    return made


def equity_curves(curves: Mapping[str, pl.DataFrame]) -> go.Figure:
    """Equity of each name over time, USD; each frame has date and equity_usd."""
    made = figure("USD", height=380)
    for place, (name, rows) in enumerate(curves.items()):
        made.add_scatter(
            x=rows["date"].to_list(),
            y=rows["equity_usd"].to_list(),
            name=plain(name),
            line={
                "color": colour_of(name, place),
                "width": 2.4 if name in COLOURS else 1.2,
                # A colour that comes again is dotted.
                "dash": "dot" if place > len(FURTHER) else "solid",
            },
            hovertemplate="%{y:,.0f} USD",
        )
    made.update_layout(yaxis_tickformat=",.0f")
    return made
