"""The direction of the next 5 sessions: bearish, neutral or bullish.

Nearly all there is to know is how far prices will move. So half of the shipped model forecasts the
volatility and reads the three probabilities off the distribution of returns scaled by it
(`parts/scaled.py`); the other half are very calm boosted trees on all inputs. Both are pooled over
the tickers and trained on all history. docs/models.md says what else was tried.
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
from options_platform.models.base import Artifacts, FoldModel, Predictions, from_json, to_json
from options_platform.models.calibration import Calibration
from options_platform.models.dataset import Dataset, Rows, Sample, make_dataset
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import DirectionBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.logits import Logit
from options_platform.models.parts.scaled import ScaledReturns
from options_platform.models.training import FoldStore, NotStoredError, Walk, walk_forward
from options_platform.models.trees import fit_trees, predict_trees

SHIPPED = "direction"
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
class ScaledDirection:
    """The shipped model, with a logit and the class frequencies as predictions of their own."""

    name: str = SHIPPED
    window_sessions: int | None = None
    embargo_sessions: int = 0
    parts: tuple[Part, ...] = DIRECTION_PARTS
    calibration: Calibration | None = None
    logit: Logit = VIX_LOGIT

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs that must be known."""
        return self._blend.needs

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides the fit beside the data."""
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
        """The mean of the parts, and the logit and the class frequencies alone."""
        known = sample.complete(self.needs)
        logit = self.logit.predict(artifacts["vix_logit.json"], sample)
        prior = np.tile(np.array(from_json(artifacts["prior.json"])["prior"]), (len(sample), 1))
        columns = dict(self._blend.predict(artifacts, sample))
        for model, values in (("vix_logit", logit), ("prior", prior)):
            columns |= _named(model, np.where(known[:, None], values, np.nan))
        return columns

    @property
    def _blend(self) -> DirectionBlend:
        return DirectionBlend(
            self.name, self.parts, self.window_sessions, self.embargo_sessions, self.calibration
        )


@dataclass(frozen=True)
class SeedDirection:
    """The seed's XGBoost with its parameters, on the last two years of all tickers.

    Only `max_bin` and the number of threads are ours; neither changes its quality.
    """

    name: str = "seed_direction"
    window_sessions: int | None = 504
    embargo_sessions: int = 0
    rounds: int = 200

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides the fit beside the data."""
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
        """Rows with a known class and a known VIX rank, which the seed's features need."""
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
        """Probabilities where the VIX rank is known."""
        values = normalised(predict_trees(artifacts["trees.ubj"], sample.inputs, sample.names))
        known = sample.complete(("iv_rank",))
        return _named(self.name, np.where(known[:, None], values, np.nan))


BASELINES: dict[str, FoldModel] = {"seed": SeedDirection()}
"""Baselines that need training, by the name that the setting `baselines` uses."""


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
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `direction_model` and of `model_predictions` for the range and tickers.

    Args:
        features: rows of `features` of all tickers of the pool, from their first to `end`.
        labels: rows of `labels` likewise.
        start: first session to predict.
        end: last session to predict.
        tickers: the tickers whose rows are returned.
        pool: the tickers that are trained together.
        store: where fitted folds are kept.
        baselines: those that may be trained; stored ones are always used.
        n_jobs: processes for training; the result does not depend on it.
        progress: told (what, done, total).
        champion: what is traded on in place of the shipped default.

    Raises :class:`IncompleteDataError` if a ticker of the pool lacks features or labels.
    """
    data = make_dataset(features, labels, pool=pool, end=end)
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
            found = walk_forward(model, data, **options, may_train=name in baselines)
            every.append(prediction_rows(found, data, model.name))
    wanted = pl.col("ticker").is_in(list(tickers))
    shipped = with_call(every[0]).select(DIRECTION_MODEL.schema.names())
    known = pl.col("p_neutral").is_not_null()
    return (
        shipped.filter(wanted),
        pl.concat(every).filter(wanted & ((pl.col("model") == SHIPPED) | known)),
    )


def shipped_direction(champion: DirectionBlend | None) -> ScaledDirection:
    """The shipped model, with the parts of the champion where there is one."""
    if champion is None:
        return ScaledDirection()
    return ScaledDirection(
        window_sessions=champion.window_sessions,
        embargo_sessions=champion.embargo_sessions,
        parts=champion.parts,
        calibration=champion.calibration,
    )


def prediction_rows(walk: Walk, data: Dataset, model: str) -> pl.DataFrame:
    """The rows of `model_predictions` of one model of a walk."""
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
    """Add the class of the highest probability (the earlier one of a tie) and its confidence.

    Confidence is (p - 1/3) / (2/3): 0 for a guess, 1 for certainty.
    """
    best = pl.max_horizontal(PROBABILITIES)
    call = pl.coalesce(
        pl.when(pl.col(f"p_{name}") == best).then(pl.lit(name)) for name in DIRECTIONS
    )
    confidence = ((best - 1 / 3) / (2 / 3)).clip(0.0, 1.0)
    return predictions.with_columns(direction=call, confidence=confidence)


def normalised(probabilities: Floats) -> Floats:
    """Each row divided by its sum: XGBoost's are float32 and sum to 1 only within 1e-7."""
    total = probabilities[:, 0] + probabilities[:, 1] + probabilities[:, 2]
    return np.asarray(probabilities / total[:, None], dtype=np.float64)


def _named(model: str, values: Floats) -> dict[str, Floats]:
    return {f"{model}:{name}": values[:, number] for number, name in enumerate(PROBABILITIES)}
