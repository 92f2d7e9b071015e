"""All features of all tickers in one lazy query, from the declarations.

1. Good bars: per-ticker inputs (log returns, gains, losses), then the `bars` features, level by
   level: a feature comes after those that it is made from.
2. The index series: `vix` and `iv` features over the sessions that have a close.
3. Joined on the session: GARCH forecasts, `row` features, and the regime's own columns.
"""

from __future__ import annotations

import polars as pl

from options_platform.contracts import FEATURES_TABLE
from options_platform.domain.features.garch import garch_forecasts
from options_platform.domain.features.registry import FEATURES, feature_version
from options_platform.domain.features.spec import Basis, Feature
from options_platform.domain.regime import RegimeRules, changed_within, days_in, raw_regime

KEY = ["date", "ticker"]


def compute_features(
    bars: pl.DataFrame, vix: pl.DataFrame, garch_params: pl.DataFrame, rules: RegimeRules
) -> pl.DataFrame:
    """One row of features for each row of `bars`, in the schema of the table `features`.

    Args:
        bars: rows of `raw_ohlcv`, whole series. A bar that was set aside (null close) gets a
            row of nulls; the windows of later bars pass over it.
        vix: rows of `vix` for the same keys.
        garch_params: rows of `garch_params`; months without a fit have a null forecast.
        rules: thresholds of the regimes.
    """
    good = good_bars(bars)
    technical = _with_levels(good.lazy(), "bars").select(*KEY, "close", *_names("bars"))
    rows = (
        bars.lazy()
        .select(KEY)
        .join(technical, on=KEY, how="left")
        .join(_index_features(vix, "vix", "vix"), on=KEY, how="left")
        .join(_index_features(vix, "iv_close", "iv"), on=KEY, how="left")
        .join(garch_forecasts(good, garch_params).lazy(), on=KEY, how="left")
        .sort("ticker", "date")
    )
    has_bar = pl.col("close").is_not_null()
    index_names = [*_names("vix"), *_names("iv"), "iv_close"]
    rows = rows.with_columns(pl.when(has_bar).then(pl.col(index_names)))
    rows = _with_row_features(rows, rules)
    return (
        rows.with_columns(feature_version=pl.lit(feature_version()))
        .select(FEATURES_TABLE.schema.names())
        .sort(KEY)
        .collect()
    )


def good_bars(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars that were not set aside, by ticker and date, with the inputs of the windows."""
    change = pl.col("close").diff().over("ticker")
    return (
        bars.filter(pl.col("close").is_not_null())
        .sort("ticker", "date")
        .with_columns(
            log_return=(pl.col("close") / pl.col("close").shift(1)).log().over("ticker"),
            gain=change.clip(lower_bound=0.0),
            loss=(-change).clip(lower_bound=0.0),
            log_range_squared=(pl.col("high") / pl.col("low")).log() ** 2,
        )
        .rechunk()
    )


def _index_features(vix: pl.DataFrame, column: str, basis: Basis) -> pl.LazyFrame:
    known = vix.filter(pl.col(column).is_not_null()).sort("ticker", "date").rechunk()
    names = [*_names(basis), *(["iv_close"] if basis == "iv" else [])]
    return _with_levels(known.lazy(), basis).select(*KEY, *names)


def _with_levels(frame: pl.LazyFrame, basis: Basis) -> pl.LazyFrame:
    for level in _levels(_of(basis)):
        frame = frame.with_columns(
            feature.formula().over("ticker").alias(feature.name)
            for feature in level
            if feature.formula is not None
        )
    return frame


def _with_row_features(frame: pl.LazyFrame, rules: RegimeRules) -> pl.LazyFrame:
    by_name = {feature.name: feature for feature in _of("row")}
    ratio = by_name.pop("hv_iv_ratio")
    frame = frame.with_columns(_row(ratio)).with_columns(raw_regime(rules).alias("regime"))
    frame = frame.with_columns(
        days_in_regime=days_in("regime"), regime_change_1w=changed_within("regime", 5)
    )
    return frame.with_columns(_row(feature) for feature in by_name.values())


def _row(feature: Feature) -> pl.Expr:
    if feature.formula is None:
        raise TypeError(f"{feature.name} is not computed by a formula")
    return feature.formula().alias(feature.name)


def _of(basis: Basis) -> list[Feature]:
    return [feature for feature in FEATURES if feature.basis == basis]


def _names(basis: Basis) -> list[str]:
    return [feature.name for feature in _of(basis)]


def _levels(features: list[Feature]) -> list[list[Feature]]:
    """The features in groups, each made only from raw columns and earlier groups."""
    waiting = {feature.name: feature for feature in features}
    levels: list[list[Feature]] = []
    while waiting:
        level = [f for f in waiting.values() if not (set(f.inputs) - {f.name}) & set(waiting)]
        if not level:
            raise ValueError(f"features refer to each other in a circle: {', '.join(waiting)}")
        levels.append(level)
        for feature in level:
            del waiting[feature.name]
    return levels
