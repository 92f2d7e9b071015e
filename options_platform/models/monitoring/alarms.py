"""Scores that are too good to be true: an alarm on the predictions, whatever made them so.

Years of work on this problem reach a macro AUC of about 0.61 and a bull-versus-bear AUC of 0.50.
A lower end of the bootstrap interval far above that is a leak until proven otherwise.

A leak of some months drowns in twenty years of honest rows, so each calendar year, the newest 12
months and the newest 24 are judged beside all time. With some thirty looks the end of each is that
of the 99.8% interval, too far out to be read off the draws, and a quantile of few blocks is too
near in any case: it is the score less Student's t times the draws' deviation, with one degree of
freedom less than there are blocks. Inputs that move slowly make a few weeks one lucky event,
whatever the draws say; so the error is at least that of a share of as many rows as there are labels
that do not overlap. A draw that holds one class only counts as 0.5.

The interval is drawn only where a plain score is above its bound, since every daily run asks.
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
"""From weights of the rows, shape (draws, rows), to metric, scores by draw, and bound."""


ALL_TIME = "all time"
RECENT_SESSIONS = {"the newest 12 months": 252, "the newest 24 months": 504}
FEWEST_OF_A_YEAR = 126
"""A year with fewer sessions, the first or the last, has no look of its own."""
TAIL = 0.001
FEWEST_SESSIONS = 3 * HORIZON
"""On fewer every sign can be right by luck; they have no interval."""


@dataclass(frozen=True)
class Alarm:
    """A score, its interval's lower end, and the bound of that end.

    The end is NaN if it was not drawn, -inf if there are too few rows to draw.
    """

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
    return _by_period(known, _direction_scores)


def _direction_scores(known: pl.DataFrame) -> Scores:
    p, target = probabilities(known), classes(known)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        each = [_uninformed(metrics.auc(p[:, k], target == k, weights)) for k in range(3)]
        sides = _uninformed(bull_vs_bear(p, target, weights))
        return [
            ("macro AUC", np.asarray(np.mean(each, axis=0)), MACRO_BOUND),
            ("bull-versus-bear AUC", sides, BULL_VS_BEAR_BOUND),
        ]

    return scores


def volatility_alarms(predictions: pl.DataFrame, labels: pl.DataFrame) -> list[Alarm]:
    """Alarms of rows of `volatility_model` whose label is known; none without such rows."""
    known = (
        predictions.select(*KEY, "iv_rank", "iv_rank_pred")
        .join(labels.select(*KEY, "fwd_iv_rank_5d"), on=KEY)
        .drop_nulls()
        .sort(KEY)
    )
    return _by_period(known, _volatility_scores)


def _volatility_scores(known: pl.DataFrame) -> Scores:
    today, predicted, actual = (known[n].to_numpy() for n in known.columns[2:])
    right = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)

    def scores(weights: Floats) -> list[tuple[str, Floats, float]]:
        skill = np.nan_to_num(metrics.skill(predicted - actual, today - actual, weights))
        return [
            ("skill over persistence", skill, SKILL_BOUND),
            ("sign of the rank's change", metrics.mean(right, weights), SIGN_BOUND),
        ]

    return scores


def _by_period(known: pl.DataFrame, scores_of: Callable[[pl.DataFrame], Scores]) -> list[Alarm]:
    if known.is_empty():
        return []
    return [
        alarm
        for period, part in _periods(known).items()
        for alarm in _alarms(scores_of(part), part, period)
    ]


def _periods(known: pl.DataFrame) -> dict[str, pl.DataFrame]:
    days = known["date"].unique().sort()
    found = {ALL_TIME: known}
    for period, count in RECENT_SESSIONS.items():
        if len(days) > count:
            found[period] = known.filter(pl.col("date") >= days[-count])
    if len(days) > min(RECENT_SESSIONS.values()):
        for (year,), part in known.group_by(pl.col("date").dt.year(), maintain_order=True):
            if part["date"].n_unique() >= FEWEST_OF_A_YEAR:
                found[f"the year {year}"] = part
    return found


def _alarms(scores: Scores, known: pl.DataFrame, period: str) -> list[Alarm]:
    found = scores(np.ones((1, known.height)))
    lows = [float("nan")] * len(found)
    if any(draws[0] > bound for _, draws, bound in found):
        dates = known["date"].to_numpy().astype("datetime64[D]")
        found = scores(metrics.block_weights(dates))
        lows = [_low(draws, dates) for _, draws, _ in found]
    return [
        Alarm(metric, float(draws[0]), low, bound, known.height, period)
        for (metric, draws, bound), low in zip(found, lows, strict=True)
    ]


def _low(draws: Floats, dates: Days) -> float:
    score, sessions = float(draws[0]), len(np.unique(dates))
    if sessions < FEWEST_SESSIONS:
        return float("-inf")
    least_error = float(np.sqrt(max(score * (1.0 - score), 0.0) * HORIZON / sessions))
    return metrics.student_low(draws, metrics.block_count(dates), TAIL, least_error)


def _uninformed(draws: Floats) -> Floats:
    return np.nan_to_num(draws, nan=0.5)
