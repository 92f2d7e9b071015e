"""Dividends and splits: the table of them, and whether prices and adjusted closes agree with it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from options_platform.contracts import CORPORATE_ACTIONS

SPLIT_TOLERANCE = 1e-6
# A step of the adjustment factor that no rounding explains: 0.03 per cent, and half of what the
# dividend should have made.
LEAST_STEP = 0.0003
FEWEST_BARS = 250
CENTS_TOLERANCE = 0.05
GRID = 1000.0
ON_GRID_SHARE = 0.5


def corporate_actions(bars: pl.DataFrame, seen_at: datetime) -> pl.DataFrame:
    """The dividends and splits of `bars` (in `ports.BAR_SCHEMA`, one ticker), by ex-date.

    A split on a day without a bar shows in the split factor alone; it is put down to the next
    bar.
    """
    factor = pl.col("split_factor")
    told = pl.col("split_ratio").fill_null(1.0)
    shown = (factor.shift(1) / factor).fill_null(told)
    ratio = pl.when((shown - told).abs() <= SPLIT_TOLERANCE * told).then(told).otherwise(shown)
    return (
        bars.sort("date")
        .unique("date", keep="first", maintain_order=True)
        .select(
            "date",
            "ticker",
            dividend=pl.col("dividend").fill_nan(None).fill_null(0.0),
            split_ratio=ratio,
            source="source",
            seen_at=pl.lit(seen_at).cast(CORPORATE_ACTIONS.schema["seen_at"]),
        )
        .filter((pl.col("dividend") > 0) | (pl.col("split_ratio") != 1.0))
        .select(CORPORATE_ACTIONS.schema.names())
    )


def new_actions(found: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Those of `found` that are not stored yet with the same amounts."""
    return found.join(
        stored, on=["date", "ticker", "dividend", "split_ratio"], how="anti", maintain_order="left"
    )


def adjustment_gaps(bars: pl.DataFrame) -> pl.DataFrame:
    """Days on which `adj_close` and the known dividends disagree: date, ticker, what.

    Going over an ex-date, close / adj_close has to fall by 1 - dividend / close before (CRSP's
    convention, Yahoo's as well). Judged are tickers with at least one known dividend, since
    without one nothing is known; `bars` are rows of `raw_ohlcv`.
    """
    good = bars.filter(pl.col("bad_reason").is_null()).sort("ticker", "date")
    paying = (pl.col("dividend") > 0).any().over("ticker")
    share = pl.col("adj_close") / pl.col("close")
    before = {name: pl.col(name).shift(1).over("ticker") for name in ("close", "date")}
    judged = good.with_columns(share=share).with_columns(
        step=1.0 - pl.col("share").shift(1).over("ticker") / pl.col("share"),
        due=pl.col("dividend").fill_null(0.0) / before["close"],
    )
    off = (pl.col("step") - pl.col("due")).abs()
    wrong = off > pl.max_horizontal(0.5 * pl.col("due"), pl.lit(LEAST_STEP))
    return (
        judged.filter(paying.fill_null(value=False) & wrong.fill_null(value=False))
        .select(
            "date",
            "ticker",
            what=pl.when(pl.col("due") > pl.col("step"))
            .then(pl.format("adj_close misses the dividend of {} USD", "dividend"))
            .otherwise(
                pl.format(
                    "adj_close falls by {}% without a known dividend",
                    (100.0 * (pl.col("step") - pl.col("due"))).round(3),
                )
            ),
        )
        .sort("date", "ticker")
    )


def adjusted_throughout(bars: pl.DataFrame) -> list[str]:
    """Tickers whose prices are adjusted for dividends as well, so that none is as it was traded.

    Such a history has `adj_close` equal to `close` in every bar, and either known dividends or
    closes off the grid of prices: as traded, the last year's closes are whole cents (or, right
    after a split, simple parts of one).
    """
    good = bars.filter(pl.col("bad_reason").is_null()).sort("ticker", "date")
    traded = pl.col("close") * pl.col("split_factor").fill_null(1.0) * GRID
    on_grid = ((traded - traded.round()).abs() < CENTS_TOLERANCE).tail(FEWEST_BARS)
    found = good.group_by("ticker").agg(
        bars=pl.len(),
        equal=((pl.col("adj_close") - pl.col("close")).abs() <= 1e-9 * pl.col("close")).all(),
        paid=(pl.col("dividend") > 0).any(),
        on_grid=on_grid.mean(),
    )
    return (
        found.filter(
            (pl.col("bars") >= FEWEST_BARS)
            & pl.col("equal")
            & (pl.col("paid").fill_null(value=False) | (pl.col("on_grid") < ON_GRID_SHARE))
        )["ticker"]
        .sort()
        .to_list()
    )
