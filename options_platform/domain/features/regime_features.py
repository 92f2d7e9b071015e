"""The ten regime features: raw regime, one-hot columns, age of the regime, threshold flags."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.features.spec import Feature

_flag = partial(Feature, family="regime", unit="flag", dtype=pl.Boolean, basis="row")


def _is_regime(name: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col("regime") == name


def _trend() -> pl.Expr:
    close, fast, slow = pl.col("close"), pl.col("sma_50"), pl.col("sma_200")
    complete = close.is_not_null() & fast.is_not_null() & slow.is_not_null()
    return (
        pl.when((close > fast) & (fast > slow))
        .then(pl.lit("bull"))
        .when((close < fast) & (fast < slow))
        .then(pl.lit("bear"))
        .when(complete)
        .then(pl.lit("neutral"))
    )


REGIME_FEATURES: tuple[Feature, ...] = (
    Feature(
        "regime", "regime", "first regime rule that matches, without confirmation", "category",
        ("vix", "iv_rank", "hv_iv_ratio"), 252, None, "given", pl.String, values=REGIMES,
    ),
    *(
        _flag(
            name=f"regime_{name}", description=f"regime is {name}", inputs=("regime",),
            lookback=252, formula=_is_regime(name),
        )
        for name in REGIMES
    ),
    Feature(
        "days_in_regime", "regime", "sessions since the regime began", "sessions",
        ("regime",), 252, None, "given", pl.Int32, low=0.0,
    ),
    Feature(
        "regime_change_1w", "regime", "the regime changed within the last 5 sessions", "flag",
        ("regime",), 252, None, "given", pl.Boolean,
    ),
    _flag(
        name="vix_above_20", description="VIX > 20", inputs=("vix",), lookback=1,
        formula=lambda: pl.col("vix") > 20.0,
    ),
    _flag(
        name="vix_above_25", description="VIX > 25", inputs=("vix",), lookback=1,
        formula=lambda: pl.col("vix") > 25.0,
    ),
    _flag(
        name="vix_below_15", description="VIX < 15", inputs=("vix",), lookback=1,
        formula=lambda: pl.col("vix") < 15.0,
    ),
    _flag(
        name="hv_iv_contraction", description="hv_iv_ratio < 0.6", inputs=("hv_iv_ratio",),
        lookback=21, formula=lambda: pl.col("hv_iv_ratio") < 0.6,
    ),
    _flag(
        name="hv_iv_expansion", description="hv_iv_ratio > 0.9", inputs=("hv_iv_ratio",),
        lookback=21, formula=lambda: pl.col("hv_iv_ratio") > 0.9,
    ),
    Feature(
        "trend_regime", "regime", "bull: close > sma_50 > sma_200; bear: the reverse", "category",
        ("close", "sma_50", "sma_200"), 200, _trend, "row", pl.String,
        values=("bull", "bear", "neutral"),
    ),
)  # fmt: skip
