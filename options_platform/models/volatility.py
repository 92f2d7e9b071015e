"""IV rank in 5 sessions, expected realised volatility, and probability of a regime shift.

The shipped model predicts the *change* of the rank: the mean of two strongly penalised linear
regressions and strongly regularised boosted trees. Predicting the level, as the baseline `seed`
does, is worse than persistence, because trees cannot reproduce today's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats, Progress
from options_platform.contracts import MODEL_PREDICTIONS, VOLATILITY_MODEL
from options_platform.models.base import (
    Artifacts,
    FoldModel,
    MadeOfParts,
    Predictions,
    from_json,
    to_json,
)
from options_platform.models.baselines import AutoregressiveRank, naive_ranks
from options_platform.models.dataset import Dataset, Rows, Sample, make_dataset
from options_platform.models.linear import fit_logit, fit_ridge, predict_logit, predict_ridge
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.ridge import Ridge
from options_platform.models.stock_rows import FUNDS_ONLY, REPORT_AHEAD, StockRows
from options_platform.models.training import FoldStore, NotStoredError, Walk, walk_forward
from options_platform.models.trees import fit_trees, predict_trees

SHIPPED = "volatility"
CHANGE_INPUTS = (
    "iv_rank",
    "vix_zscore",
    "vix_change_1d",
    "vix_change_5d",
    "hv_iv_ratio",
    "vix_percentile",
    "returns_5d",
    "returns_1d",
    "hv_5",
)
# The heterogeneous autoregression of Corsi (2009), day, week and month, in logs, with the VIX.
HAR_INPUTS = ("hv_5", "hv_20", "hv_60", "parkinson_hv", "vix")
SHIFT_INPUTS = ("vix", "iv_rank", "hv_iv_ratio", "vix_change_5d", "vix_zscore", "days_in_regime")
SMALLEST_VOLATILITY = 1e-3

AR1 = AutoregressiveRank()
RANK_PARTS: tuple[Part, ...] = (
    Ridge(
        inputs=("iv_rank", "vix_percentile", "vix_change_1d", "vix_change_5d", "vix_zscore"),
        logs=("vix", "hv_5", "hv_20", "hv_60"),
        name="har",
        penalty=500.0,
    ),
    Ridge(inputs=CHANGE_INPUTS, name="ridge", penalty=500.0),
    Boosted(
        target="rank_change",
        name="trees",
        needs=("iv_rank",),
        rounds=150,
        learning_rate=0.03,
        colsample_bytree=0.3,
        min_child_weight=150.0,
        reg_lambda=200.0,
    ),
)


@dataclass(frozen=True)
class ChangeVolatility(MadeOfParts):
    """The shipped model: rank change, realised volatility and probability of a regime shift.

    It also predicts with an AR(1) of the rank and with today's rank, as baselines.
    """

    name: str = SHIPPED
    window_sessions: int | None = None
    embargo_sessions: int = 0
    parts: tuple[Part, ...] = RANK_PARTS
    shrink: float = 1.0
    shift_inverse_penalty: float = 0.1

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        shift = {"shift_inverse_penalty": self.shift_inverse_penalty}
        return {**self._blend.parameters, **shift}

    def trainable(self, sample: Sample) -> Rows:
        """Rows with known targets and inputs."""
        usable = np.isfinite(sample.fwd_iv_rank) & np.isfinite(sample.fwd_rv)
        usable &= np.isfinite(sample.regime_differs) & self._usable(sample)
        return np.flatnonzero(usable)

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the parts on the same rows."""
        volatility = np.log(np.maximum(sample.fwd_rv, SMALLEST_VOLATILITY))
        linear = {
            "rv": fit_ridge(_logs(sample), volatility, penalty=1.0),
            "shift": fit_logit(
                _shift_inputs(sample),
                sample.regime_differs.astype(np.int64),
                classes=2,
                inverse_penalty=self.shift_inverse_penalty,
            ),
        }
        return {
            **self._blend.fit(sample),
            **AR1.fit(sample),
            "linear.json": to_json(linear),
        }

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """IV rank in 5 sessions, expected realised volatility, probability of a regime shift."""
        linear = from_json(artifacts["linear.json"])
        # The regression is on logs, so this is the mean of a log-normal variable.
        spread = linear["rv"]["residual_std"]
        expected_rv = np.exp(predict_ridge(linear["rv"], _logs(sample)) + 0.5 * spread * spread)
        shift = predict_logit(linear["shift"], _shift_inputs(sample))[:, 1]
        predictions = {
            **self._blend.predict(artifacts, sample),
            f"{SHIPPED}:expected_rv": expected_rv,
            f"{SHIPPED}:p_regime_shift": shift,
            "persistence:iv_rank_pred": sample.column("iv_rank"),
            **AR1.predict(artifacts, sample),
        }
        usable = self._usable(sample)
        return {name: np.where(usable, values, np.nan) for name, values in predictions.items()}

    def _usable(self, sample: Sample) -> NDArray[np.bool_]:
        needed = {*self._blend.needs, *HAR_INPUTS, *SHIFT_INPUTS}
        return sample.complete(sorted(needed))

    @property
    def _blend(self) -> RankBlend:
        return RankBlend(
            self.name, self.parts, self.window_sessions, self.embargo_sessions, self.shrink
        )


@dataclass(frozen=True)
class SeedVolatility:
    """The baseline `seed`: XGBoost with the specified parameters on the level of the IV rank.

    It is trained on the last two years of all tickers.
    """

    name: str = "seed_volatility"
    window_sessions: int | None = 504
    embargo_sessions: int = 0
    rounds: int = 200

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return {**self.__dict__, **self._trees}

    @property
    def _trees(self) -> Mapping[str, Any]:
        return {
            "objective": "reg:squarederror",
            "max_depth": 5,
            "learning_rate": 0.05,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
            "min_child_weight": 3,
            "gamma": 0.1,
            "seed": 42,
            "max_bin": 64,
        }

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known IV rank today and in 5 sessions."""
        return np.flatnonzero(np.isfinite(sample.fwd_iv_rank) & sample.complete(("iv_rank",)))

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the trees."""
        trees = fit_trees(
            sample.inputs,
            sample.fwd_iv_rank,
            sample.names,
            rounds=self.rounds,
            parameters=self._trees,
        )
        return {"trees.ubj": trees}

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """The IV rank in 5 sessions; NaN if today's is missing."""
        values = predict_trees(artifacts["trees.ubj"], sample.inputs, sample.names)
        complete = sample.complete(("iv_rank",))
        return {f"{self.name}:iv_rank_pred": np.where(complete, values, np.nan)}


BASELINES: dict[str, FoldModel] = {"seed": SeedVolatility()}
"""Baselines that need training, by their names in the setting `baselines`."""


def predict_volatility(
    features: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    start: date,
    end: date,
    tickers: Sequence[str],
    pool: Sequence[str],
    store: FoldStore,
    baselines: Sequence[str] = (),
    n_jobs: int = 1,
    progress: Progress | None = None,
    champion: RankBlend | None = None,
    stocks: StockRows = FUNDS_ONLY,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `volatility_model` and of `model_predictions` for a range and tickers.

    Arguments and errors as in :func:`options_platform.models.direction.predict_direction`.
    """
    data = make_dataset(features, labels, pool=pool, end=end, stocks=stocks)
    options: dict[str, Any] = {
        "start": start,
        "end": end,
        "store": store,
        "workers": n_jobs,
        "progress": progress,
    }
    walk = walk_forward(shipped_volatility(champion), data, **options)
    every = [prediction_rows(walk, data, model) for model in (SHIPPED, "persistence", AR1.name)]
    every.append(_rolling_mean_rows(features, every[0]))
    for name, model in BASELINES.items():
        with suppress(NotStoredError):
            baseline = walk_forward(model, data, **options, may_train=name in baselines)
            every.append(prediction_rows(baseline, data, model.name))
    of_tickers = pl.col("ticker").is_in(list(tickers))
    predicted = pl.col("iv_rank_pred").is_not_null()
    return (
        _shipped_rows(walk, data).filter(of_tickers),
        pl.concat(every).filter(of_tickers & ((pl.col("model") == SHIPPED) | predicted)),
    )


def shipped_volatility(champion: RankBlend | None) -> ChangeVolatility:
    """The shipped model, with the parts of the champion if there is one."""
    if champion is None:
        return ChangeVolatility()
    return ChangeVolatility(
        window_sessions=champion.window_sessions,
        embargo_sessions=champion.embargo_sessions,
        parts=champion.parts,
        shrink=champion.shrink,
    )


def prediction_rows(walk: Walk, data: Dataset, model: str) -> pl.DataFrame:
    """Rows of `model_predictions` of one model in a walk-forward result."""
    nothing = pl.lit(None, pl.Float64)
    return (
        data.keys[walk.rows]
        .with_columns(
            model=pl.lit(model),
            target=pl.lit("iv_rank"),
            p_bearish=nothing,
            p_neutral=nothing,
            p_bullish=nothing,
            iv_rank_pred=_column(walk, f"{model}:iv_rank_pred"),
            fold=pl.Series(walk.folds, dtype=pl.String),
            model_id=pl.Series(walk.model_ids, dtype=pl.String),
        )
        .select(MODEL_PREDICTIONS.schema.names())
    )


def _rolling_mean_rows(features: pl.DataFrame, shipped: pl.DataFrame) -> pl.DataFrame:
    """Forecasts by the mean of the last 20 sessions, on rows that the shipped model predicts."""
    means = naive_ranks(features).select("date", "ticker", "rolling_mean")
    predicted = pl.col("iv_rank_pred").is_not_null()
    return (
        shipped.join(means, on=["date", "ticker"], how="left", maintain_order="left")
        .with_columns(
            model=pl.lit("rolling_mean"), iv_rank_pred=pl.when(predicted).then("rolling_mean")
        )
        .select(MODEL_PREDICTIONS.schema.names())
    )


def _shipped_rows(walk: Walk, data: Dataset) -> pl.DataFrame:
    today = pl.Series("iv_rank", data.sample.column("iv_rank")[walk.rows]).fill_nan(None)
    return (
        data.keys[walk.rows]
        .with_columns(
            today,
            iv_rank_pred=_column(walk, f"{SHIPPED}:iv_rank_pred"),
            expected_rv=_column(walk, f"{SHIPPED}:expected_rv"),
            p_regime_shift=_column(walk, f"{SHIPPED}:p_regime_shift"),
            fold=pl.Series(walk.folds, dtype=pl.String),
            model_id=pl.Series(walk.model_ids, dtype=pl.String),
        )
        .with_columns(iv_rank_change_pred=pl.col("iv_rank_pred") - pl.col("iv_rank"))
        .select(VOLATILITY_MODEL.schema.names())
    )


def _column(walk: Walk, name: str) -> pl.Series:
    values = walk.columns.get(name, np.full(len(walk.rows), np.nan))
    return pl.Series(name.partition(":")[2], values, dtype=pl.Float64).fill_nan(None)


def _logs(sample: Sample) -> Floats:
    logs = np.log(np.maximum(sample.matrix(HAR_INPUTS), SMALLEST_VOLATILITY))
    if REPORT_AHEAD in sample.names:
        logs = np.column_stack([logs, sample.column(REPORT_AHEAD)])
    return np.asarray(logs)


def _shift_inputs(sample: Sample) -> Floats:
    inputs = sample.matrix(SHIFT_INPUTS)
    inputs[:, -1] = np.log1p(inputs[:, -1])
    return inputs
