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
    session_numbers = (
        pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date})
        .with_row_index("at")
        .with_columns(pl.col("at").cast(pl.Int64))
    )
    rows = (
        bars.select("date", "ticker", "close")
        .join(_iv_ranks(vix), on=["date", "ticker"], how="left")
        .join(session_numbers, on="date", how="left")
        .sort("ticker", "date")
    )
    known_dates = session_numbers.select(pl.col("at") - HORIZON, known_on=pl.col("date"))
    return (
        rows.pipe(_with_forward_vol)
        .pipe(_with_forward_values)
        .join(known_dates, on="at", how="left", maintain_order="left")
        .with_columns(direction=_direction())
        .select(LABELS.schema.names())
        .sort("date", "ticker")
    )


def _iv_ranks(vix: pl.DataFrame) -> pl.DataFrame:
    """The IV rank of each (date, ticker) with an index close."""
    closes = vix.filter(pl.col("iv_close").is_not_null()).sort("ticker", "date")
    return with_formulas(
        closes.select("date", "ticker", "iv_close"),
        lengths_of(closes["ticker"]),
        {"iv_rank": rank("iv_close")},
    ).select("date", "ticker", "iv_rank")


def _with_forward_vol(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `fwd_rv_5d`, annual, from all five returns after the session; `at` numbers sessions."""
    yesterday = rows.select("ticker", at=pl.col("at") + 1, before=pl.col("close"))
    squared = rows.join(yesterday, on=["ticker", "at"], how="left", maintain_order="left").select(
        "ticker", "at", squared=(pl.col("close") / pl.col("before")).log() ** 2
    )
    columns = [f"sq{ahead}" for ahead in range(1, HORIZON + 1)]
    for ahead, column in enumerate(columns, start=1):
        rows = rows.join(
            squared.select("ticker", at=pl.col("at") - ahead, **{column: pl.col("squared")}),
            on=["ticker", "at"],
            how="left",
            maintain_order="left",
        )
    total = pl.sum_horizontal(columns, ignore_nulls=False)
    return rows.with_columns(fwd_rv_5d=(TRADING_DAYS * total / HORIZON).sqrt()).drop(columns)


def _with_forward_values(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `fwd_return_5d` and `fwd_iv_rank_5d`, of the session exactly five later."""
    later = rows.select(
        "ticker",
        at=pl.col("at") - HORIZON,
        later_close=pl.col("close"),
        fwd_iv_rank_5d=pl.col("iv_rank"),
    )
    return rows.join(later, on=["ticker", "at"], how="left", maintain_order="left").with_columns(
        fwd_return_5d=pl.col("later_close") / pl.col("close") - 1.0
    )


def _direction() -> pl.Expr:
    # In binary, 101 / 100 - 1 is slightly more than 0.01, but it must count as exactly 1%.
    rounded = pl.col("fwd_return_5d").round(12)
    return (
        pl.when(rounded > NEUTRAL_BAND)
        .then(pl.lit("bullish"))
        .when(rounded < -NEUTRAL_BAND)
        .then(pl.lit("bearish"))
        .when(pl.col("fwd_return_5d").is_not_null())
        .then(pl.lit("neutral"))
    )


def known_too_early(labels: pl.DataFrame, horizon: int = HORIZON) -> pl.DataFrame:
    """Rows of `labels` with `known_on` less than `horizon` sessions after their date."""
    every = pl.Series(all_sessions(), dtype=pl.Date)
    passed = every.search_sorted(labels["known_on"], side="right").cast(pl.Int64)
    passed -= every.search_sorted(labels["date"], side="right").cast(pl.Int64)
    return labels.filter(passed < horizon)
