"""Out-of-sample scores of the direction models, each beside its naive baseline.

A baseline is scored on exactly the rows of the model that it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.dataset import Rows
from options_platform.models.direction import PROBABILITIES
from options_platform.models.evaluation.scores import (
    Cut,
    Slice,
    reaction_column,
    score,
    scores_frame,
    slices,
    with_regime,
)

TOP_SHARE = 0.2
BINS = 10
NEUTRAL = DIRECTIONS.index("neutral")


def evaluate_direction(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    regimes: pl.DataFrame | None = None,
    by: Sequence[Cut] = ("period",),
    with_interval: bool = True,
) -> pl.DataFrame:
    """Scores of each direction model in `model_predictions`, `SCORES_SCHEMA`.

    Metrics: auc_macro, auc_<class>, auc_bull_vs_bear, fold_mean_auc, log_loss, brier, accuracy,
    balanced_accuracy, accuracy_top (accuracy of the most confident fifth of predictions),
    neutral_share_top (fraction of neutral among these), neutral_share, calibration_error. The
    baseline of accuracy_top is the higher of two: the best constant class on the model's most
    confident fifth, and the prior's accuracy on its most confident fifth. Picking calm days, on
    which everything is neutral, is therefore no skill.

    Args:
        predictions: rows of `model_predictions`; rows without a known label, or without a
            prediction of the model `prior` for the same day and ticker, are left out.
        labels: rows of `labels`.
        regimes: date, ticker and regime, for the cut by regime.
        by: how the rows are cut.
        with_interval: whether to bootstrap intervals, which takes most of the time.
    """
    scored_rows = with_regime(joined(predictions, labels), regimes)
    prior = scored_rows.filter(pl.col("model") == "prior").select("date", "ticker", *PROBABILITIES)
    scored_rows = scored_rows.join(prior, on=["date", "ticker"], how="inner", suffix="_prior")
    scored_rows = scored_rows.sort("model", "date", "ticker")
    rows = [
        row
        for of, part in slices(scored_rows, by)
        for row in direction_scores(part, of, with_interval=with_interval and of.model != "prior")
    ]
    return scores_frame(rows)


def calibration_curve(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Reliability curve: mean predicted probability and observed frequency, in ten bins.

    Columns model, class, bin, mean_p, frequency, n.
    """
    labelled = joined(predictions, labels)
    long = pl.concat(
        [
            labelled.select(
                "model",
                pl.lit(name).alias("class"),
                p=pl.col(f"p_{name}"),
                hit=(pl.col("target_value") == name),
            )
            for name in DIRECTIONS
        ]
    )
    bin_of = (pl.col("p") * BINS).floor().clip(0, BINS - 1).cast(pl.Int32)
    return (
        long.group_by("model", "class", bin=bin_of)
        .agg(mean_p=pl.col("p").mean(), frequency=pl.col("hit").mean(), n=pl.len())
        .sort("model", "class", "bin")
    )


def joined(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Direction predictions with the actual class as `target_value`; rows without one are left
    out."""
    return (
        predictions.filter((pl.col("target") == "direction") & pl.col("p_neutral").is_not_null())
        .join(
            labels.select("date", "ticker", *reaction_column(labels), target_value="direction"),
            on=["date", "ticker"],
            how="inner",
        )
        .filter(pl.col("target_value").is_not_null())
        .sort("model", "date", "ticker")
    )


def direction_scores(
    part: pl.DataFrame, of: Slice, *, with_interval: bool = True
) -> Iterator[dict[str, object]]:
    """Scores of one model; `part` has its probabilities, those of the prior, and
    `target_value`."""
    target = classes(part)
    p = probabilities(part)
    prior = part.select([f"{name}_prior" for name in PROBABILITIES]).to_numpy()
    weights = metrics.block_weights(
        part["date"].to_numpy().astype("datetime64[D]"),
        draws=metrics.DRAWS if with_interval else 0,
    )
    call, naive_call = p.argmax(axis=1), prior.argmax(axis=1)
    right = (call == target).astype(np.float64)
    naive_right = naive_call == target
    top = _surest(p)
    one_vs_rest = [metrics.auc(p[:, k], target == k, weights) for k in range(3)]
    neutral = (call == NEUTRAL).astype(np.float64)
    ones = np.ones((1, len(p)))
    scored: list[tuple[str, Floats, float | None]] = [
        ("auc_macro", np.mean(one_vs_rest, axis=0), 0.5),
        *((f"auc_{name}", one_vs_rest[k], 0.5) for k, name in enumerate(DIRECTIONS)),
        ("auc_bull_vs_bear", bull_vs_bear(p, target, weights), 0.5),
        (
            "log_loss",
            metrics.mean(metrics.log_losses(p, target), weights),
            float(metrics.log_losses(prior, target).mean()),
        ),
        (
            "brier",
            metrics.mean(metrics.brier_scores(p, target), weights),
            float(metrics.brier_scores(prior, target).mean()),
        ),
        ("accuracy", metrics.mean(right, weights), float(naive_right.mean())),
        (
            "balanced_accuracy",
            metrics.balanced_accuracy(call, target, weights),
            float(metrics.balanced_accuracy(naive_call, target, ones)[0]),
        ),
        (
            "accuracy_top",
            metrics.mean(right[top], weights[:, top]),
            max(_best_class(target[top]), float(naive_right[_surest(prior)].mean())),
        ),
        ("neutral_share_top", metrics.mean(neutral[top], weights[:, top]), None),
        ("fold_mean_auc", _fold_mean_auc(part, target, draws=len(weights) - 1), 0.5),
        (
            "calibration_error",
            metrics.calibration_errors(p, target, weights),
            metrics.calibration_error(prior, target),
        ),
        ("neutral_share", metrics.mean(neutral, weights), None),
    ]
    for metric, draws, baseline in scored:
        yield score(of, metric, draws, baseline, part.height)


def bull_vs_bear(p: Floats, target: Rows, weights: Floats) -> Floats:
    """AUC of p_bullish / (p_bearish + p_bullish) on rows that are not neutral; NaN without any."""
    moved = target != NEUTRAL
    share = p[moved, 2] / np.maximum(p[moved, 0] + p[moved, 2], 1e-12)
    if not moved.any():
        return np.full(len(weights), np.nan)
    return metrics.auc(share, target[moved] == 2, weights[:, moved])


def classes(part: pl.DataFrame) -> Rows:
    """Class numbers of `target_value`."""
    numbers = {name: number for number, name in enumerate(DIRECTIONS)}
    class_numbers = part["target_value"].replace_strict(numbers, return_dtype=pl.Int64)
    return np.asarray(class_numbers.to_numpy(), dtype=np.int64)


def probabilities(part: pl.DataFrame) -> Floats:
    """The three probabilities, shape (rows, 3)."""
    return np.asarray(part.select(PROBABILITIES).to_numpy(), dtype=np.float64)


def _fold_mean_auc(part: pl.DataFrame, target: Rows, *, draws: int) -> Floats:
    """Mean macro AUC of the folds in which every class occurs; the bootstrap draws whole folds."""
    scores = _macro_auc_by_fold(part, target)
    if not len(scores):
        return np.full(1 + draws, np.nan)
    months = np.arange(len(scores)).astype("datetime64[D]")
    return metrics.mean(scores, metrics.block_weights(months, draws=draws, block=1))


def _macro_auc_by_fold(part: pl.DataFrame, target: Rows) -> Floats:
    """Macro AUC of each fold, from mean ranks (Mann and Whitney 1947), ties counted half."""
    ranks = part.select("fold", *PROBABILITIES, target=pl.Series(target))
    aucs = []
    for k, name in enumerate(PROBABILITIES):
        hit = pl.col("target") == k
        hits, misses = hit.sum().cast(pl.Float64), (~hit).sum().cast(pl.Float64)
        won = pl.col(name).rank("average").filter(hit).sum() - hits * (hits + 1) / 2
        aucs.append(pl.when((hits > 0) & (misses > 0)).then(won / (hits * misses)))
    every_class = pl.all_horizontal(auc.is_not_null() for auc in aucs)
    by_fold = ranks.group_by("fold").agg(
        auc=pl.when(every_class).then((aucs[0] + aucs[1] + aucs[2]) / 3)
    )
    return np.asarray(by_fold.drop_nulls("auc").sort("fold")["auc"].to_numpy(), dtype=np.float64)


def _best_class(target: Rows) -> float:
    """Accuracy of always predicting the most frequent class."""
    return float(np.bincount(target).max() / len(target))


def _surest(p: Floats) -> Rows:
    count = max(1, round(TOP_SHARE * len(p)))
    return np.argsort(-p.max(axis=1), kind="stable")[:count]
