"""Alarms on scores that are too good to be true, whatever their cause.

Good models of this problem reach a macro AUC of about 0.61 and a bull-versus-bear AUC of 0.50. A
lower confidence bound far above that is a leak until proven otherwise.

A leak in a few months would be hidden among twenty years of honest rows, so each calendar year, the
newest 12 and the newest 24 months are judged besides all time. With about thirty such periods the
bound is that of the 99.8% interval, which is too extreme for a quantile of the draws: it is the
score less Student's t times the standard deviation of the draws, with one degree of freedom less
than blocks. Slowly changing inputs make a few weeks a single lucky event, so the standard error is
at least that of a proportion over non-overlapping labels. A draw with one class only counts as 0.5.

The interval is computed only if a plain score exceeds its bound, because every daily run asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.feature_engine.labels import HORIZON
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.dataset import Days
from options_platform.models.evaluation.direction import bull_vs_bear, classes, probabilities

Scores = Callable[[Floats], list[tuple[str, Floats, float]]]
"""Maps weights of the rows, shape (draws, rows), to (metric, scores by draw, bound)."""


ALL_TIME = "all time"
RECENT_SESSIONS = {"the newest 12 months": 252, "the newest 24 months": 504}
FEWEST_OF_A_YEAR = 126
"""A calendar year with fewer sessions is not judged separately."""
TAIL = 0.001
FEWEST_SESSIONS = 3 * HORIZON
"""With fewer sessions every sign can be right by luck; no interval is computed."""


@dataclass(frozen=True)
class Alarm:
    """A score, its lower confidence bound `low`, and the `bound` that `low` must not exceed.

    `low` is NaN if it was not computed, -inf if there are too few sessions.
    """

    metric: str
    value: float
    low: float
    bound: float
    rows: int
    period: str = ALL_TIME

    @property
    def name(self) -> str:
        """The metric, followed by the period unless that is all time."""
        return self.metric if self.period == ALL_TIME else f"{self.metric}, {self.period}"

    @property
    def fires(self) -> bool:
        """Whether the score is too good to be true."""
        return self.low > self.bound

    def __str__(self) -> str:
        at_least = f", at least {self.low:.3f}" if np.isfinite(self.low) else ""
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
    """Scores of a trial whose lower bound, `NAME low`, is too good to be true, as text."""
    return [
        f"{name} {scores[name]:.3f}, at least {low:.3f} (bound {bound:g})"
        for name, bound in BOUNDS.items()
        if (low := scores.get(f"{name} low", float("nan"))) > bound
    ]


def direction_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms for rows of `direction_model` with a known label; empty without such rows."""
    labelled_rows = (
        predictions.select(*KEY, "p_bearish", "p_neutral", "p_bullish")
        .join(labels.select(*KEY, target_value="direction"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    return _by_period(labelled_rows, _direction_scores)


def _direction_scores(labelled_rows: pl.DataFrame) -> Scores:
    p, target = probabilities(labelled_rows), classes(labelled_rows)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        each = [_uninformed(metrics.auc(p[:, k], target == k, weights)) for k in range(3)]
        sides = _uninformed(bull_vs_bear(p, target, weights))
        return [
            ("macro AUC", np.asarray(np.mean(each, axis=0)), MACRO_BOUND),
            ("bull-versus-bear AUC", sides, BULL_VS_BEAR_BOUND),
        ]

    return scores


def volatility_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms for rows of `volatility_model` with a known label; empty without such rows."""
    labelled_rows = (
        predictions.select(*KEY, "iv_rank", "iv_rank_pred")
        .join(labels.select(*KEY, "fwd_iv_rank_5d"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    return _by_period(labelled_rows, _volatility_scores)


def _volatility_scores(labelled_rows: pl.DataFrame) -> Scores:
    today, predicted, actual = (labelled_rows[n].to_numpy() for n in labelled_rows.columns[2:])
    right = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        skill = np.nan_to_num(metrics.skill(predicted - actual, today - actual, weights))
        return [
            ("skill over persistence", skill, SKILL_BOUND),
            ("sign of the rank's change", metrics.mean(right, weights), SIGN_BOUND),
        ]

    return scores


def _by_period(
    labelled_rows: pl.DataFrame, scores_of: Callable[[pl.DataFrame], Scores]
) -> list[Alarm]:
    if labelled_rows.is_empty():
        return []
    return [
        alarm
        for period, part in _periods(labelled_rows).items()
        for alarm in _alarms(scores_of(part), part, period)
    ]


def _periods(labelled_rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    days = labelled_rows["date"].unique().sort()
    by_period = {ALL_TIME: labelled_rows}
    for period, count in RECENT_SESSIONS.items():
        if len(days) > count:
            by_period[period] = labelled_rows.filter(pl.col("date") >= days[-count])
    if len(days) > min(RECENT_SESSIONS.values()):
        for (year,), part in labelled_rows.group_by(pl.col("date").dt.year(), maintain_order=True):
            if part["date"].n_unique() >= FEWEST_OF_A_YEAR:
                by_period[f"the year {year}"] = part
    return by_period


def _alarms(scores: Scores, labelled_rows: pl.DataFrame, period: str) -> list[Alarm]:
    scored = scores(np.ones((1, labelled_rows.height)))
    lows = [float("nan")] * len(scored)
    if any(draws[0] > bound for _, draws, bound in scored):
        dates = labelled_rows["date"].to_numpy().astype("datetime64[D]")
        scored = scores(metrics.block_weights(dates))
        lows = [_low(draws, dates) for _, draws, _ in scored]
    return [
        Alarm(metric, float(draws[0]), low, bound, labelled_rows.height, period)
        for (metric, draws, bound), low in zip(scored, lows, strict=True)
    ]


def _low(draws: Floats, dates: Days) -> float:
    score, sessions = float(draws[0]), len(np.unique(dates))
    if sessions < FEWEST_SESSIONS:
        return float("-inf")
    least_error = float(np.sqrt(max(score * (1.0 - score), 0.0) * HORIZON / sessions))
    return metrics.student_low(draws, metrics.block_count(dates), TAIL, least_error)


def _uninformed(draws: Floats) -> Floats:
    return np.nan_to_num(draws, nan=0.5)
