"""Plots of the account over time for its asset's page, small enough for Dagster's event log.

Each takes rows of `portfolio` in the order of their dates, and returns PNG bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from options_platform.reporting.figures import LINES, MUTED, date_axis, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, COLOURS = 6.4, 2.0, 48


def equity(rows: pl.DataFrame) -> bytes:
    """Equity at each close, in USD."""
    with _over_time("equity (USD)") as (axes, made):
        values = rows["equity_usd"].to_numpy()
        axes.plot(rows["date"].to_numpy(), values, color=LINES[0], linewidth=1.4)
        axes.axhline(values[0], color=MUTED, linewidth=0.8, linestyle="--")
        axes.yaxis.set_major_formatter("{x:,.0f}")
    return made()


def drawdown(rows: pl.DataFrame) -> bytes:
    """How far the equity is below its peak, in per cent, downwards."""
    with _over_time("below its peak") as (axes, made):
        below = -100.0 * rows["drawdown"].fill_null(0.0).to_numpy()
        axes.fill_between(rows["date"].to_numpy(), below, 0.0, color=LINES[1], alpha=0.5)
        axes.set_ylim(min(-1.0, 1.1 * below.min()), 0.0)
        axes.yaxis.set_major_formatter("{x:.1f}%")
    return made()


def delta(rows: pl.DataFrame) -> bytes:
    """The beta-weighted delta of all positions, in USD; a session without it leaves a gap."""
    return _lines(rows, ("delta_usd",))


def other_greeks(rows: pl.DataFrame) -> bytes:
    """Gamma, theta and vega of all positions, in USD, which are far smaller than the delta."""
    return _lines(rows, ("gamma_usd", "theta_usd", "vega_usd"))


def _lines(rows: pl.DataFrame, names: Sequence[str]) -> bytes:
    with _over_time("USD") as (axes, made):
        for colour, name in zip(LINES, names, strict=False):
            values = rows[name].cast(pl.Float64).to_numpy()
            label = name.removesuffix("_usd")
            axes.plot(rows["date"].to_numpy(), values, color=colour, linewidth=1.2, label=label)
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False, loc="upper left", ncols=len(names), fontsize=8)
    return made()


@contextmanager
def _over_time(label: str) -> Iterator[tuple[Axes, Callable[[], bytes]]]:
    with new_figure(HEIGHT, WIDTH) as (axes, made):
        yield axes, lambda: _in_few_colours(made())
        date_axis(axes)
        axes.set_ylabel(label)


def _in_few_colours(png: bytes) -> bytes:
    """The picture in a third of the bytes: lines on white need no more colours."""
    from PIL import Image

    stream = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(COLOURS).save(stream, format="PNG", optimize=True)
    return stream.getvalue()
