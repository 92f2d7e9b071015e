"""Direction of the next 5 sessions: bearish, neutral or bullish.

Most of what is predictable is how far prices will move. One half of the shipped model therefore
forecasts volatility and takes the three probabilities from the distribution of returns scaled by it
(`parts/scaled.py`). The other half is strongly regularised boosted trees on all inputs. Both are
pooled over the tickers and trained on all history. docs/models.md describes the alternatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats, Progress
from options_platform.contracts import DIRECTION_MODEL, DIRECTIONS, MODEL_PREDICTIONS
from options_platform.models.base import (
    Artifacts,
    FoldModel,
    MadeOfParts,
    Predictions,
    from_json,
    to_json,
)
from options_platform.models.calibration import Calibration
from options_platform.models.dataset import Dataset, Rows, Sample, make_dataset
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import DirectionBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.logits import Logit
from options_platform.models.parts.scaled import ScaledReturns
from options_platform.models.stock_rows import FUNDS_ONLY, StockRows
from options_platform.models.training import FoldStore, NotStoredError, Walk, walk_forward
from options_platform.models.trees import fit_trees, predict_trees

SHIPPED = "direction"
DEFAULT_VARIANT = "scaled_calm_trees"
"""Candidate name of the shipped default."""
PROBABILITIES = tuple(f"p_{name}" for name in DIRECTIONS)
VOLATILITY_LEVELS = ("vix", "hv_20")
DIRECTION_PARTS: tuple[Part, ...] = (
    ScaledReturns(),
    Boosted(
        name="calm_trees",
        rounds=100,
        colsample_bytree=0.2,
        min_child_weight=100.0,
        reg_lambda=100.0,
        max_bin=32,
    ),
)
VIX_LOGIT = Logit(inputs=(), logs=VOLATILITY_LEVELS, name="vix_logit")


@dataclass(frozen=True)
class ScaledDirection(MadeOfParts):
    """The shipped model; it also predicts with a logit and with class frequencies, as baselines."""

    name: str = SHIPPED
    window_sessions: int | None = None
    embargo_sessions: int = 0
    parts: tuple[Part, ...] = DIRECTION_PARTS
    calibration: Calibration | None = None
    logit: Logit = VIX_LOGIT

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs that must not be missing."""
        return self._blend.needs

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return {**self._blend.parameters, "logit": self.logit.parameters}

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known class and known volatility levels."""
        return self._blend.trainable(sample)

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the parts and the logit on the same rows."""
        counts = np.bincount(sample.direction, minlength=len(DIRECTIONS))
        return {
            **self._blend.fit(sample),
            "vix_logit.json": self.logit.fit(sample),
            "prior.json": to_json({"prior": (counts / counts.sum()).tolist()}),
        }

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """Mean of the parts, and separately the logit and the class frequencies."""
        complete = sample.complete(self.needs)
        logit = self.logit.predict(artifacts["vix_logit.json"], sample)
        prior = np.tile(np.array(from_json(artifacts["prior.json"])["prior"]), (len(sample), 1))
        columns = dict(self._blend.predict(artifacts, sample))
        for model, values in (("vix_logit", logit), ("prior", prior)):
            columns |= _named(model, np.where(complete[:, None], values, np.nan))
        return columns

    @property
    def _blend(self) -> DirectionBlend:
        return DirectionBlend(
            self.name, self.parts, self.window_sessions, self.embargo_sessions, self.calibration
        )


@dataclass(frozen=True)
class SeedDirection:
    """The baseline `seed`: XGBoost with the specified parameters, on the last two years.

    All tickers are pooled. `max_bin` and the number of threads differ from the specification, which
    does not change the quality.
    """

    name: str = "seed_direction"
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
            "objective": "multi:softprob",
            "num_class": len(DIRECTIONS),
            "max_depth": 5,
            "learning_rate": 0.05,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
            "min_child_weight": 3,
            "gamma": 0.1,
            "reg_alpha": 0.1,
            "reg_lambda": 1.0,
            "seed": 42,
            "max_bin": 64,
        }

    def trainable(self, sample: Sample) -> Rows:
        """Rows with a known class and a known IV rank."""
        return np.flatnonzero((sample.direction >= 0) & sample.complete(("iv_rank",)))

    def fit(self, sample: Sample) -> Artifacts:
        """Fit the trees."""
        trees = fit_trees(
            sample.inputs,
            sample.direction,
            sample.names,
            rounds=self.rounds,
            parameters=self._trees,
        )
        return {"trees.ubj": trees}

    def predict(self, artifacts: Artifacts, sample: Sample) -> Predictions:
        """Probabilities of the classes; NaN if the IV rank is missing."""
        values = normalised(predict_trees(artifacts["trees.ubj"], sample.inputs, sample.names))
        complete = sample.complete(("iv_rank",))
        return _named(self.name, np.where(complete[:, None], values, np.nan))


BASELINES: dict[str, FoldModel] = {"seed": SeedDirection()}
"""Baselines that need training, by their names in the setting `baselines`."""


def predict_direction(
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
    champion: DirectionBlend | None = None,
    stocks: StockRows = FUNDS_ONLY,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `direction_model` and of `model_predictions` for a range and tickers.

    Args:
        features: rows of `features` of all tickers of the pool, from their first to `end`.
        labels: rows of `labels` for the same tickers and sessions.
        start: first session to predict.
        end: last session to predict.
        tickers: tickers whose rows are returned.
        pool: tickers that are trained together.
        store: store of fitted folds.
        baselines: baselines that may be trained; stored ones are always used.
        n_jobs: processes for training; the result does not depend on it.
        progress: called with (step, done, total).
        champion: variant to trade on instead of the shipped default.
        stocks: what rows of companies have beside, and which of them are not trained on.

    Raises:
        IncompleteDataError: a ticker of the pool has missing features or labels.
    """
    data = make_dataset(features, labels, pool=pool, end=end, stocks=stocks)
    options: dict[str, Any] = {
        "start": start,
        "end": end,
        "store": store,
        "workers": n_jobs,
        "progress": progress,
    }
    walk = walk_forward(shipped_direction(champion), data, **options)
    every = [prediction_rows(walk, data, model) for model in (SHIPPED, "vix_logit", "prior")]
    for name, model in BASELINES.items():
        with suppress(NotStoredError):
            baseline = walk_forward(model, data, **options, may_train=name in baselines)
            every.append(prediction_rows(baseline, data, model.name))
    of_tickers = pl.col("ticker").is_in(list(tickers))
    variant = DEFAULT_VARIANT if champion is None else champion.name
    shipped = with_call(every[0]).with_columns(variant=pl.lit(variant))
    shipped = shipped.select(DIRECTION_MODEL.schema.names())
    predicted = pl.col("p_neutral").is_not_null()
    return (
        shipped.filter(of_tickers),
        pl.concat(every).filter(of_tickers & ((pl.col("model") == SHIPPED) | predicted)),
    )


def shipped_direction(champion: DirectionBlend | None) -> ScaledDirection:
    """The shipped model, with the parts of the champion if there is one."""
    if champion is None:
        return ScaledDirection()
    return ScaledDirection(
        window_sessions=champion.window_sessions,
        embargo_sessions=champion.embargo_sessions,
        parts=champion.parts,
        calibration=champion.calibration,
    )


def prediction_rows(walk: Walk, data: Dataset, model: str) -> pl.DataFrame:
    """Rows of `model_predictions` of one model in a walk-forward result."""
    missing = np.full(len(walk.rows), np.nan)
    columns = {name: walk.columns.get(f"{model}:{name}", missing) for name in PROBABILITIES}
    return (
        data.keys[walk.rows]
        .with_columns(
            **{name: pl.Series(name, values).fill_nan(None) for name, values in columns.items()},
            model=pl.lit(model),
            target=pl.lit("direction"),
            iv_rank_pred=pl.lit(None, pl.Float64),
            fold=pl.Series(walk.folds, dtype=pl.String),
            model_id=pl.Series(walk.model_ids, dtype=pl.String),
        )
        .select(MODEL_PREDICTIONS.schema.names())
    )


def with_call(predictions: pl.DataFrame) -> pl.DataFrame:
    """Add the most probable class (the earlier class wins a tie) and its confidence.

    Confidence is (p - 1/3) / (2/3): 0 for a uniform guess, 1 for certainty.
    """
    best = pl.max_horizontal(PROBABILITIES)
    call = pl.coalesce(
        pl.when(pl.col(f"p_{name}") == best).then(pl.lit(name)) for name in DIRECTIONS
    )
    confidence = ((best - 1 / 3) / (2 / 3)).clip(0.0, 1.0)
    return predictions.with_columns(direction=call, confidence=confidence)


def normalised(probabilities: Floats) -> Floats:
    """Each row divided by its sum; XGBoost's float32 probabilities sum to 1 only within 1e-7."""
    total = probabilities[:, 0] + probabilities[:, 1] + probabilities[:, 2]
    return np.asarray(probabilities / total[:, None], dtype=np.float64)


def _named(model: str, values: Floats) -> dict[str, Floats]:
    return {f"{model}:{name}": values[:, k] for k, name in enumerate(PROBABILITIES)}
