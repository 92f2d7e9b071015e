"""The plots of the section on earnings reports."""

from __future__ import annotations

import polars as pl

from options_platform.reporting.figures import LINES, MUTED, WIDTH, date_axis, new_figure

MOST_TICKERS = 6


def moves_by_report(events: pl.DataFrame) -> bytes:
    """The |move| of each report over time, a colour a ticker (the six with the most reports)."""
    counts = events.group_by("ticker").len().sort("len", "ticker", descending=[True, False])
    shown = sorted(counts["ticker"].head(MOST_TICKERS).to_list())
    with new_figure(2.6, width=WIDTH) as (axes, made):
        for at, ticker in enumerate(shown):
            rows = events.filter(pl.col("ticker") == ticker)
            axes.plot(
                rows["date"].to_numpy(), 100.0 * rows["move"].abs().to_numpy(), "o",
                color=LINES[at], markersize=3.2, alpha=0.75, label=ticker, clip_on=False,
            )  # fmt: skip
        date_axis(axes)
        axes.set_ylim(bottom=0.0)
        axes.set_ylabel("|move| on the report (%)")
        axes.legend(
            frameon=False, fontsize=8, ncols=MOST_TICKERS, loc="lower left",
            bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2,
        )  # fmt: skip
    return made()


def implied_against_moves(events: pl.DataFrame) -> bytes:
    """|move| over the implied move of each report; on the dashed line they are equal."""
    with new_figure(3.2, width=4.4) as (axes, made):
        for at, ticker in enumerate(events["ticker"].unique().sort().to_list()):
            rows = events.filter(pl.col("ticker") == ticker)
            axes.plot(
                100.0 * rows["implied_move"].to_numpy(), 100.0 * rows["move"].abs().to_numpy(),
                "o", color=LINES[at % len(LINES)], markersize=4, alpha=0.75, label=ticker,
                clip_on=False,
            )  # fmt: skip
        end = 100.0 * max(
            events["implied_move"].to_list() + events["move"].abs().to_list(), default=0.0
        )
        axes.plot([0.0, end], [0.0, end], "--", color=MUTED, linewidth=1.0)
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("implied move (%)")
        axes.set_ylabel("|move| (%)")
        axes.legend(
            frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
        )  # fmt: skip
    return made()
