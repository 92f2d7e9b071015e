"""Verdicts on whether a model may still be traded on.

Each is a pure function that returns a verdict; `defs/models/checks.py` turns them into blocking
asset checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import KEY
from options_platform.contracts import DIRECTIONS
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.domain.statistics.paired_test import paired_test
from options_platform.models.dataset import Dataset
from options_platform.models.monitoring.alarms import Alarm
from options_platform.models.monitoring.drift import DRIFTED_SHARE, input_drift
from options_platform.models.monitoring.input_faults import input_faults

SKILL_FOLDS = 24
LOST_LEVEL = 0.05
OLDEST_TRAINING_SESSIONS = 42


@dataclass(frozen=True)
class HealthFinding:
    """Outcome of a question about a model, as text and figures."""

    passed: bool
    description: str
    figures: Mapping[str, float | str] = field(default_factory=dict)


def not_too_good(alarms: Sequence[Alarm]) -> HealthFinding:
    """Whether no score is too good to be true."""
    firing = [str(alarm) for alarm in alarms if alarm.fires]
    figures = {alarm.name: str(alarm) for alarm in alarms}
    if firing:
        return HealthFinding(
            False, f"too good to be true, look for a leak: {'; '.join(firing)}", figures
        )
    return HealthFinding(True, "no score is too good to be true", figures)


def fold_losses(predictions: pl.DataFrame, labels: pl.DataFrame, target: str) -> pl.DataFrame:
    """Mean loss by model and fold on rows with a known label: model, fold, rows, loss.

    The loss is the log loss for direction and the squared error for iv_rank.
    """
    if target == "direction":
        outcome, value = "direction", "p_neutral"
        chosen = pl.coalesce(
            pl.when(pl.col("outcome") == name).then(pl.col(f"p_{name}")) for name in DIRECTIONS
        )
        loss = -pl.max_horizontal(chosen, metrics.SMALLEST_PROBABILITY).log()
    else:
        outcome, value = "fwd_iv_rank_5d", "iv_rank_pred"
        loss = (pl.col("iv_rank_pred") - pl.col("outcome")) ** 2
    return (
        predictions.filter((pl.col("target") == target) & pl.col(value).is_not_null())
        .join(labels.select(*KEY, outcome=pl.col(outcome)), on=KEY)
        .filter(pl.col("outcome").is_not_null())
        .group_by("model", "fold")
        .agg(rows=pl.len(), loss=loss.mean())
        .sort("model", "fold")
    )


def kept_skill(losses: pl.DataFrame, model: str, naive: str) -> HealthFinding:
    """Whether the model's mean loss over its newest 24 folds is below that of the naive forecast.

    Rows have equal weight, so a month with only its first labels hardly matters. With fewer folds
    the verdict is passed. Significance is not required: a model that is only as good as the naive
    forecast is no basis for trading, yet would hardly ever lose a significance test against it.

    Args:
        losses: losses from :func:`fold_losses`.
        model: name of the shipped model.
        naive: name of its naive forecast.
    """
    ours = losses.filter(pl.col("model") == model).select("fold", "rows", "loss")
    theirs = losses.filter(pl.col("model") == naive).select("fold", naive_loss="loss")
    both = ours.join(theirs, on="fold").sort("fold").tail(SKILL_FOLDS)
    if both.height < SKILL_FOLDS:
        return HealthFinding(True, f"{both.height} months are too few to tell the skill of {model}")
    test = paired_test(both["naive_loss"].to_numpy(), both["loss"].to_numpy())
    gain = float(np.average(both["naive_loss"] - both["loss"], weights=both["rows"]))
    figures = {"gain": gain, "p_of_lost_skill": test.p_value, "folds": float(test.folds)}
    if gain > 0.0:
        return HealthFinding(
            True,
            f"{model} is better than {naive} by {gain:.2g} on the last {SKILL_FOLDS} months",
            figures,
        )
    why = (
        f"{naive} is better by more than chance (p {test.p_value:.3f})"
        if test.beats(LOST_LEVEL)
        else "there may be nothing to learn in this market, as in a simulated one"
    )
    return HealthFinding(
        False,
        f"the mean loss of {model} on the last {SKILL_FOLDS} months is not below that of {naive} "
        f"(gain {gain:.2g}): {why}; do not trade on it before it is understood, see: "
        "options-platform models list",
        figures,
    )


def fresh(rows: pl.DataFrame, folds: pl.DataFrame) -> HealthFinding:
    """Whether the newest predictions come from models trained up to at most 42 sessions earlier.

    Args:
        rows: rows of a model's table: date, ticker, model_id.
        folds: rows of `model_folds`.
    """
    with_model = rows.filter(pl.col("model_id").is_not_null())
    if with_model.is_empty():
        return HealthFinding(True, "no model yet: too little history to train on")
    newest = rows.filter(pl.col("date") == pl.col("date").max())
    missing = newest.filter(pl.col("model_id").is_null())
    if missing.height:
        names = ", ".join(missing["ticker"].to_list())
        return HealthFinding(
            False, f"the newest session has no model for {names}; backfill its month"
        )
    ends = folds.select("model_id", "train_end").unique("model_id")
    joined = newest.join(ends, on="model_id", how="left")
    ages = [
        OLDEST_TRAINING_SESSIONS + 1 if end is None else _sessions_between(end, day)
        for day, end in joined.select("date", "train_end").iter_rows()
    ]
    figures = {"sessions_since_training": float(max(ages))}
    if max(ages) > OLDEST_TRAINING_SESSIONS:
        return HealthFinding(
            False,
            f"the model is stale: its training ends {max(ages)} sessions before what it predicts "
            f"(at most {OLDEST_TRAINING_SESSIONS}); are labels missing? run: options-platform "
            "backfill --select features,labels",
            figures,
        )
    return HealthFinding(True, f"training ends {max(ages)} sessions before the prediction", figures)


def same_features(versions: Sequence[str], current: str) -> HealthFinding:
    """Whether all features were computed with the current feature declarations."""
    others = sorted(set(versions) - {current})
    if others:
        return HealthFinding(
            False,
            f"features of version {', '.join(others)} stand beside those of {current}; run: "
            "options-platform backfill --select features",
            {"current": current, "others": ", ".join(others)},
        )
    return HealthFinding(True, f"all features are of version {current}", {"current": current})


def no_drift(data: Dataset) -> HealthFinding:
    """Whether the inputs are valid and similar to the past; see `input_faults.py`, `drift.py`."""
    if faults := input_faults(data):
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        return HealthFinding(False, "; ".join(faults[:5]) + more, {"faults": "; ".join(faults)})
    drift = input_drift(data)
    if drift.is_empty():
        return HealthFinding(True, "too little history to tell drift")
    drifted = drift.filter("drifted")["input"].to_list()
    share = len(drifted) / drift.height
    top = drift.sort("psi", descending=True).row(0, named=True)
    figures: dict[str, float | str] = {
        "share_of_inputs_drifted": share,
        "drifted": ", ".join(drifted),
        "highest_psi": f"{top['input']} {top['psi']:.2f}",
        "highest_ks": float(np.max(drift["ks"].to_numpy())),
    }
    if share > DRIFTED_SHARE:
        return HealthFinding(
            False,
            f"{share:.0%} of the inputs depart further from the past than ever before: "
            f"{', '.join(drifted[:5])}",
            figures,
        )
    return HealthFinding(True, f"{len(drifted)} of {drift.height} inputs drifted", figures)


def _sessions_between(first: date, last: date) -> int:
    return sum(1 for day in all_sessions() if first < day <= last)
