"""Out-of-sample scores of the volatility model: IV rank, realised volatility, regime shifts.

Each is compared with a naive forecast on the same rows: persistence for the IV rank, GARCH and the
volatility of the last month for realised volatility, the past base rate for a regime shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.evaluation.scores import (
    Cut,
    Slice,
    reaction_column,
    score,
    scores_frame,
    slices,
    with_regime,
)

SHORTEST_BASE_RATE = 63
SMALLEST_VOLATILITY = 1e-3


def evaluate_volatility(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    regimes: pl.DataFrame | None = None,
    by: Sequence[Cut] = ("period",),
    with_interval: bool = True,
) -> pl.DataFrame:
    """Scores of each IV rank model in `model_predictions`, `SCORES_SCHEMA`.

    Metrics: rmse, mae, change_sign (fraction of rank changes with the correct sign, unchanged ranks
    left out), skill (1 - MSE / MSE of persistence). The model `persistence` must be among the
    predictions. The baseline of change_sign is mean reversion: up from the lower half of the range,
    down from the upper half. Arguments as in
    :func:`options_platform.models.evaluation.direction.evaluate_direction`.
    """
    scored_rows = (
        predictions.filter((pl.col("target") == "iv_rank") & pl.col("iv_rank_pred").is_not_null())
        .join(
            labels.select(*KEY, *reaction_column(labels), target_value="fwd_iv_rank_5d"),
            on=KEY,
            how="inner",
        )
        .filter(pl.col("target_value").is_not_null())
    )
    today = scored_rows.filter(pl.col("model") == "persistence").select(*KEY, today="iv_rank_pred")
    scored_rows = with_regime(scored_rows.join(today, on=KEY, how="inner"), regimes)
    rows = [
        row
        for of, part in slices(scored_rows.sort("model", *KEY), by)
        for row in rank_scores(part, of, with_interval=with_interval)
    ]
    return scores_frame(rows)


def evaluate_realised(
    volatility: pl.DataFrame,
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    by: Sequence[Cut] = ("period",),
) -> pl.DataFrame:
    """Scores of forecasts of 5-session realised volatility: HAR, GARCH and the last month.

    Models: `har` (`expected_rv` of the volatility model), `garch` (`garch_forecast`), `hv_20`.
    Metrics: qlike (of variances), rv_rmse (of annualised volatilities); the baseline is `hv_20`.
    Only rows with all three forecasts are scored.

    Args:
        volatility: rows of `volatility_model`.
        features: rows of `features`.
        labels: rows of `labels`.
    """
    forecasts = {"har": "expected_rv", "garch": "garch_forecast", "hv_20": "hv_20"}
    common_rows = (
        volatility.select(*KEY, "expected_rv")
        .join(features.select(*KEY, "garch_forecast", "hv_20", "regime"), on=KEY)
        .join(labels.select(*KEY, "fwd_rv_5d", *reaction_column(labels)), on=KEY)
        .drop_nulls(["expected_rv", "garch_forecast", "hv_20", "fwd_rv_5d"])
        .sort(KEY)
    )
    long = pl.concat(
        common_rows.with_columns(model=pl.lit(name), forecast=pl.col(column), naive=pl.col("hv_20"))
        for name, column in forecasts.items()
    )
    rows = [row for of, part in slices(long, by) for row in _realised_scores(part, of)]
    return scores_frame(rows)


def evaluate_shift(
    volatility: pl.DataFrame, features: pl.DataFrame, *, horizon: int = 5
) -> pl.DataFrame:
    """Scores of `p_regime_shift`: Brier score, skill and AUC against the past base rate.

    The base rate of a month is the fraction of shifts among the sessions of all tickers whose
    outcome was known before the month.
    """
    rows = features.sort("ticker", "date").select(
        *KEY,
        "regime",
        differs=(pl.col("regime").shift(-horizon).over("ticker") != pl.col("regime")).cast(
            pl.Float64
        ),
        known_on=pl.col("date").shift(-horizon).over("ticker"),
    )
    scored_rows = (
        volatility.select(*KEY, "p_regime_shift")
        .join(rows, on=KEY)
        .drop_nulls(["p_regime_shift", "differs"])
        .with_columns(month=pl.col("date").dt.truncate("1mo"))
        .join(_base_rates(rows.drop_nulls(["differs", "known_on"])), on="month")
        .with_columns(model=pl.lit("volatility"))
        .sort(KEY)
    )
    score_rows = [row for of, part in slices(scored_rows) for row in _shift_scores(part, of)]
    return scores_frame(score_rows)


def _base_rates(outcomes: pl.DataFrame) -> pl.DataFrame:
    daily = (
        outcomes.group_by(month=pl.col("known_on").dt.truncate("1mo"))
        .agg(shifts=pl.col("differs").sum(), rows=pl.len())
        .sort("month")
    )
    before = daily.with_columns(
        pl.col("shifts").cum_sum().shift(1), pl.col("rows").cum_sum().shift(1)
    )
    return before.filter(pl.col("rows") >= SHORTEST_BASE_RATE).select(
        "month", base_rate=pl.col("shifts") / pl.col("rows")
    )


def rank_scores(
    part: pl.DataFrame, of: Slice, *, with_interval: bool = True
) -> Iterator[dict[str, object]]:
    """Scores of one model; `part` has iv_rank_pred, target_value and today (persistence)."""
    predicted, actual, today = (_column(part, n) for n in ("iv_rank_pred", "target_value", "today"))
    weights = _weights(part, draws=metrics.DRAWS if with_interval else 0)
    error, naive = predicted - actual, today - actual
    moved = (actual != today) & (predicted != today)
    sign = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)
    reverting = np.sign(0.5 - today) == np.sign(actual - today)
    scored: list[tuple[str, Floats, float | None]] = [
        ("rmse", np.sqrt(metrics.mean(error**2, weights)), float(np.sqrt((naive**2).mean()))),
        ("mae", metrics.mean(np.abs(error), weights), float(np.abs(naive).mean())),
        ("skill", metrics.skill(error, naive, weights), 0.0),
    ]
    if moved.any():
        scored.append(
            (
                "change_sign",
                metrics.mean(sign[moved], weights[:, moved]),
                float(reverting[moved].mean()),
            )
        )
    for metric, draws, baseline in scored:
        yield score(of, metric, draws, baseline, part.height)


def _realised_scores(part: pl.DataFrame, of: Slice) -> Iterator[dict[str, object]]:
    forecast, realised, naive = (
        np.maximum(_column(part, name), SMALLEST_VOLATILITY)
        for name in ("forecast", "fwd_rv_5d", "naive")
    )
    weights = _weights(part)
    loss = metrics.qlike(forecast**2, realised**2)
    naive_loss = float(metrics.qlike(naive**2, realised**2).mean())
    yield score(of, "qlike", metrics.mean(loss, weights), naive_loss, part.height)
    rmse = np.sqrt(metrics.mean((forecast - realised) ** 2, weights))
    naive_rmse = float(np.sqrt(((naive - realised) ** 2).mean()))
    yield score(of, "rv_rmse", rmse, naive_rmse, part.height)


def _shift_scores(part: pl.DataFrame, of: Slice) -> Iterator[dict[str, object]]:
    p, happened, base = (_column(part, n) for n in ("p_regime_shift", "differs", "base_rate"))
    weights = _weights(part)
    naive = float(((base - happened) ** 2).mean())
    yield score(of, "shift_brier", metrics.mean((p - happened) ** 2, weights), naive, part.height)
    yield score(
        of, "shift_skill", metrics.skill(p - happened, base - happened, weights), 0.0, part.height
    )
    yield score(of, "shift_auc", metrics.auc(p, happened > 0.5, weights), 0.5, part.height)


def _weights(part: pl.DataFrame, draws: int = metrics.DRAWS) -> Floats:
    return metrics.block_weights(part["date"].to_numpy().astype("datetime64[D]"), draws=draws)


def _column(part: pl.DataFrame, name: str) -> Floats:
    return np.asarray(part[name].to_numpy(), dtype=np.float64)
