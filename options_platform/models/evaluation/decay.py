"""Decay of a model with age: scores by sessions since its first predicted session.

Here each month's model predicts the 63 sessions from the beginning of its month. Trading never uses
a model that old.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.models.base import FoldModel
from options_platform.models.dataset import Dataset
from options_platform.models.evaluation.direction import direction_scores
from options_platform.models.evaluation.scores import ALL, SCORES_SCHEMA, Slice, scores_frame
from options_platform.models.evaluation.volatility import rank_scores
from options_platform.models.training import FoldStore, Walk, walk_forward
from options_platform.models.walk_forward import AGE_BANDS, OLDEST_SESSION, model_age


def evaluate_decay(
    model: FoldModel,
    data: Dataset,
    labels: pl.DataFrame,
    *,
    start: date,
    end: date,
    store: FoldStore,
    columns: Sequence[str],
) -> pl.DataFrame:
    """Scores of `model` by age, `SCORES_SCHEMA`; `period` is "sessions 1-21" and so on.

    Args:
        model: shipped model of either target; it must predict its naive forecast as well.
        data: its dataset.
        labels: rows of `labels`.
        start: first session to predict.
        end: last session to predict.
        store: store of its folds; no fold is trained.
        columns: predicted columns: the three probabilities, or only `iv_rank_pred`.
    """
    walk = walk_forward(
        model,
        data,
        start=start,
        end=end,
        store=store,
        may_train=False,
        predict_sessions=OLDEST_SESSION,
    )
    is_rank = list(columns) == ["iv_rank_pred"]
    naive = "persistence" if is_rank else "prior"
    outcome = "fwd_iv_rank_5d" if is_rank else "direction"
    rows = (
        _aged_rows(walk, data, model.name, naive, columns)
        .join(labels.select(*KEY, target_value=outcome), on=KEY)
        .drop_nulls()
        .sort(*KEY, "fold")
    )
    score_rows = []
    for low, high in AGE_BANDS:
        part = rows.filter(pl.col("age").is_between(low, high))
        of = Slice(model.name, ALL, f"sessions {low}-{high}")
        if part.height:
            scored = rank_scores(part, of) if is_rank else direction_scores(part, of)
            score_rows += list(scored)
    return scores_frame(score_rows) if score_rows else pl.DataFrame(schema=SCORES_SCHEMA)


def _aged_rows(
    walk: Walk, data: Dataset, model: str, naive: str, columns: Sequence[str]
) -> pl.DataFrame:
    folds = np.array(walk.folds)
    ages = np.zeros(len(folds), np.int64)
    for fold in np.unique(folds):
        of_fold = folds == fold
        first = np.datetime64(str(fold), "M").astype("datetime64[D]")
        ages[of_fold] = model_age(data.dates, first)[walk.rows[of_fold]]
    missing = np.full(len(folds), np.nan)
    suffix = {"persistence": "today"}
    values = {}
    for name in columns:
        values[name] = walk.columns.get(f"{model}:{name}", missing)
        other = suffix.get(naive, f"{name}_prior")
        values[other] = walk.columns.get(f"{naive}:{name}", missing)
    return data.keys[walk.rows].with_columns(
        fold=pl.Series(folds),
        age=pl.Series(ages),
        **{name: pl.Series(name, column).fill_nan(None) for name, column in values.items()},
    )
