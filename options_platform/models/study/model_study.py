"""Study of the models after a backfill: scores of all slices, decay, importance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.contracts import MODEL_IMPORTANCE, MODEL_SCORES
from options_platform.models.base import FoldModel
from options_platform.models.dataset import Dataset, make_dataset
from options_platform.models.direction import PROBABILITIES, shipped_direction
from options_platform.models.evaluation import (
    calibration_curve,
    evaluate_direction,
    evaluate_realised,
    evaluate_shift,
    evaluate_volatility,
)
from options_platform.models.evaluation.decay import evaluate_decay
from options_platform.models.evaluation.scores import Cut
from options_platform.models.promotion import blend_of
from options_platform.models.selection.importance import IMPORTANCE_SCHEMA, fold_importance
from options_platform.models.stock_rows import FUNDS_ONLY, StockRows
from options_platform.models.training import FoldStore, dataset_hash, walk_forward
from options_platform.models.volatility import AR1, shipped_volatility

NEWEST_FOLDS = 24
NAIVE = {"direction": "prior", "iv_rank": "persistence"}
SHIPPED = {"direction": "direction", "iv_rank": "volatility"}
COLUMNS: dict[str, Sequence[str]] = {"direction": PROBABILITIES, "iv_rank": ("iv_rank_pred",)}
OUTPUTS = {
    "direction": tuple(
        f"{model}:{name}" for model in (SHIPPED["direction"], "vix_logit", "prior")
        for name in PROBABILITIES
    ),
    "iv_rank": (
        "volatility:iv_rank_pred", "volatility:expected_rv", "volatility:p_regime_shift",
        "persistence:iv_rank_pred", f"{AR1.name}:iv_rank_pred",
    ),
}  # fmt: skip
"""Columns that a fold of the shipped models predicts, in their order."""


@dataclass(frozen=True)
class Tables:
    """Inputs of a study: stored rows of all tickers up to the end of the run."""

    features: pl.DataFrame
    labels: pl.DataFrame
    predictions: pl.DataFrame
    volatility: pl.DataFrame


@dataclass(frozen=True)
class Study:
    """Rows of `model_scores` and `model_importance`, the reliability curve (empty for iv_rank), and
    the hash of the dataset and its inputs."""

    scores: pl.DataFrame
    importance: pl.DataFrame
    calibration: pl.DataFrame
    data_hash: str
    inputs: tuple[str, ...]


def study(
    target: str,
    tables: Tables,
    *,
    pool: Sequence[str],
    start: date,
    end: date,
    store: FoldStore,
    champion: str,
    stocks: StockRows = FUNDS_ONLY,
) -> Study:
    """Score all stored predictions of `target`, and analyse the folds from `start` to `end`.

    The folds must be stored; none is trained here.
    """
    blend: Any = blend_of(target, champion)
    model = shipped_direction(blend) if target == "direction" else shipped_volatility(blend)
    data = make_dataset(tables.features, tables.labels, pool=pool, end=end, stocks=stocks)
    known_labels = tables.labels.filter(pl.col("known_on") <= end)
    scores = _scores(target, tables, known_labels)
    decay = evaluate_decay(
        model, data, known_labels, start=start, end=end, store=store, columns=COLUMNS[target]
    )
    every = pl.concat([scores, decay]).with_columns(target=pl.lit(target))
    importance = _importance(model, data, start=start, end=end, store=store)
    return Study(
        every.select(MODEL_SCORES.schema.names()),
        importance.with_columns(target=pl.lit(target)).select(MODEL_IMPORTANCE.schema.names()),
        calibration_curve(tables.predictions, known_labels)
        if target == "direction"
        else pl.DataFrame(),
        dataset_hash(data),
        data.sample.names,
    )


def _scores(target: str, tables: Tables, known_labels: pl.DataFrame) -> pl.DataFrame:
    evaluate = evaluate_direction if target == "direction" else evaluate_volatility
    regimes = tables.features.select("date", "ticker", "regime")
    main = tables.predictions.filter(pl.col("model").is_in([SHIPPED[target], NAIVE[target]]))
    frames = [
        evaluate(tables.predictions, known_labels),
        evaluate(main, known_labels, regimes=regimes, by=("year", "regime", "reaction")).filter(
            pl.col("model") == SHIPPED[target]
        ),
    ]
    if target == "iv_rank":
        cuts: tuple[Cut, ...] = ("period", "reaction")
        frames.append(evaluate_realised(tables.volatility, tables.features, known_labels, by=cuts))
        frames.append(evaluate_shift(tables.volatility, tables.features))
    return pl.concat(frames)


def _importance(
    model: FoldModel, data: Dataset, *, start: date, end: date, store: FoldStore
) -> pl.DataFrame:
    # Only the newest folds are read and predicted again.
    first = (np.datetime64(end, "M") - (NEWEST_FOLDS - 1)).astype("datetime64[D]").astype(date)
    start = max(start, first)
    walk = walk_forward(model, data, start=start, end=end, store=store, may_train=False)
    folds = np.array(walk.folds)
    frames = [
        fold_importance(
            model, fold, walk.artifacts[fold], data.sample.take(walk.rows[folds == fold])
        )
        for fold in sorted(walk.artifacts)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=IMPORTANCE_SCHEMA)
