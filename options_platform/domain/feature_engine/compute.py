"""Compute all features of all tickers from their declarations.

Windows need the rows ordered by ticker; the table is ordered by date. Each group of features is
computed in window order and then moved to the table's rows once, by row number:

1. Good bars: log returns and ranges, `bars` features, and the GARCH and HAR forecasts.
2. Series with gaps: `vix`, `iv`, `har` and `vrp` features over the sessions with a value, computed
   once for tickers that share a series.
3. Rows of the table: `row` features, and the columns about the regime.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.domain.feature_engine.garch import garch_forecasts
from options_platform.domain.feature_engine.har import har_forecasts
from options_platform.domain.feature_engine.regime import (
    RegimeRules,
    changed_within,
    days_in,
    raw_regime,
)
from options_platform.domain.feature_engine.series import (
    Integers,
    lengths_of,
    series_order,
    with_formulas,
)
from options_platform.domain.features.registry import FEATURES, feature_version
from options_platform.domain.features.spec import Basis, Feature
from options_platform.domain.features.table import FEATURES_TABLE

PRICES = ["open", "high", "low", "close"]
INDICES = ["vix", "iv_close"]
EX_REPORTS = ["hv_20x", "iv_ex_earnings", "iv_rank_ex"]
PREMIUM_INPUTS = ["vix9d", "vix3m", "atm_variance"]


def compute_features(
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    garch_params: pl.DataFrame,
    rules: RegimeRules,
    premium_inputs: pl.DataFrame | None = None,
    reports: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row of features for each row of `bars`, in the schema of the table `features`.

    Of a ticker that reports, `hv_iv_ratio` leaves out past reactions and the variance of a report
    ahead, and the rank that the regime reads leaves out the latter; otherwise every report would
    look like a contraction of implied volatility before it and like an expansion after it.

    Args:
        bars: rows of `raw_ohlcv`, whole histories. A bar that was set aside (null close) gets null
            features, and later windows skip it.
        vix: rows of `vix` for the same keys.
        garch_params: rows of `garch_params`; the forecast is null in months without a fit.
        rules: thresholds of the regimes.
        premium_inputs: date, ticker, vix9d and vix3m (index points) and atm_variance (annualised)
            for the same keys, see `chain.term_structure`; without them vrp, its percentile and the
            ratios to other tenors are null.
        reports: date, ticker, `hv_20x`, `iv_ex_earnings` (annual fractions) and `iv_rank_ex` of
            tickers that report; where one is null the value with reports takes its place.
    """
    rows = _with_indices(bars.select(*KEY, *PRICES).sort(KEY), vix)
    rows = _with_premium_inputs(rows, premium_inputs)
    order = series_order(rows)
    series = rows[order]
    good = _good(series)
    series = _with_forecast(series, good)
    parts = [
        rows.select(*KEY, "vix9d", "vix3m"),
        *([] if reports is None or reports.is_empty() else [_ex_reports(rows, reports)]),
        _bar_features(series, good, order, garch_params),
        _gapped_features(series, order, "vix", "vix"),
        _gapped_features(series, order, "iv_close", "iv"),
        _gapped_features(series, order, "har_rv_21", "har"),
        _gapped_features(series, order, "vrp", "vrp"),
    ]
    return (
        _with_row_features(pl.concat(parts, how="horizontal"), order, rules)
        .with_columns(feature_version=pl.lit(feature_version()))
        .select(FEATURES_TABLE.schema.names())
    )


def good_bars(bars: pl.DataFrame) -> pl.DataFrame:
    """Good bars sorted by ticker and date, with `log_return` and `log_range_squared`."""
    return _good(bars[series_order(bars)])


def _good(series: pl.DataFrame) -> pl.DataFrame:
    close, ticker = pl.col("close"), pl.col("ticker")
    log_range = (pl.col("high") / pl.col("low")).log()
    return (
        series.filter(close.is_not_null())
        .with_columns(
            log_return=pl.when(ticker == ticker.shift(1)).then((close / close.shift(1)).log()),
            log_range_squared=log_range * log_range,
        )
        .rechunk()
    )


def with_bar_features(good: pl.DataFrame, features: list[Feature]) -> pl.DataFrame:
    """Good bars with the columns of the given features, which must have basis `bars`."""
    return with_formulas(good, lengths_of(good["ticker"]), _formulas(features))


def _bar_features(
    series: pl.DataFrame, good: pl.DataFrame, order: Integers, garch_params: pl.DataFrame
) -> pl.DataFrame:
    features = _of("bars")
    forecast = garch_forecasts(good, garch_params)["garch_forecast"]
    computed = with_bar_features(good, features).with_columns(forecast)
    names = ["close", *(feature.name for feature in features), forecast.name]
    has_close = series["close"].is_not_null().to_numpy()
    return _placed(computed.select(names), np.arange(good.height), order[has_close], len(order))


def _gapped_features(
    series: pl.DataFrame, order: Integers, column: str, basis: Basis
) -> pl.DataFrame:
    """The features over the sessions that have a value in `column`, and the column itself."""
    has_value = series[column].is_not_null().to_numpy()
    valued = series.filter(has_value)
    distinct, lengths, places = _distinct(valued[column], lengths_of(valued["ticker"]))
    features = [feature for feature in _of(basis) if feature.name != column]
    computed = with_formulas(distinct.to_frame(), lengths, _formulas(features))
    names = [column, *(feature.name for feature in features)]
    has_bar = valued["close"].is_not_null().to_numpy()
    return _placed(computed.select(names), places[has_bar], order[has_value][has_bar], len(order))


def _distinct(values: pl.Series, lengths: Integers) -> tuple[pl.Series, Integers, Integers]:
    """The distinct series concatenated, their lengths, and the position of each value in them."""
    stops = np.cumsum(lengths)
    starts = stops - lengths
    numbers = values.to_numpy()
    firsts: dict[bytes, int] = {}
    offsets = np.zeros_like(starts)
    kept: list[int] = []
    used = 0
    for at, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        content = numbers[start:stop].tobytes()
        if content not in firsts:
            firsts[content] = used
            kept.append(at)
            used += stop - start
        offsets[at] = firsts[content]
    pieces = [numbers[starts[at] : stops[at]] for at in kept]
    distinct = np.concatenate(pieces) if pieces else np.empty(0)
    places = np.arange(len(numbers)) + np.repeat(offsets - starts, lengths)
    return pl.Series(values.name, distinct), lengths[kept], places


def _placed(computed: pl.DataFrame, places: Integers, rows: Integers, height: int) -> pl.DataFrame:
    """A frame of `height` rows: row `rows[i]` is row `places[i]` of `computed`, others are null."""
    place = np.full(height, -1)
    place[rows] = places
    at = pl.Series(place)
    if len(rows) < height:
        at = at.set(at < 0, None)
    return computed.select(pl.all().gather(at))


def _with_indices(rows: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
    if rows.select(KEY).equals(vix.select(KEY)):
        return rows.with_columns(vix.select(INDICES))
    return rows.join(vix.select(*KEY, *INDICES), on=KEY, how="left", maintain_order="left")


def _with_premium_inputs(rows: pl.DataFrame, inputs: pl.DataFrame | None) -> pl.DataFrame:
    if inputs is None:
        return rows.with_columns(pl.lit(None, pl.Float64).alias(n) for n in PREMIUM_INPUTS)
    own = inputs.select(*KEY, *PREMIUM_INPUTS)
    return rows.join(own, on=KEY, how="left", maintain_order="left")


def _with_forecast(series: pl.DataFrame, good: pl.DataFrame) -> pl.DataFrame:
    """Rows in window order with `har_rv_21`, null on bars that were set aside, and `vrp`."""
    has_close = series["close"].is_not_null().to_numpy()
    forecasts = np.full(series.height, np.nan)
    forecasts[has_close] = har_forecasts(good).to_numpy()
    return series.with_columns(
        har_rv_21=pl.Series(forecasts, nan_to_null=True, dtype=pl.Float64)
    ).with_columns(vrp=pl.col("atm_variance") - pl.col("har_rv_21"))


def _with_row_features(frame: pl.DataFrame, order: Integers, rules: RegimeRules) -> pl.DataFrame:
    by_name = {feature.name: feature for feature in _of("row")}
    ratio = by_name.pop("hv_iv_ratio")
    frame = frame.with_columns(_row(ratio))
    if EX_REPORTS[0] in frame.columns:
        frame = _without_reports(frame, ratio).with_columns(
            raw_regime(rules, rank="iv_rank_ex").alias("regime")
        )
    else:
        frame = frame.with_columns(raw_regime(rules).alias("regime"))
    series = frame.select("ticker", "regime")[order].select(
        days_in_regime=days_in("regime"), regime_change_1w=changed_within("regime", 5)
    )
    ages = _placed(series, np.arange(len(order)), order, len(order))
    return frame.with_columns(ages).with_columns(_row(feature) for feature in by_name.values())


def _ex_reports(rows: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """The columns :data:`EX_REPORTS` of each row."""
    own = reports.select(*KEY, *EX_REPORTS)
    return rows.select(KEY).join(own, on=KEY, how="left", maintain_order="left").drop(KEY)


def _without_reports(frame: pl.DataFrame, ratio: Feature) -> pl.DataFrame:
    """The formula of `hv_iv_ratio`, and the rank, of volatilities without reports where known.

    A null that the value with reports has stays: the ticker's index has no close.
    """
    volatility = pl.coalesce("hv_20x", "hv_20")
    implied = pl.coalesce(pl.col("iv_ex_earnings") * 100.0, "iv_close")
    without = (
        frame.select("iv_close", hv_20=volatility, implied=implied)
        .select(
            pl.when(pl.col("iv_close").is_not_null()).then("implied").alias("iv_close"), "hv_20"
        )
        .select(_row(ratio))
    )
    return frame.with_columns(
        without[ratio.name],
        iv_rank_ex=pl.when(pl.col("iv_rank").is_not_null()).then(
            pl.coalesce("iv_rank_ex", "iv_rank")
        ),
    )


def _row(feature: Feature) -> pl.Expr:
    return _formulas([feature])[feature.name].alias(feature.name)


def _of(basis: Basis) -> list[Feature]:
    return [feature for feature in FEATURES if feature.basis == basis]


def _formulas(features: list[Feature]) -> dict[str, pl.Expr]:
    formulas = {}
    for feature in features:
        if feature.formula is None:
            raise TypeError(f"{feature.name} is not computed by a formula")
        formulas[feature.name] = feature.formula()
    return formulas
