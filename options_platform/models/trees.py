"""Gradient-boosted trees: XGBoost, stored in its UBJSON format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.models.dataset import Rows


def fit_trees(
    inputs: Floats,
    target: Floats | Rows,
    names: Sequence[str],
    *,
    rounds: int,
    parameters: Mapping[str, Any],
) -> bytes:
    """Train on one thread, so that the same rows give the same trees; returns UBJSON bytes.

    NaN inputs are allowed: XGBoost learns a default branch for them.
    """
    import xgboost

    data = xgboost.DMatrix(inputs, label=target, feature_names=list(names), nthread=1)
    booster = xgboost.train(
        {**parameters, "nthread": 1, "verbosity": 0}, data, num_boost_round=rounds
    )
    return bytes(booster.save_raw("ubj"))


def predict_trees(model: bytes, inputs: Floats, names: Sequence[str]) -> Floats:
    """Predictions of the objective: shape (rows, classes) for softprob, otherwise (rows,)."""
    import xgboost

    booster = xgboost.Booster(params={"nthread": 1})
    booster.load_model(bytearray(model))
    data = xgboost.DMatrix(inputs, feature_names=list(names), nthread=1)
    return np.asarray(booster.predict(data), dtype=np.float64)


def tree_importance(model: bytes, inputs: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Total split gain of each input, and its mean absolute SHAP value over the rows.

    Both have one number for each of `names`, summed over the classes if there are several.
    """
    import xgboost

    booster = xgboost.Booster(params={"nthread": 1})
    booster.load_model(bytearray(model))
    used_names = booster.feature_names or list(names)
    columns = [list(names).index(name) for name in used_names]
    data = xgboost.DMatrix(inputs[:, columns], feature_names=used_names, nthread=1)
    contributions = np.abs(booster.predict(data, pred_contribs=True))
    # The last column is the bias; with several classes they are the second axis.
    by_input = (
        contributions[..., :-1].reshape(len(inputs), -1, len(used_names)).sum(axis=1).mean(axis=0)
    )
    gains = booster.get_score(importance_type="total_gain")
    gain, shap = np.zeros(len(names)), np.zeros(len(names))
    shap[columns] = by_input
    gain[columns] = np.array([gains.get(name, 0.0) for name in used_names], dtype=np.float64)
    return gain, shap
