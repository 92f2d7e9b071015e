"""The 25 technical features, from split-adjusted prices without dividends."""

from __future__ import annotations

from functools import partial

import polars as pl

from options_platform.domain.features.spec import Feature
from options_platform.domain.features.windows import (
    ema,
    highest,
    lag,
    lowest,
    population_std,
    ratio,
    rsi,
    sma,
)

USD = "USD a share"
FRACTION = "fraction"

_level = partial(Feature, family="technical", unit=USD, model=False)
_scaled = partial(Feature, family="technical", unit=FRACTION)


def _returns(n: int) -> pl.Expr:
    return pl.col("close") / lag("close", n) - 1.0


def _band(sign: float) -> pl.Expr:
    return sma("close", 20) + sign * 2.0 * population_std("close", 20)


TECHNICAL: tuple[Feature, ...] = (
    Feature(
        "rsi_14", "technical", "relative strength index, Wilder's smoothing", "0 to 100",
        ("close",), 15, lambda: rsi(14), low=0.0, high=100.0,
    ),
    Feature(
        "rsi_28", "technical", "relative strength index, Wilder's smoothing", "0 to 100",
        ("close",), 29, lambda: rsi(28), low=0.0, high=100.0,
    ),
    _level(
        name="macd", description="ema_12 - ema_26", inputs=("ema_12", "ema_26"), lookback=26,
        formula=lambda: pl.col("ema_12") - pl.col("ema_26"),
    ),
    _level(
        name="macd_signal", description="EMA over 9 of macd, started at macd's first value",
        inputs=("macd",), lookback=34, formula=lambda: ema("macd", 9),
    ),
    _level(
        name="macd_histogram", description="macd - macd_signal", inputs=("macd", "macd_signal"),
        lookback=34, formula=lambda: pl.col("macd") - pl.col("macd_signal"),
    ),
    _level(
        name="bb_upper", description="sma_20 + 2 population deviations", inputs=("close",),
        lookback=20, formula=lambda: _band(1.0),
    ),
    _level(
        name="bb_lower", description="sma_20 - 2 population deviations", inputs=("close",),
        lookback=20, formula=lambda: _band(-1.0),
    ),
    _scaled(
        name="bb_width", description="(bb_upper - bb_lower) / sma_20",
        inputs=("bb_upper", "bb_lower", "sma_20"), lookback=20, low=0.0,
        formula=lambda: ratio(pl.col("bb_upper") - pl.col("bb_lower"), pl.col("sma_20")),
    ),
    _scaled(
        name="bb_position", description="(close - bb_lower) / (bb_upper - bb_lower)",
        inputs=("close", "bb_upper", "bb_lower"), lookback=20,
        formula=lambda: ratio(
            pl.col("close") - pl.col("bb_lower"), pl.col("bb_upper") - pl.col("bb_lower")
        ),
    ),
    _level(
        name="sma_20", description="mean of the last 20 closes", inputs=("close",), lookback=20,
        formula=lambda: sma("close", 20), low=0.0,
    ),
    _level(
        name="sma_50", description="mean of the last 50 closes", inputs=("close",), lookback=50,
        formula=lambda: sma("close", 50), low=0.0,
    ),
    _level(
        name="sma_200", description="mean of the last 200 closes", inputs=("close",), lookback=200,
        formula=lambda: sma("close", 200), low=0.0,
    ),
    _level(
        name="ema_12", description="EMA, alpha 2/13, started at the first bar", inputs=("close",),
        lookback=12, formula=lambda: ema("close", 12), low=0.0,
    ),
    _level(
        name="ema_26", description="EMA, alpha 2/27, started at the first bar", inputs=("close",),
        lookback=26, formula=lambda: ema("close", 26), low=0.0,
    ),
    _scaled(
        name="price_vs_sma20", description="(close - sma_20) / sma_20",
        inputs=("close", "sma_20"), lookback=20,
        formula=lambda: (pl.col("close") - pl.col("sma_20")) / pl.col("sma_20"),
    ),
    _scaled(
        name="price_vs_sma50", description="(close - sma_50) / sma_50",
        inputs=("close", "sma_50"), lookback=50,
        formula=lambda: (pl.col("close") - pl.col("sma_50")) / pl.col("sma_50"),
    ),
    Feature(
        "sma_cross_20_50", "technical", "sma_20 > sma_50", "flag", ("sma_20", "sma_50"), 50,
        lambda: pl.col("sma_20") > pl.col("sma_50"), dtype=pl.Boolean,
    ),
    _scaled(
        name="returns_1d", description="simple return of 1 session", inputs=("close",),
        lookback=2, formula=lambda: _returns(1),
    ),
    _scaled(
        name="returns_5d", description="simple return of 5 sessions", inputs=("close",),
        lookback=6, formula=lambda: _returns(5),
    ),
    _scaled(
        name="returns_20d", description="simple return of 20 sessions", inputs=("close",),
        lookback=21, formula=lambda: _returns(20),
    ),
    _scaled(
        name="returns_60d", description="simple return of 60 sessions", inputs=("close",),
        lookback=61, formula=lambda: _returns(60),
    ),
    _level(
        name="high_52w", description="highest high of 252 sessions, today included",
        inputs=("high",), lookback=252, formula=lambda: highest("high", 252), low=0.0,
    ),
    _level(
        name="low_52w", description="lowest low of 252 sessions, today included",
        inputs=("low",), lookback=252, formula=lambda: lowest("low", 252), low=0.0,
    ),
    _scaled(
        name="dist_from_high", description="(high_52w - close) / high_52w",
        inputs=("high_52w", "close"), lookback=252,
        formula=lambda: (pl.col("high_52w") - pl.col("close")) / pl.col("high_52w"),
    ),
    _scaled(
        name="dist_from_low", description="(close - low_52w) / low_52w",
        inputs=("low_52w", "close"), lookback=252,
        formula=lambda: (pl.col("close") - pl.col("low_52w")) / pl.col("low_52w"),
    ),
)  # fmt: skip
