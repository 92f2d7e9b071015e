"""The plots of the section on several tickers at once, by month."""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.reporting.figures import INK, LINES, MUTED, date_axis, new_figure


def betas(months: pl.DataFrame) -> bytes:
    """Beta to SPY of each ticker; columns date, ticker and beta_60."""
    with new_figure(2.6) as (axes, made):
        tickers = months["ticker"].unique().sort().to_list()
        axes.axhline(1.0, color=MUTED, linewidth=0.8, linestyle="--")
        for index, ticker in enumerate(tickers):
            rows = months.filter(pl.col("ticker") == ticker)
            colour, style = LINES[index % len(LINES)], "-" if index < len(LINES) else "--"
            axes.plot(
                rows["date"].to_numpy(), rows["beta_60"].to_numpy(), style, color=colour,
                linewidth=1.1, label=ticker,
            )  # fmt: skip
        date_axis(axes)
        axes.set_ylabel("beta to SPY, 60 sessions")
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2,
            ncols=min(8, len(tickers)), fontsize=8,
        )  # fmt: skip
    return made()


def together(stocks: pl.DataFrame, implied: pl.DataFrame) -> bytes:
    """Mean correlation of the stocks, and the implied one, dotted where it is not covered.

    Columns are date with mean_corr_60, and date with implied_corr and is_covered.
    """
    with new_figure(2.6) as (axes, made):
        axes.plot(
            stocks["date"].to_numpy(), stocks["mean_corr_60"].to_numpy(), color=INK, linewidth=1.2,
            label="realised, 60 sessions",
        )  # fmt: skip
        for covered, style, label in ((True, "-", "implied"), (False, ":", "implied, not covered")):
            rows = implied.filter(pl.col("is_covered") == covered)
            if rows.height:
                values = np.where(
                    implied["is_covered"].to_numpy() == covered,
                    implied["implied_corr"].to_numpy(),
                    np.nan,
                )
                days = implied["date"].to_numpy()
                axes.plot(days, values, style, color=LINES[1], linewidth=1.2, label=label)
        date_axis(axes)
        axes.set_ylabel("mean correlation of stocks")
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2,
            ncols=3, fontsize=8,
        )  # fmt: skip
    return made()
