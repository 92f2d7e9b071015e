"""Labels: the targets of the models, five sessions ahead; null until known."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import reduce
from operator import add

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import LABELS
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.feature_engine.compute import good_bars
from options_platform.domain.feature_engine.label_rules import LabelRules
from options_platform.domain.feature_engine.series import lengths_of, with_formulas
from options_platform.domain.features.windows import TRADING_DAYS, rank, sample_std

HORIZON = 5
NEUTRAL_BAND = 0.01
BAND_SESSIONS = 60


def compute_labels(
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    rules: LabelRules = LabelRules(),  # noqa: B008 (frozen)
    *,
    scaled: Collection[str] = (),
    reports: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One label row for each row of `bars`, in the schema of the table `labels`.

    Sessions are counted by the calendar: the label of D uses the bar exactly five sessions later,
    and stays null if one of the two bars was set aside. `fwd_rv_5d` needs all five returns. A
    return of exactly +-1%, or of exactly the scaled band, is neutral.

    A reaction to a report counts as it was known at the close that makes the label known.

    Args:
        bars: rows of `raw_ohlcv`.
        vix: rows of `vix`, whole histories.
        rules: the width of the neutral band.
        scaled: the tickers whose band is scaled by their volatility.
        reports: date, ticker and `days_since_earnings` of tickers that report; others have null
            in the columns about reactions.
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
        rows.pipe(_with_reactions, reports)
        .pipe(_with_forward_vol)
        .pipe(_with_forward_values)
        .pipe(_with_band, bars, rules, scaled)
        .join(known_dates, on="at", how="left", maintain_order="left")
        .with_columns(direction=_direction(scaled))
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
    """Add `fwd_rv_5d`, annual, from all five returns after the session, and `fwd_rv_5d_ex`.

    `at` numbers sessions, `reacted` is how many of the five come after the newest reaction among
    them: null without a row of reports, -1 without a reaction.
    """
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
    # `sum_horizontal` adds in an order that depends on the number of threads.
    total = reduce(add, (pl.col(column) for column in columns))
    others = [
        pl.when(pl.col("reacted") != HORIZON - ahead).then(pl.col(column)).otherwise(0.0)
        for ahead, column in enumerate(columns, start=1)
    ]
    ordinary = reduce(add, others)
    left = pl.when(pl.col("reacted") >= 0).then(HORIZON - 1).otherwise(HORIZON)
    has_reports = pl.col("reacted").is_not_null() & total.is_not_null()
    return rows.with_columns(
        fwd_rv_5d=(TRADING_DAYS * total / HORIZON).sqrt(),
        fwd_rv_5d_ex=pl.when(has_reports).then((TRADING_DAYS * ordinary / left).sqrt()),
    ).drop(columns)


def _with_reactions(rows: pl.DataFrame, reports: pl.DataFrame | None) -> pl.DataFrame:
    """Add `reaction_in_5d` and `reacted`, from what the fifth close after the session knew."""
    if reports is None or reports.is_empty():
        return rows.with_columns(
            reaction_in_5d=pl.lit(None, pl.Boolean), reacted=pl.lit(None, pl.Int64)
        )
    since = rows.select(*KEY, "at").join(
        reports.select(*KEY, since="days_since_earnings"), on=KEY, how="inner"
    )
    inside = pl.col("since").cast(pl.Int64) < HORIZON
    later = since.select(
        "ticker",
        at=pl.col("at") - HORIZON,
        reacted=pl.when(inside).then(pl.col("since").cast(pl.Int64)).otherwise(-1),
    )
    return rows.join(later, on=["ticker", "at"], how="left", maintain_order="left").with_columns(
        reaction_in_5d=pl.col("reacted") >= 0
    )


def _with_band(
    rows: pl.DataFrame, bars: pl.DataFrame, rules: LabelRules, scaled: Collection[str]
) -> pl.DataFrame:
    """Add `neutral_band`, known at the close of the session; null where it is the fixed 1%."""
    own = bars.filter(pl.col("ticker").is_in(list(scaled)))
    if own.is_empty():
        return rows.with_columns(neutral_band=pl.lit(None, pl.Float64))
    good = good_bars(own)
    # The deviation of a session, so that its root of 252 and that of 5 / 252 need no rounding.
    deviation = {"deviation": sample_std("log_return", BAND_SESSIONS)}
    bands = with_formulas(good, lengths_of(good["ticker"]), deviation).select(
        *KEY, neutral_band=rules.sigmas * math.sqrt(HORIZON) * pl.col("deviation")
    )
    return rows.join(bands, on=KEY, how="left", maintain_order="left")


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


def _direction(scaled: Collection[str]) -> pl.Expr:
    # In binary, 101 / 100 - 1 is slightly more than 0.01, but it must count as exactly 1%.
    rounded = pl.col("fwd_return_5d").round(12)
    band = pl.col("neutral_band").round(12)
    if not scaled:
        band = pl.lit(NEUTRAL_BAND)
    else:
        is_scaled = pl.col("ticker").is_in(list(scaled))
        band = pl.when(is_scaled).then(band).otherwise(NEUTRAL_BAND)
    return (
        pl.when(band.is_null())
        .then(pl.lit(None, pl.String))
        .when(rounded > band)
        .then(pl.lit("bullish"))
        .when(rounded < -band)
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
