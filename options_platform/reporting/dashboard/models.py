"""Models: skill beside the naive forecast through time, calibration, champion and challengers."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.contracts import (
    CHAMPIONS,
    LABELS,
    MODEL_FOLDS,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    TRIAL_FOLDS,
    TRIALS,
)
from options_platform.models.promotion import reigning
from options_platform.models.study.model_study import SHIPPED
from options_platform.reporting import research
from options_platform.reporting.charts.research import calibration, scores_through_time
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import exact, interval, score, text, whole
from options_platform.reporting.sections import METRIC_NAMES, MODEL_NAMES

TITLES = {
    "direction": "Direction of the next 5 sessions",
    "iv_rank": "IV rank in 5 sessions",
}


def models(view: View) -> dict[str, Any]:
    """The content of the page; `targets` is empty without scores."""
    read = view.warehouse.read
    scores, champions = read(MODEL_SCORES), read(CHAMPIONS)
    trials, folds = read(TRIALS), read(TRIAL_FOLDS)
    return {
        "targets": [
            _target(
                target, scores, champions, research.trial_rows(trials, folds, champions, target)
            )
            for target in SHIPPED
        ]
        if scores.height
        else [],
        "calibration": _calibration(view),
        "folds": _folds(view),
    }


def _target(
    target: str, scores: pl.DataFrame, champions: pl.DataFrame, trials: list[dict[str, Any]]
) -> dict[str, Any]:
    metric, unit = research.PLOTTED[target]
    by_year = [r for r in research.cut_rows(scores, target, "year") if r["metric"] == metric]
    by_regime = [r for r in research.cut_rows(scores, target, "regime") if r["metric"] == metric]
    names = {
        "period": ("Sessions of", text), "value": (unit, score),
        "interval": ("95% interval", exact), "baseline": ("Naive", score), "n": ("Rows", whole),
    }  # fmt: skip
    return {
        "title": TITLES[target],
        "champion": reigning(champions, target),
        "scores": grid(
            "Scores out of sample, beside the naive forecast",
            [
                row
                | {
                    "model": MODEL_NAMES.get(row["model"], row["model"]),
                    "metric": METRIC_NAMES.get(row["metric"], row["metric"]),
                    "interval": interval(row["low"], row["high"], 3),
                }
                for row in research.model_rows(scores, target)
            ],
            {"model": ("Model", exact), "metric": ("Score", exact), "value": ("Value", score),
             "interval": ("95% interval", exact), "baseline": ("Naive", score),
             "n": ("Rows", whole)},
        ),
        "by_year": scores_through_time(by_year, unit) if by_year else None,
        "by_regime": grid(
            "By regime",
            [row | {"interval": interval(row["low"], row["high"], 3)} for row in by_regime],
            names,
        ),
        "trials": grid(
            "Champion and challengers, the smallest loss first",
            trials,
            {"model": ("Model", exact), "loss": ("Loss", score), "naive_loss": ("Naive", score),
             "p_naive": ("p over naive", score), "p_champion": ("p over champion", score),
             "folds": ("Months", whole)},
            "Only the shipped model was scored. Try others: options-platform research",
        ),
    }  # fmt: skip


def _calibration(view: View) -> Any:
    """The reliability curve of the shipped direction model; None without labelled predictions."""
    from options_platform.models.evaluation import calibration_curve

    shipped = SHIPPED["direction"]
    predictions = view.warehouse.read(MODEL_PREDICTIONS).filter(pl.col("model") == shipped)
    labels = view.warehouse.read(LABELS, columns=["date", "ticker", "direction"])
    if predictions.is_empty() or labels.is_empty():
        return None
    curve = calibration_curve(predictions, labels)
    return calibration(curve) if curve.height else None


def _folds(view: View) -> dict[str, Any]:
    """The newest trained month of each model."""
    folds = view.warehouse.read(MODEL_FOLDS)
    newest = folds.sort("fold").group_by("model", maintain_order=True).last()
    return grid(
        "The newest trained month of each model",
        newest.sort("model").to_dicts(),
        {"model": ("Model", exact), "fold": ("Predicts", exact),
         "train_end": ("Trained up to", exact), "train_rows": ("Rows", whole),
         "trained_seconds": ("Seconds", score)},
        "No model is trained yet. Train them: options-platform backfill",
    )  # fmt: skip
