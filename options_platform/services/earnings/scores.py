"""How the stored forecasts fared: those made at the anchors, beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_EVENTS, EARNINGS_FORECAST
from options_platform.models.earnings_moves.scores import scores_of

NAIVE = "ticker_mean"
SCORED = ("gamma", NAIVE, "mean_8", "vol_60", "vix")
IMPLIED = ("gamma", NAIVE, "expected_move", "implied_move", "implied_85")
IMPLIED_SHARE = 0.85


def judged_forecasts(
    warehouse: Warehouse, tickers: Sequence[str], end: date | None = None
) -> pl.DataFrame:
    """The forecasts of the anchors whose report has come, with `move`, `size` and `quarter`."""
    forecasts = warehouse.read(EARNINGS_FORECAST, tickers=tickers, end=end)
    events = warehouse.read(EARNINGS_EVENTS, tickers=tickers, end=end)
    came = events.select("ticker", "anchor", "move", reaction="date")
    return (
        forecasts.filter(pl.col("days_to_earnings") == 0)
        .join(came, on=["ticker", "anchor"])
        .with_columns(
            size=pl.col("move").abs(),
            quarter=pl.col("reaction").dt.truncate("1q"),
            implied_85=IMPLIED_SHARE * pl.col("implied_move"),
        )
        .sort("reaction", "ticker")
    )


def forecast_scores(
    warehouse: Warehouse, tickers: Sequence[str], end: date | None = None
) -> pl.DataFrame:
    """Scores of the regression and the naive forecasts, on the reports that all of them have.

    Columns as in :data:`~options_platform.models.earnings_moves.scores.SCORES`; no rows without
    such a report.
    """
    return scores_of(judged_forecasts(warehouse, tickers, end), SCORED, NAIVE)


def implied_scores(
    warehouse: Warehouse, tickers: Sequence[str], end: date | None = None
) -> pl.DataFrame:
    """The same where a chain was stored at the anchor, beside the move that options priced."""
    return scores_of(judged_forecasts(warehouse, tickers, end), IMPLIED, "implied_move")
