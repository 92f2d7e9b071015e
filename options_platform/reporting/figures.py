"""The plots of the report and of the assets: frames in, PNG bytes out, all in one style."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from options_platform.contracts import DIRECTIONS
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.pricing.payoff import payoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
LINES = ("#0b6e99", "#d9730d", "#4d7c3a", "#ad1a72", "#6940a5", "#9b6a00")
REGIME_COLOURS = dict(
    zip(REGIMES, ("#b7dfc9", "#f2b8b5", "#f7dfa5", "#bcd7ee", "#eceff1"), strict=True)
)
DIRECTION_COLOURS = dict(zip(DIRECTIONS, ("#c0524a", "#9aa5b1", "#4d7c3a"), strict=True))
MISSING, PARTLY, WHOLE = "#c0524a", "#f7dfa5", "#b7dfc9"
WIDTH = 9.0
FEW_PERIODS = 8


def price_history(bars: pl.DataFrame) -> bytes:
    """Closes of all tickers, scaled to 100 at the first bar, on a log scale."""
    with new_figure(2.8) as (axes, made):
        good = bars.filter(pl.col("close").is_not_null()).sort("date")
        tickers = good["ticker"].unique().sort().to_list()
        for index, ticker in enumerate(tickers):
            rows = good.filter(pl.col("ticker") == ticker)
            closes = rows["close"].to_numpy()
            axes.plot(
                rows["date"].to_numpy(),
                100.0 * closes / closes[0],
                color=LINES[index % len(LINES)],
                linewidth=1.0,
                label=ticker,
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:.0f}")
        axes.yaxis.set_minor_formatter("{x:.0f}")
        axes.tick_params(which="minor", colors=INK, labelsize=8)
        axes.set_ylabel("first close = 100 (log)")
        axes.legend(frameon=False, loc="upper left", ncols=max(1, len(tickers)), fontsize=8)
    return made()


def coverage_calendar(months: pl.DataFrame, tickers: Sequence[str]) -> bytes:
    """Share of each month's sessions with a good bar, a row per ticker.

    `months` has the columns of `coverage_by_month`: ticker, month, sessions and good.
    """
    from matplotlib.colors import LinearSegmentedColormap

    days = months["month"].unique().sort()
    share = months.with_columns(share=pl.col("good") / pl.col("sessions")).pivot(
        "ticker", index="month", values="share"
    )
    grid = share.sort("month").select(tickers).to_numpy().T
    with new_figure(0.7 + 0.32 * len(tickers)) as (axes, made):
        colours = LinearSegmentedColormap.from_list("coverage", [MISSING, PARTLY, WHOLE])
        edges = np.append(days.to_numpy(), days.dt.offset_by("1mo")[-1]).astype("datetime64[D]")
        axes.pcolormesh(edges, np.arange(len(tickers) + 1), grid, cmap=colours, vmin=0.0, vmax=1.0)
        axes.set_yticks(np.arange(len(tickers)) + 0.5, list(tickers))
        axes.invert_yaxis()
        axes.hlines(np.arange(1, len(tickers)), edges[0], edges[-1], color="white", linewidth=3)
        axes.grid(visible=False)
        date_axis(axes)
    return made()


def regime_ribbon(regime: pl.DataFrame, vix: pl.DataFrame) -> bytes:
    """The VIX over time, on the regimes of the first ticker as background."""
    with new_figure(2.8) as (axes, made):
        ticker = regime["ticker"].min()
        rows = (
            regime.filter(pl.col("ticker") == ticker)
            .join(vix.select("date", "ticker", "vix"), on=["date", "ticker"])
            .filter(pl.col("vix").is_not_null())
            .sort("date")
        )
        days = rows["date"].to_numpy()
        for name, begin, stop in _spells(rows["regime"].to_list()):
            if name is not None:
                last = days[min(stop, len(days) - 1)]
                axes.axvspan(days[begin], last, color=REGIME_COLOURS[name], linewidth=0)
        axes.plot(days, rows["vix"].to_numpy(), color=INK, linewidth=0.8)
        date_axis(axes)
        axes.set_ylabel("VIX (points)")
        from matplotlib.patches import Patch

        axes.legend(
            handles=[Patch(color=colour, label=name) for name, colour in REGIME_COLOURS.items()],
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            ncols=len(REGIME_COLOURS),
            fontsize=8,
        )
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
    return made()


def calibration(curve: pl.DataFrame, model: str) -> bytes:
    """Observed frequency against predicted probability of a model; larger points have more rows."""
    with new_figure(3.2, width=4.4) as (axes, made):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle="--")
        for name, colour in DIRECTION_COLOURS.items():
            rows = curve.filter((pl.col("model") == model) & (pl.col("class") == name))
            counts = rows["n"].to_numpy()
            axes.plot(rows["mean_p"], rows["frequency"], color=colour, linewidth=1.0, label=name)
            axes.scatter(
                rows["mean_p"],
                rows["frequency"],
                s=10 + 60 * counts / max(1, int(counts.max()) if len(counts) else 1),
                color=colour,
            )
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("observed frequency")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.legend(frameon=False, loc="upper left", fontsize=8)
    return made()


def skill_by_month(months: pl.DataFrame) -> bytes:
    """Skill over the naive forecast in each month, and of all months so far.

    `months` has the columns of :func:`~options_platform.models.study.fold_scores.fold_scores`.
    """
    with new_figure(2.4, width=7.0) as (axes, made):
        days = (months["fold"] + "-01").str.to_date().to_numpy()
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.bar(days, months["skill"].to_numpy(), width=24, color="#b9c3cd", label="month")
        axes.plot(days, months["skill_to_date"], color=LINES[0], linewidth=1.4, label="to date")
        axes.set_ylabel("skill (0 = naive)")
        lowest = float(months["skill"].min() or 0)  # type: ignore[arg-type]
        if lowest < 0:
            # A month far below the naive forecast would flatten all others.
            axes.set_ylim(bottom=max(-1.0, lowest * 1.05))
        date_axis(axes)
        axes.legend(frameon=False, loc="lower left", ncols=2, fontsize=8)
    return made()


def importance(overall: pl.DataFrame, shown: int = 15) -> bytes:
    """The most important inputs of a model, by their share of the trees' SHAP values."""
    top = overall.sort("shap", "input", descending=[True, False]).head(shown).reverse()
    with new_figure(0.22 * max(4, top.height) + 0.8, width=5.4) as (axes, made):
        axes.barh(top["input"].to_list(), top["shap"].to_numpy(), color=LINES[0])
        axes.set_xlabel("share of mean absolute SHAP")
    return made()


def importance_by_fold(by_fold: pl.DataFrame, shown: int = 15) -> bytes:
    """Share of SHAP values of each input in each fold, as a heat map.

    Args:
        by_fold: rows of `model_importance` of one target.
        shown: number of inputs to show, those with the largest mean share.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shares = by_fold.pivot(on="fold", index="input", values="shap", sort_columns=True)
    folds = [name for name in shares.columns if name != "input"]
    order = pl.mean_horizontal(folds)
    top = shares.sort(order, "input", descending=[True, False]).head(shown)
    with new_figure(0.22 * max(4, top.height) + 1.0, width=WIDTH) as (axes, made):
        colours = LinearSegmentedColormap.from_list("share", ["#ffffff", LINES[0]])
        image = axes.imshow(top.select(folds).to_numpy(), aspect="auto", cmap=colours, vmin=0.0)
        axes.set_yticks(range(top.height), top["input"].to_list())
        step = max(1, len(folds) // 12)
        axes.set_xticks(range(0, len(folds), step), folds[::step])
        axes.grid(visible=False)
        bar = axes.figure.colorbar(image, ax=axes, pad=0.01)
        bar.set_label("share of mean absolute SHAP")
    return made()


def score_intervals(rows: Sequence[Mapping[str, Any]], label: str) -> bytes:
    """One score by period: its value with interval, and the naive baseline as a bar.

    `rows` have period, value, low, high and baseline, in the order of the axis; None is not drawn.
    """
    narrow = len(rows) <= FEW_PERIODS
    with new_figure(2.3, width=4.4 if narrow else WIDTH) as (axes, made):
        at = np.arange(len(rows))
        value, low, high, naive = (
            np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
            for name in ("value", "low", "high", "baseline")
        )
        axes.vlines(at, low, high, color=LINES[0], linewidth=1.4, alpha=0.6)
        axes.plot(at, value, "o", color=LINES[0], markersize=4.5, label="model, 95% interval")
        axes.hlines(naive, at - 0.32, at + 0.32, color=LINES[1], linewidth=1.8, label="naive")
        names = [row["period"].removeprefix("regime ").removeprefix("sessions ") for row in rows]
        axes.set_xticks(at, [name.replace("_", "\n") for name in names])
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))
    return made()


def equity(marks: pl.DataFrame) -> bytes:
    """Equity of the account at each close, in USD."""
    with new_figure(2.4) as (axes, made):
        days, values = marks["session"].to_numpy(), marks["equity_usd"].to_numpy()
        axes.plot(days, values, color=LINES[0], linewidth=1.4, marker="o", markersize=3)
        date_axis(axes)
        axes.axhline(values[0], color=MUTED, linewidth=0.8, linestyle="--")
        axes.set_ylabel("equity (USD)")
        axes.yaxis.set_major_formatter("{x:,.0f}")
    return made()


def refusals(counts: pl.DataFrame) -> bytes:
    """Number of plans that each reason refused; columns reason and plans."""
    with new_figure(0.6 + 0.28 * max(1, counts.height)) as (axes, made):
        rows = counts.sort("plans")
        axes.barh(rows["reason"].to_list(), rows["plans"].to_numpy(), color=LINES[0], height=0.6)
        for at, value in enumerate(rows["plans"].to_list()):
            axes.annotate(f" {value:,}", (value, at), va="center", fontsize=8, color=INK)
        axes.set_xlabel("plans")
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
    return made()


def class_shares(labels: pl.DataFrame) -> bytes:
    """Share of bearish, neutral and bullish labels by year, over all tickers."""
    with new_figure(3.2, width=4.4) as (axes, made):
        labelled = labels.filter(pl.col("direction").is_not_null()).with_columns(
            year=pl.col("date").dt.year()
        )
        years = labelled["year"].unique().sort().to_list()
        totals = dict(labelled.group_by("year").len().iter_rows())
        base = np.zeros(len(years))
        for name, colour in DIRECTION_COLOURS.items():
            by_year = labelled.filter(pl.col("direction") == name).group_by("year").len()
            counts = dict(by_year.iter_rows())
            share = np.array([counts.get(year, 0) / totals[year] for year in years])
            axes.bar(years, share, bottom=base, color=colour, label=name, width=0.8)
            base = base + share
        axes.set_ylabel("share of labels")
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
        axes.legend(
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            ncols=3,
            fontsize=8,
        )
    return made()


def payoff_at_expiry(
    legs: pl.DataFrame, limit_price: float, spot: float, contracts: int, *, mark_spot: bool = True
) -> bytes:
    """Profit of the whole position at expiry in USD, against the price of the underlying.

    All legs must have one expiry.

    The plot is centred on `spot`; set `mark_spot` to False if that is not a market price.
    """
    strikes = legs["strike"].to_numpy()
    reach = max(0.04 * spot, 1.6 * float(np.max(np.abs(strikes - spot))))
    prices = np.linspace(spot - reach, spot + reach, 400)
    sides = np.where(legs["side"].to_numpy() == "buy", 1.0, -1.0) * legs["ratio"].to_numpy()
    signs = np.where(legs["right"].to_numpy() == "call", 1.0, -1.0)
    profit = 100.0 * contracts * (payoff(sides, signs, strikes, prices) - limit_price)
    with new_figure(2.2, width=4.4) as (axes, made):
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        if mark_spot:
            axes.axvline(spot, color=MUTED, linewidth=0.8, linestyle="--")
            axes.annotate(
                f" spot {spot:,.2f}",
                (spot, 1.0),
                xycoords=axes.get_xaxis_transform(),
                va="top",
                fontsize=8,
                color=MUTED,
            )
        axes.plot(prices, profit, color=INK, linewidth=1.2)
        axes.fill_between(prices, profit, 0.0, where=profit > 0, color="#4d7c3a", alpha=0.25)
        axes.fill_between(prices, profit, 0.0, where=profit < 0, color="#c0524a", alpha=0.25)
        # Leaves room above the line for the label of the spot.
        axes.margins(y=0.16)
        axes.set_xlabel("price at expiry (USD)")
        axes.set_ylabel("profit (USD)")
        axes.yaxis.set_major_formatter("{x:,.0f}")
    return made()


def data_uri(png: bytes) -> str:
    """The picture as a data URI, to embed it in a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def date_axis(axes: Axes) -> None:
    """Set a date axis with few, concise tick labels."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)


def _spells(values: list[Any]) -> Iterator[tuple[Any, int, int]]:
    begin = 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[begin]:
            yield values[begin], begin, at
            begin = at


@contextmanager
def new_figure(height: float, width: float = WIDTH) -> Iterator[tuple[Axes, Callable[[], bytes]]]:
    """Axes in the report's style, and a function that renders them as PNG bytes."""
    # Figure and canvas directly: pyplot keeps figures alive and chooses a GUI backend.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)

    def made() -> bytes:
        stream = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(stream, format="png", dpi=110)
        return stream.getvalue()

    yield axes, made
