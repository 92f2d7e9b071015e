"""Importance of the inputs: by fold, over time, and by leaving out a family of features.


Three views of an input: the gain of the splits on it and the mean absolute SHAP value (Lundberg
and Lee 2017, by XGBoost's own exact tree algorithm) speak of the trees alone; the permutation
importance (Breiman 2001) is how much the whole model's out-of-sample loss grows when the input is
shuffled among the predicted rows, and counts the linear parts too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.features.registry import FEATURES
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.base import Artifacts, FoldModel
from options_platform.models.dataset import Sample
from options_platform.models.parts.base import Part
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.logits import Logit
from options_platform.models.parts.ridge import Ridge
from options_platform.models.parts.scaled import ScaledReturns
from options_platform.models.stock_rows import STOCK_INPUTS
from options_platform.models.trees import tree_importance

IMPORTANCE_SCHEMA = pl.Schema(
    {
        "fold": pl.String,
        "input": pl.String,
        "family": pl.String,
        "gain": pl.Float64,
        "shap": pl.Float64,
        "permutation": pl.Float64,
    }
)


def fold_importance(
    model: FoldModel, fold: str, artifacts: Artifacts, sample: Sample, *, seed: int = 0
) -> pl.DataFrame:
    """Importance of each input in one fold, :data:`IMPORTANCE_SCHEMA`.

    gain and shap are fractions of their sum over all inputs, 0 for a model without trees;
    permutation is in units of the loss (nats, or squared rank).

    Args:
        model: the shipped model of either target.
        fold: month of the fold.
        artifacts: files of the fold.
        sample: rows that the fold predicts, with their targets.
        seed: random seed of the shuffles.
    """
    trees = [data for name, data in sorted(artifacts.items()) if name.endswith(".ubj")]
    gain, shap = np.zeros(len(sample.names)), np.zeros(len(sample.names))
    for booster in trees:
        of_gain, of_shap = tree_importance(booster, sample.inputs, sample.names)
        gain, shap = gain + of_gain, shap + of_shap
    frame = pl.DataFrame(
        {
            "fold": fold,
            "input": list(sample.names),
            "family": [family_of(name) for name in sample.names],
            "gain": _shares(gain),
            "shap": _shares(shap),
            "permutation": _permutation(model, artifacts, sample, seed),
        }
    )
    return frame.cast(dict(IMPORTANCE_SCHEMA)).select(IMPORTANCE_SCHEMA.names())  # type: ignore[arg-type]


def overall_importance(by_fold: pl.DataFrame) -> pl.DataFrame:
    """Mean over the folds, most important first: input, family, gain, shap, permutation."""
    return (
        by_fold.group_by("input", "family")
        .agg(pl.col("gain", "shap", "permutation").mean())
        .sort("permutation", "shap", "input", descending=[True, True, False])
    )


def importance_stability(by_fold: pl.DataFrame) -> pl.DataFrame:
    """Spearman correlation of each year's mean SHAP shares with those of the previous year.

    Columns year, correlation; null if all shares of a year are equal.
    """
    from scipy.stats import spearmanr

    yearly = (
        by_fold.with_columns(year=pl.col("fold").str.slice(0, 4))
        .group_by("year", "input")
        .agg(pl.col("shap").mean())
        .pivot(on="year", index="input", values="shap")
        .sort("input")
    )
    years = sorted(name for name in yearly.columns if name != "input")
    rows = []
    for before, year in pairwise(years):
        left, right = yearly[before].to_numpy(), yearly[year].to_numpy()
        varies = np.ptp(left) > 0.0 and np.ptp(right) > 0.0
        rows.append(
            {"year": year, "correlation": float(spearmanr(left, right)[0]) if varies else None}
        )
    return pl.DataFrame(rows, schema={"year": pl.String, "correlation": pl.Float64})


def family_of(name: str) -> str:
    """The family of the feature behind an input."""
    families = _families()
    matching = [
        feature for feature in families if name == feature or name.startswith(f"{feature}_")
    ]
    return families[max(matching, key=len)]


def without_family(parts: Sequence[Part], family: str, names: Sequence[str]) -> tuple[Part, ...]:
    """The parts without the inputs of a family; a part without remaining inputs is dropped."""
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, Boosted):
            inputs = tuple(n for n in part.inputs or names if family_of(n) != family)
            if inputs:
                kept.append(replace(part, inputs=inputs))
        elif isinstance(part, Ridge | Logit):
            inputs = tuple(name for name in part.inputs if family_of(name) != family)
            logs = tuple(name for name in part.logs if family_of(name) != family)
            if inputs or logs:
                kept.append(replace(part, inputs=inputs, logs=logs))
        elif isinstance(part, ScaledReturns):
            logs = tuple(name for name in part.logs if family_of(name) != family)
            if logs:
                kept.append(replace(part, logs=logs))
    return tuple(kept)


def _families() -> Mapping[str, str]:
    return {feature.name: feature.family for feature in FEATURES} | STOCK_INPUTS


def _permutation(model: FoldModel, artifacts: Artifacts, sample: Sample, seed: int) -> Floats:
    is_rank = f"{model.name}:iv_rank_pred" in model.predict(artifacts, sample)
    labelled = np.flatnonzero(np.isfinite(sample.fwd_iv_rank) if is_rank else sample.direction >= 0)
    count, columns = len(labelled), len(sample.names)
    if not count:
        return np.zeros(columns)
    # Rows are predicted independently, so one call covers all inputs: one copy of the rows per
    # input, with that input shuffled, and one unchanged copy.
    copies = sample.take(np.tile(labelled, columns + 1))
    inputs = copies.inputs.reshape(columns + 1, count, columns).copy()
    order = np.random.default_rng(seed).permutation(count)
    for column in range(columns):
        inputs[column, :, column] = inputs[column, order, column]
    shuffled = replace(copies, inputs=inputs.reshape(-1, columns))
    losses = _losses(model, artifacts, shuffled, is_rank=is_rank).reshape(columns + 1, count)
    worse = losses[:-1] - losses[-1]
    finite = np.isfinite(worse)
    total = np.where(finite, worse, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(finite.sum(axis=1), 1))


def _losses(model: FoldModel, artifacts: Artifacts, sample: Sample, *, is_rank: bool) -> Floats:
    columns = model.predict(artifacts, sample.without_targets())
    if is_rank:
        return np.asarray((columns[f"{model.name}:iv_rank_pred"] - sample.fwd_iv_rank) ** 2)
    names = ("p_bearish", "p_neutral", "p_bullish")
    p = np.column_stack([columns[f"{model.name}:{name}"] for name in names])
    losses = metrics.log_losses(np.nan_to_num(p, nan=1.0), sample.direction)
    return np.asarray(np.where(np.isfinite(p).all(axis=1), losses, np.nan))


def _shares(values: Floats) -> Floats:
    total = values.sum()
    return np.asarray(values / total if total > 0.0 else values)
