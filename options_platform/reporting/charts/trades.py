"""Trades: what a position pays at each spot, and where trades began and ended on the price."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from options_platform.common import Floats
from options_platform.reporting.charts.style import COLOURS, figure, plain


def payoff(
    spots: Floats,
    profits: dict[str, Floats],
    spot: float,
    break_evens: Sequence[float],
) -> go.Figure:
    """Profit of a whole position by the spot, USD.

    Args:
        spots: prices of the underlying, USD a share.
        profits: profit at each of them, USD, for "today" and "at expiry".
        spot: the present price.
        break_evens: spots between profit and loss at expiry.
    """
    made = figure("profit, USD", x_unit="price of the underlying, USD", height=260)
    for name, values in profits.items():
        made.add_scatter(
            x=spots,
            y=values,
            name=name,
            line={"color": COLOURS[name], "width": 2 if name == "at expiry" else 1.4},
            hovertemplate="at %{x:,.2f}: %{y:,.2f} USD<extra></extra>",
        )
    made.add_vline(
        x=spot, line={"color": COLOURS["spot"], "dash": "dot"}, annotation_text=f"now {spot:,.2f}",
        annotation_position="bottom right",
    )  # fmt: skip
    for edge in break_evens:
        made.add_vline(x=edge, line={"color": COLOURS["limit"], "width": 1, "dash": "dash"})
    return made


def price_with_trades(bars: pl.DataFrame, trades: pl.DataFrame) -> go.Figure:
    """Closes of a ticker with its entries and exits.

    `bars` has date and close; `trades` has opened_on, closed_on (null while open), strategy and
    pnl_usd.
    """
    made = figure("close, USD", height=320)
    made.add_scatter(
        x=bars["date"].to_list(), y=bars["close"].to_list(), name="close",
        line={"color": COLOURS["price"], "width": 1.2}, hovertemplate="%{y:,.2f}",
    )  # fmt: skip
    closes = dict(bars.select("date", "close").iter_rows())
    marks = (
        ("entry", "opened_on", "triangle-up", pl.lit(value=True)),
        ("exit with profit", "closed_on", "circle", pl.col("pnl_usd") > 0),
        ("exit with loss", "closed_on", "x", pl.col("pnl_usd") <= 0),
    )
    colours = (COLOURS["entry"], COLOURS["profit"], COLOURS["loss"])
    for (name, column, symbol, chosen), colour in zip(marks, colours, strict=True):
        rows = trades.filter(chosen).drop_nulls(column)
        days = [day for day in rows[column].to_list() if day in closes]
        rows = rows.filter(pl.col(column).is_in(days))
        made.add_scatter(
            x=rows[column].to_list(),
            y=[closes[day] for day in rows[column].to_list()],
            text=[
                f"{plain(strategy).replace('_', ' ')}, {profit:+,.2f} USD"
                for strategy, profit in rows.select("strategy", "pnl_usd").iter_rows()
            ],
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 9},
            hovertemplate="%{text}",
        )
    return made
