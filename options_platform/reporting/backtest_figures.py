"""The plots of a backtest, in the style of `figures`: frames and arrays in, PNG bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.trading.fill_prices import FILL_MODELS
from options_platform.reporting.figures import (
    INK,
    LINES,
    MUTED,
    date_axis,
    new_figure,
)

MODEL = "model"
GAIN, LOSS = "#4d7c3a", "#c0524a"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Drawn beside the model: baselines without a model, and the oracle as the upper bound.
SHOWN = ("always_bull_put", "put_write", "shuffled_signal", "oracle_direction")
LOWEST = 0.25


def equity_curves(sessions: Sequence[date], curves: Mapping[str, Floats]) -> bytes:
    """Equity of the model and its baselines, each 100 at the start, on a log scale.

    The axis ends at 25: a curve that loses more leaves the plot at the bottom.
    """
    with new_figure(3.4) as (axes, made):
        days = np.array(sessions)
        names = [name for name in curves if name in SHOWN or name.startswith("hold_")]
        for index, name in enumerate(names):
            values = np.maximum(curves[name], 1e-9) * 100.0 / curves[name][0]
            dashed = "--" if name == "oracle_direction" else "-"
            colour = LINES[(index + 1) % len(LINES)]
            # More lines than colours: the second of a colour is dotted.
            dashed = dashed if index < len(LINES) else ":"
            axes.plot(
                days, values, color=colour, linewidth=0.8, linestyle=dashed, label=shown_name(name)
            )
        model = np.maximum(curves[MODEL], 1e-9) * 100.0 / curves[MODEL][0]
        axes.plot(days, model, color=INK, linewidth=1.6, label=shown_name(MODEL))
        _log_axis(axes, [curves[name] for name in (*names, MODEL)])
    return made()


def rule_set_curves(sessions: Sequence[date], curves: Mapping[str, Floats]) -> bytes:
    """Equity of each rule set, each 100 at the start, on the axis of `equity_curves` where one of
    them doubled, which would press smaller differences into a line."""
    with new_figure(3.4) as (axes, made):
        for index, (name, equity) in enumerate(curves.items()):
            values = np.maximum(equity, 1e-9) * 100.0 / equity[0]
            axes.plot(np.array(sessions), values, color=LINES[index % len(LINES)], linewidth=1.2,
                      label=name)  # fmt: skip
        reached = np.array([equity / equity[0] for equity in curves.values()])
        if reached.max() < 2.0 * max(reached.min(), LOWEST):
            _linear_axis(axes)
        else:
            _log_axis(axes, list(curves.values()))
    return made()


def _linear_axis(axes: Any) -> None:
    axes.set_ylabel("start = 100")
    _finish(axes)


def _log_axis(axes: Any, curves: Sequence[Floats]) -> None:
    """Scale, limits and labels for curves that are drawn as 100 at the start."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    reached = np.array([equity / equity[0] for equity in curves])
    low, top = max(0.9 * float(reached.min()), LOWEST), max(1.1 * float(reached.max()), 1.2)
    # Between 70 and 150 there is no more than one round number of a logarithmic scale.
    is_narrow = top < 4.0 * low
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]) if is_narrow else LogLocator(subs=(1, 2, 5))
    axes.yaxis.set_major_locator(ticks)
    axes.set_ylim(100.0 * low, 100.0 * top)
    axes.set_ylabel("start = 100 (log)")
    _finish(axes)


def _finish(axes: Any) -> None:
    date_axis(axes)
    axes.margins(x=0)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=8)


def drawdowns(sessions: Sequence[date], curves: Mapping[str, Floats]) -> bytes:
    """Drawdown of the model, and of buying and holding the first ticker, as a fraction."""
    with new_figure(2.2) as (axes, made):
        buy_and_hold = [name for name in curves if name.startswith("hold_")][:1]
        for name in (*buy_and_hold, MODEL):
            peak = np.maximum.accumulate(curves[name])
            depth = np.maximum(curves[name] / peak - 1.0, -1.0)
            colour, alpha = (LOSS, 0.55) if name == MODEL else (MUTED, 0.2)
            axes.fill_between(
                np.array(sessions), depth, 0.0, color=colour, alpha=alpha, label=shown_name(name)
            )
        from matplotlib.ticker import PercentFormatter

        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylabel("below the peak")
        date_axis(axes)
        axes.margins(x=0)
        axes.legend(frameon=False, loc="lower left", fontsize=8, ncols=2)
    return made()


def fill_band(sessions: Sequence[date], band: Mapping[str, Floats]) -> bytes:
    """Equity of the rules under each fill model, in USD, with the band between them."""
    with new_figure(2.4) as (axes, made):
        days = np.array(sessions)
        low, high = np.min(list(band.values()), axis=0), np.max(list(band.values()), axis=0)
        axes.fill_between(days, low, high, color=LINES[0], alpha=0.18, linewidth=0)
        ordered = {name: band[name] for name in FILL_MODELS if name in band}
        for index, (name, values) in enumerate(ordered.items()):
            axes.plot(days, values, color=LINES[index % len(LINES)], linewidth=1.0, label=name)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylabel("equity (USD)")
        date_axis(axes)
        axes.margins(x=0)
        axes.legend(frameon=False, loc="upper left", fontsize=8, ncols=3)
    return made()


def monthly_heatmap(months: pl.DataFrame) -> bytes:
    """Heat map of monthly returns, a row per year; columns year, month and return (fraction)."""
    years = months["year"].unique().sort().to_list()
    grid = np.full((len(years), 12), np.nan)
    for year, month, value in months.select("year", "month", "return").iter_rows():
        grid[years.index(year), month - 1] = 100.0 * value
    reach = max(float(np.nanmax(np.abs(grid))), 0.1)
    with new_figure(0.6 + 0.22 * len(years)) as (axes, made):
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("returns", [LOSS, "#ffffff", GAIN])
        axes.pcolormesh(grid, cmap=colours, vmin=-reach, vmax=reach, edgecolors="white")
        for row, column in zip(*np.nonzero(np.isfinite(grid)), strict=True):
            value = grid[row, column]
            strong = abs(value) > 0.6 * reach
            # Adding zero turns -0.0 into 0.0.
            value = round(value, 1) + 0.0
            axes.text(column + 0.5, row + 0.5, f"{value:.1f}", ha="center", va="center",
                      fontsize=7, color="white" if strong else INK)  # fmt: skip
        axes.set_xticks(np.arange(12) + 0.5, MONTHS)
        axes.set_yticks(np.arange(len(years)) + 0.5, [str(year) for year in years])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    return made()


def profit_bars(rows: pl.DataFrame, by: str) -> bytes:
    """Profit of closed trades in USD by the groups of the column `by`, with the trade counts."""
    rows = rows.fill_null("unknown")
    shown = rows.sort(by, descending=True) if by == "year" else rows.sort("pnl_usd")
    with new_figure(0.55 + 0.24 * max(shown.height, 2), width=4.4) as (axes, made):
        values = shown["pnl_usd"].to_numpy()
        names = [shown_name(name) for name in shown[by].to_list()]
        axes.barh(names, values, color=np.where(values >= 0, GAIN, LOSS), height=0.62)
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        for at, (value, count) in enumerate(zip(values, shown["trades"].to_list(), strict=True)):
            axes.annotate(f" {count:,} ", (value, at), va="center", fontsize=7, color=MUTED,
                          ha="left" if value >= 0 else "right")  # fmt: skip
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.get_major_locator().set_params(nbins=5)  # type: ignore[call-arg]
        axes.set_xlabel("profit (USD)")
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.14)
    return made()


def saved_by_gates(
    names: Sequence[str], saved: Floats, low: Floats, high: Floats, proven: Sequence[bool]
) -> bytes:
    """What each gate saved a refused trade in R, with its interval; the first name on top.

    A cost is negative and lies to the left. Bars without a proven effect are pale, those without an
    interval (NaN ends) grey.
    """
    with new_figure(0.75 + 0.32 * max(len(names), 2), width=5.6) as (axes, made):
        at, has_interval = np.arange(len(names)), np.isfinite(low) & np.isfinite(high)
        colours = np.where(has_interval, np.where(saved >= 0, GAIN, LOSS), MUTED)
        bars = axes.barh(at, saved, color=colours, height=0.62)
        for bar, is_proven in zip(bars, proven, strict=True):
            bar.set_alpha(1.0 if is_proven else 0.4)
        ends = np.stack([saved - low, high - saved])[:, has_interval]
        axes.errorbar(saved[has_interval], at[has_interval], xerr=np.maximum(ends, 0.0), fmt="none",
                      ecolor=INK, elinewidth=1.1, capsize=3)  # fmt: skip
        axes.axvline(0.0, color=INK, linewidth=0.8)
        reach = float(np.nanmax(np.abs([saved, low, high]), initial=0.05))
        axes.set_xlim(-1.08 * reach, 1.08 * reach)
        axes.set_yticks(at, names)
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter("{x:+.2f}")
        axes.set_xlabel(
            "cost  \N{LEFTWARDS ARROW}   R a refused trade   \N{RIGHTWARDS ARROW}  saved"
        )
        axes.grid(visible=False, axis="y")
    return made()


def attribution(parts: Mapping[str, float]) -> bytes:
    """Attribution of the profit in USD as a waterfall: each bar starts where the last one ended."""
    with new_figure(2.6, width=5.4) as (axes, made):
        ends = np.concatenate([[0.0], np.cumsum(list(parts.values()))])
        reach = float(np.ptp(ends)) or 1.0
        start = 0.0
        for at, value in enumerate(parts.values()):
            axes.bar(at, value, bottom=start, color=GAIN if value >= 0 else LOSS, width=0.6)
            end = start + value
            axes.annotate(f"{value:+,.0f}", (at, max(start, end)), ha="center", va="bottom",
                          fontsize=8, color=INK)  # fmt: skip
            axes.hlines(end, at + 0.3, at + 0.7, color=MUTED, linewidth=0.8)
            start = end
        axes.bar(len(parts), start, color=INK, width=0.6)
        axes.annotate(f"{start:+,.0f}", (len(parts), max(start, 0.0)), ha="center", va="bottom",
                      fontsize=8, color=INK)  # fmt: skip
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.set_xticks(np.arange(len(parts) + 1), [*parts, "profit"])
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylabel("USD")
        axes.set_ylim(float(ends.min()) - 0.05 * reach, float(ends.max()) + 0.12 * reach)
    return made()


def shown_name(name: str) -> str:
    """The display name of a curve, a baseline or a breakdown."""
    return "the rules" if name == MODEL else name.replace("_", " ")
