"""Scores that are too good to be true: an alarm on the predictions, whatever made them so.

Years of work on this problem reach a macro AUC of about 0.61 and a bull-versus-bear AUC of 0.50.
A lower end of the 95% interval far above that is a leak until proven otherwise. Few rows need no
exception: their interval is wide, and a draw that holds one class only counts as 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.domain import metrics
from options_platform.models.dataset import Floats
from options_platform.models.evaluation.direction import bull_vs_bear, classes, probabilities

KEY = ["date", "ticker"]


@dataclass(frozen=True)
class Alarm:
    """A score with its interval, and the bound that its lower end must not pass."""

    metric: str
    value: float
    low: float
    bound: float
    rows: int

    @property
    def fires(self) -> bool:
        """Whether the score is too good."""
        return self.low > self.bound

    def __str__(self) -> str:
        return (
            f"{self.metric} {self.value:.3f}, at least {self.low:.3f} on {self.rows} rows "
            f"(bound {self.bound:g})"
        )


MACRO_BOUND = 0.70
BULL_VS_BEAR_BOUND = 0.58
SKILL_BOUND = 0.40
SIGN_BOUND = 0.70


def direction_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms of rows of `direction_model` whose label is known; none without such rows."""
    known = (
        predictions.select(*KEY, "p_bearish", "p_neutral", "p_bullish")
        .join(labels.select(*KEY, target_value="direction"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    if known.is_empty():
        return []
    p, target, weights = probabilities(known), classes(known), _weights(known)
    each = [_uninformed(metrics.auc(p[:, k], target == k, weights)) for k in range(3)]
    return [
        _alarm("macro AUC", np.asarray(np.mean(each, axis=0)), MACRO_BOUND, known),
        _alarm(
            "bull-versus-bear AUC",
            _uninformed(bull_vs_bear(p, target, weights)),
            BULL_VS_BEAR_BOUND,
            known,
        ),
    ]


def volatility_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms of rows of `volatility_model` whose label is known; none without such rows."""
    known = (
        predictions.select(*KEY, "iv_rank", "iv_rank_pred")
        .join(labels.select(*KEY, "fwd_iv_rank_5d"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    if known.is_empty():
        return []
    today, predicted, actual = (known[n].to_numpy() for n in known.columns[2:])
    weights = _weights(known)
    skill = metrics.skill(predicted - actual, today - actual, weights)
    right = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)
    return [
        _alarm("skill over persistence", np.nan_to_num(skill), SKILL_BOUND, known),
        _alarm("sign of the rank's change", metrics.mean(right, weights), SIGN_BOUND, known),
    ]


def _alarm(metric: str, draws: Floats, bound: float, known: pl.DataFrame) -> Alarm:
    value, low, _ = metrics.interval(draws)
    return Alarm(metric, value, low, bound, known.height)


def _uninformed(draws: Floats) -> Floats:
    return np.nan_to_num(draws, nan=0.5)


def _weights(known: pl.DataFrame) -> Floats:
    return metrics.block_weights(known["date"].to_numpy().astype("datetime64[D]"))
