"""Scores that are too good to be true: an alarm on the predictions, whatever made them so.

Years of work on this problem reach a macro AUC of about 0.61 and a bull-versus-bear AUC of 0.50.
A lower end of the 95% interval far above that is a leak until proven otherwise. Few rows need no
exception: their interval is wide, and a draw that holds one class only counts as 0.5. The interval
is drawn only when a plain score is above its bound, since every daily run asks.

A leak of the last months drowns in twenty years of honest rows, so the newest year and the newest
two are judged too. They, and any history shorter than a year, look more often at fewer rows: there
the lower end is that of the 99% interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.domain import metrics
from options_platform.models.dataset import Floats
from options_platform.models.evaluation.direction import bull_vs_bear, classes, probabilities

KEY = ["date", "ticker"]
Scores = Callable[[Floats], list[tuple[str, Floats, float]]]
"""From weights of the rows, shape (draws, rows), to metric, scores by draw, and bound."""


ALL_TIME = "all time"
RECENT_SESSIONS = {"the newest 12 months": 252, "the newest 24 months": 504}
USUAL_TAIL, STRICT_TAIL = 0.025, 0.005


@dataclass(frozen=True)
class Alarm:
    """A score, the lower end of its interval (NaN if it was not drawn), and that end's bound."""

    metric: str
    value: float
    low: float
    bound: float
    rows: int
    period: str = ALL_TIME

    @property
    def name(self) -> str:
        """The metric, with its period where that is not all time."""
        return self.metric if self.period == ALL_TIME else f"{self.metric}, {self.period}"

    @property
    def fires(self) -> bool:
        """Whether the score is too good."""
        return self.low > self.bound

    def __str__(self) -> str:
        at_least = "" if np.isnan(self.low) else f", at least {self.low:.3f}"
        return (
            f"{self.metric} {self.value:.3f}{at_least} on {self.rows} rows of {self.period} "
            f"(bound {self.bound:g})"
        )


MACRO_BOUND = 0.70
BULL_VS_BEAR_BOUND = 0.58
SKILL_BOUND = 0.40
SIGN_BOUND = 0.70


BOUNDS = {
    "auc_macro": MACRO_BOUND,
    "auc_bull_vs_bear": BULL_VS_BEAR_BOUND,
    "skill": SKILL_BOUND,
    "change_sign": SIGN_BOUND,
}


def too_good_scores(scores: Mapping[str, float]) -> list[str]:
    """Those of a trial's scores whose lower end, `NAME low`, is too good to be true, in words."""
    return [
        f"{name} {scores[name]:.3f}, at least {low:.3f} (bound {bound:g})"
        for name, bound in BOUNDS.items()
        if (low := scores.get(f"{name} low", float("nan"))) > bound
    ]


def direction_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms of rows of `direction_model` whose label is known; none without such rows."""
    known = (
        predictions.select(*KEY, "p_bearish", "p_neutral", "p_bullish")
        .join(labels.select(*KEY, target_value="direction"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    return _by_period(known, _direction_alarms)


def _direction_alarms(known: pl.DataFrame, period: str) -> list[Alarm]:
    p, target = probabilities(known), classes(known)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        each = [_uninformed(metrics.auc(p[:, k], target == k, weights)) for k in range(3)]
        sides = _uninformed(bull_vs_bear(p, target, weights))
        return [
            ("macro AUC", np.asarray(np.mean(each, axis=0)), MACRO_BOUND),
            ("bull-versus-bear AUC", sides, BULL_VS_BEAR_BOUND),
        ]

    return _alarms(scores, known, period)


def volatility_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms of rows of `volatility_model` whose label is known; none without such rows."""
    known = (
        predictions.select(*KEY, "iv_rank", "iv_rank_pred")
        .join(labels.select(*KEY, "fwd_iv_rank_5d"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    return _by_period(known, _volatility_alarms)


def _volatility_alarms(known: pl.DataFrame, period: str) -> list[Alarm]:
    today, predicted, actual = (known[n].to_numpy() for n in known.columns[2:])
    right = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        skill = np.nan_to_num(metrics.skill(predicted - actual, today - actual, weights))
        return [
            ("skill over persistence", skill, SKILL_BOUND),
            ("sign of the rank's change", metrics.mean(right, weights), SIGN_BOUND),
        ]

    return _alarms(scores, known, period)


def _by_period(
    known: pl.DataFrame, alarms: Callable[[pl.DataFrame, str], list[Alarm]]
) -> list[Alarm]:
    if known.is_empty():
        return []
    days = known["date"].unique().sort()
    found = alarms(known, ALL_TIME)
    for period, count in RECENT_SESSIONS.items():
        if len(days) > count:
            found += alarms(known.filter(pl.col("date") >= days[-count]), period)
    return found


def _alarms(scores: Scores, known: pl.DataFrame, period: str) -> list[Alarm]:
    found = scores(np.ones((1, known.height)))
    if any(draws[0] > bound for _, draws, bound in found):
        found = scores(_weights(known))
    short = known["date"].n_unique() < min(RECENT_SESSIONS.values())
    tail = STRICT_TAIL if short or period != ALL_TIME else USUAL_TAIL
    return [
        Alarm(metric, *metrics.interval(draws, tail)[:2], bound, known.height, period)
        for metric, draws, bound in found
    ]


def _uninformed(draws: Floats) -> Floats:
    return np.nan_to_num(draws, nan=0.5)


def _weights(known: pl.DataFrame) -> Floats:
    return metrics.block_weights(known["date"].to_numpy().astype("datetime64[D]"))
