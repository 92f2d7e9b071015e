"""Labels: the targets of the models, five sessions ahead; null until known."""

from __future__ import annotations

import polars as pl

from options_platform.contracts import LABELS
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.feature_engine.series import lengths_of, with_formulas
from options_platform.domain.features.windows import TRADING_DAYS, rank

HORIZON = 5
NEUTRAL_BAND = 0.01


def compute_labels(bars: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
    """One label row for each row of `bars`, in the schema of the table `labels`.

    Sessions are counted by the calendar: the label of D uses the bar exactly five sessions later,
    and stays null if one of the two bars was set aside. `fwd_rv_5d` needs all five returns. A
    return of exactly +-1% is neutral.

    Args:
        bars: rows of `raw_ohlcv`.
        vix: rows of `vix`, whole histories.
    """
    every = pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date}).with_row_index("at")
    closes = vix.filter(pl.col("iv_close").is_not_null()).sort("ticker", "date")
    ranks = with_formulas(
        closes.select("date", "ticker", "iv_close"),
        lengths_of(closes["ticker"]),
        {"iv_rank": rank("iv_close")},
    ).select("date", "ticker", "iv_rank")
    rows = (
        bars.select("date", "ticker", "close")
        .join(ranks, on=["date", "ticker"], how="left")
        .join(every, on="date", how="left")
        .with_columns(pl.col("at").cast(pl.Int64))
        .sort("ticker", "date")
    )
    yesterday = rows.select("ticker", at=pl.col("at") + 1, before=pl.col("close"))
    rows = rows.join(yesterday, on=["ticker", "at"], how="left", maintain_order="left")
    squared = rows.select("ticker", "at", squared=(pl.col("close") / pl.col("before")).log() ** 2)
    for ahead in range(1, HORIZON + 1):
        rows = rows.join(
            squared.select("ticker", at=pl.col("at") - ahead, **{f"sq{ahead}": pl.col("squared")}),
            on=["ticker", "at"],
            how="left",
            maintain_order="left",
        )
    later = rows.select(
        "ticker",
        at=pl.col("at") - HORIZON,
        later_close=pl.col("close"),
        fwd_iv_rank_5d=pl.col("iv_rank"),
    )
    rows = rows.join(later, on=["ticker", "at"], how="left", maintain_order="left")
    known_dates = every.select(pl.col("at").cast(pl.Int64) - HORIZON, known_on=pl.col("date"))
    forward = pl.col("later_close") / pl.col("close") - 1.0
    # In binary, 101 / 100 - 1 is slightly more than 0.01, but it must count as exactly 1%.
    rounded = pl.col("fwd_return_5d").round(12)
    total = pl.sum_horizontal(
        *(pl.col(f"sq{ahead}") for ahead in range(1, HORIZON + 1)), ignore_nulls=False
    )
    return (
        rows.join(known_dates, on="at", how="left", maintain_order="left")
        .with_columns(
            fwd_return_5d=forward,
            fwd_rv_5d=(TRADING_DAYS * total / HORIZON).sqrt(),
        )
        .with_columns(
            direction=pl.when(rounded > NEUTRAL_BAND)
            .then(pl.lit("bullish"))
            .when(rounded < -NEUTRAL_BAND)
            .then(pl.lit("bearish"))
            .when(pl.col("fwd_return_5d").is_not_null())
            .then(pl.lit("neutral"))
        )
        .select(LABELS.schema.names())
        .sort("date", "ticker")
    )


def known_too_early(labels: pl.DataFrame, horizon: int = HORIZON) -> pl.DataFrame:
    """Rows of `labels` with `known_on` less than `horizon` sessions after their date."""
    every = pl.Series(all_sessions(), dtype=pl.Date)
    passed = every.search_sorted(labels["known_on"], side="right").cast(pl.Int64)
    passed -= every.search_sorted(labels["date"], side="right").cast(pl.Int64)
    return labels.filter(passed < horizon)
