"""Dividends and splits: their table, and consistency of prices and adjusted closes with it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from options_platform.contracts import CORPORATE_ACTIONS

SPLIT_TOLERANCE = 1e-6
# Smallest step of the adjustment factor that is not rounding: 0.03%; a known dividend also allows
# half of its own step.
LEAST_STEP = 0.0003
FEWEST_BARS = 250
CENTS_TOLERANCE = 0.05
GRID = 1000.0
ON_GRID_SHARE = 0.5


def corporate_actions(bars: pl.DataFrame, seen_at: datetime) -> pl.DataFrame:
    """Dividends and splits by ex-date, in the schema of the table `corporate_actions`.

    `bars` are in `ports.BAR_SCHEMA`, one ticker. A split on a day without a bar appears only in
    the split factor; it is assigned to the next bar.
    """
    factor = pl.col("split_factor")
    reported = pl.col("split_ratio").fill_null(1.0)
    implied = (factor.shift(1) / factor).fill_null(reported)
    ratio = (
        pl.when((implied - reported).abs() <= SPLIT_TOLERANCE * reported)
        .then(reported)
        .otherwise(implied)
    )
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


def new_actions(fetched: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The corporate actions in `fetched` that are not stored with the same amounts."""
    return fetched.join(
        stored, on=["date", "ticker", "dividend", "split_ratio"], how="anti", maintain_order="left"
    )


def adjustment_gaps(bars: pl.DataFrame) -> pl.DataFrame:
    """Days on which `adj_close` disagrees with the known dividends: date, ticker, what.

    On an ex-date, close / adj_close must fall by the factor 1 - dividend / previous close (the
    convention of CRSP and Yahoo). Tickers without any known dividend are skipped, since their
    dividends may simply be missing. `bars` are rows of `raw_ohlcv`.
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
    """Tickers whose prices are dividend-adjusted, so that no price is as it was traded.

    In such a history `adj_close` equals `close` in every bar, and either dividends are known or
    closes are not whole cents: as traded, the closes of the last year are whole cents (right
    after a split, simple fractions of one). `bars` are rows of `raw_ohlcv`; at least 250 good ones
    are needed.
    """
    good = bars.filter(pl.col("bad_reason").is_null()).sort("ticker", "date")
    traded = pl.col("close") * pl.col("split_factor").fill_null(1.0) * GRID
    on_grid = ((traded - traded.round()).abs() < CENTS_TOLERANCE).tail(FEWEST_BARS)
    by_ticker = good.group_by("ticker").agg(
        bars=pl.len(),
        equal=((pl.col("adj_close") - pl.col("close")).abs() <= 1e-9 * pl.col("close")).all(),
        paid=(pl.col("dividend") > 0).any(),
        on_grid=on_grid.mean(),
    )
    return (
        by_ticker.filter(
            (pl.col("bars") >= FEWEST_BARS)
            & pl.col("equal")
            & (pl.col("paid").fill_null(value=False) | (pl.col("on_grid") < ON_GRID_SHARE))
        )["ticker"]
        .sort()
        .to_list()
    )
