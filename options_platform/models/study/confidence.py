"""Which level of a call's rank counts as confident: chosen by calibration, never by profit.

In the neutral regime a plan trades a direction only if the model is sure of it by its own standard
(`domain/planning/call_ranks.py`). The standard has three parts: the share of the earlier calls that
count as sure, which earlier calls are counted, and how far back. Each variant is scored on the
directional calls of the neutral regime that it calls confident: by the gap between their mean
probability and the share that came true.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import product

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.domain.planning.call_ranks import DIRECTIONAL, RANKED, call_ranks
from options_platform.domain.planning.selection import SelectionRules, is_confident
from options_platform.domain.statistics.bootstrap import Interval
from options_platform.domain.statistics.prediction_scores import block_weights, interval, mean
from options_platform.models.base import to_json
from options_platform.models.selection.trials import Trial

TARGET = "confidence"
REGIME = "neutral"
WINDOW_MONTHS = 36
SHARES = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}


@dataclass(frozen=True)
class ConfidenceLevel:
    """A definition of a confident call.

    A call is confident if at most `share` of the earlier calls are at least as probable. Counted
    are earlier calls in any regime, or with `neutral_only` in the neutral regime; of all months
    before the month of the call, or of the last `window_months`.
    """

    name: str
    share: float
    neutral_only: bool = False
    window_months: int | None = None

    def changes(self, other: ConfidenceLevel) -> int:
        """How many of the three parts differ from another level's."""
        parts = ("share", "neutral_only", "window_months")
        return sum(getattr(self, part) != getattr(other, part) for part in parts)


def _levels() -> tuple[ConfidenceLevel, ...]:
    scopes = (("", False), ("_of_neutral", True))
    windows = (("", None), ("_3_years", WINDOW_MONTHS))
    return tuple(
        ConfidenceLevel(f"upper_{share}{scope}{window}", SHARES[share], neutral_only, months)
        for share, (scope, neutral_only), (window, months) in product(
            ("third", "half", "quarter"), scopes, windows
        )
    )


LEVELS = _levels()
"""The levels that compete; the first is the default."""
DEFAULT_LEVEL = LEVELS[0]


@dataclass(frozen=True)
class LevelScore:
    """Scores of a level on the directional calls of the neutral regime, with 95% intervals.

    gap: mean probability of the confident calls less the share of them that came true, a fraction;
    positive where the model is too sure. advantage: the share that came true among the confident
    calls less that among the others. `calls` are the confident calls, `rated` all calls with enough
    earlier ones; `gap_of_all` is the gap of these. A value without calls is NaN. `months` are the
    gaps by month: fold, rows, loss and naive_loss (the gaps of confident and of all rated calls).
    """

    level: ConfidenceLevel
    rated: int
    calls: int
    mean_p: float
    hit_rate: float
    gap: Interval
    advantage: Interval
    gap_of_all: float
    months: pl.DataFrame

    @property
    def is_off(self) -> bool:
        """Whether the interval of the gap excludes zero."""
        return bool(self.gap.low > 0.0 or self.gap.high < 0.0)


class ConfidenceStudy:
    """The calls that all levels are scored on."""

    def __init__(
        self,
        predictions: pl.DataFrame,
        regimes: pl.DataFrame,
        labels: pl.DataFrame,
        *,
        start: date,
        end: date,
        rules: SelectionRules | None = None,
    ) -> None:
        """Read nothing after `end`: neither predictions nor labels that become known later.

        Args:
            predictions: rows of `direction_model` with the columns that ranks need, from the first.
            regimes: date, ticker and regime.
            labels: date, ticker, direction and known_on, from `labels`.
            start: first session whose calls are scored.
            end: last session; outcomes must be known by then.
            rules: gives the fewest earlier calls that a rank needs.
        """
        self.start, self.end = start, end
        self.fewest = (rules or SelectionRules()).fewest_calls
        outcome = labels.filter(pl.col("known_on") <= end).select(*KEY, came="direction")
        self._predictions = (
            predictions.filter(pl.col("date") <= end)
            .select(*KEY, *RANKED)
            .join(regimes.select(*KEY, "regime"), on=KEY, how="left", maintain_order="left")
            .join(outcome, on=KEY, how="left", maintain_order="left")
            .sort(KEY)
        )

    @property
    def data_hash(self) -> str:
        """Hash (16 hex digits) of the predictions, regimes and outcomes."""
        return hashlib.sha256(self._predictions.write_csv().encode()).hexdigest()[:16]

    def score(self, level: ConfidenceLevel) -> LevelScore:
        """The scores of a level."""
        counted = pl.col("regime") == REGIME if level.neutral_only else None
        ranks = call_ranks(self._predictions, counted=counted, window_months=level.window_months)
        rules = SelectionRules(confident_share=level.share, fewest_calls=self.fewest)
        rated = (
            self._predictions.join(ranks, on=KEY, maintain_order="left")
            .filter(
                pl.col("date") >= self.start,
                pl.col("regime") == REGIME,
                pl.col("direction").is_in(DIRECTIONAL),
                pl.col("came").is_not_null(),
                pl.col("earlier_calls") >= self.fewest,
            )
            .with_columns(
                p=pl.max_horizontal("p_bearish", "p_neutral", "p_bullish"),
                hit=(pl.col("direction") == pl.col("came")).cast(pl.Float64),
                inside=is_confident(rules),
            )
        )
        return _scored(level, rated)


def _scored(level: ConfidenceLevel, rated: pl.DataFrame) -> LevelScore:
    inside = rated["inside"].to_numpy()
    p, hit = rated["p"].to_numpy(), rated["hit"].to_numpy()
    weights = block_weights(rated["date"].to_numpy()) if rated.height else np.zeros((1, 0))
    hits_inside = mean(hit[inside], weights[:, inside])
    hits_outside = mean(hit[~inside], weights[:, ~inside])
    gap = pl.col("p") - pl.col("hit")
    months = (
        rated.group_by("fold", maintain_order=True)
        .agg(
            rows=pl.col("inside").sum(),
            loss=gap.filter(pl.col("inside")).mean(),
            naive_loss=gap.mean(),
        )
        .filter(pl.col("rows") > 0)
    )
    return LevelScore(
        level=level,
        rated=rated.height,
        calls=int(inside.sum()),
        mean_p=_mean(p[inside]),
        hit_rate=_mean(hit[inside]),
        gap=Interval(*interval(mean((p - hit)[inside], weights[:, inside]))),
        advantage=Interval(*interval(hits_inside - hits_outside)),
        gap_of_all=_mean(p - hit),
        months=months,
    )


def choose_level(scores: Sequence[LevelScore]) -> ConfidenceLevel:
    """The level to trade by, a rule that was fixed before any level was scored.

    The default stays unless the interval of its gap excludes zero and that of another does not. Of
    several others the one with the smallest gap in absolute terms is taken, of equals the one that
    changes least. A level without a confident call is never taken.
    """
    of_default = next(score for score in scores if score.level == DEFAULT_LEVEL)
    calibrated = [score for score in scores if score.calls and not score.is_off]
    if not of_default.is_off or not calibrated:
        return DEFAULT_LEVEL
    best = min(
        calibrated, key=lambda score: (abs(score.gap.value), score.level.changes(DEFAULT_LEVEL))
    )
    return best.level


def confidence_trial(
    study: ConfidenceStudy, score: LevelScore, *, purpose: str, tried_at: datetime
) -> Trial:
    """The score of a level as a row of `trials` and rows of `trial_folds`.

    Its loss is the absolute gap of the confident calls, its naive loss that of all rated calls.
    """
    parameters = {**asdict(score.level), "fewest_calls": study.fewest}
    spec = {
        "target": TARGET, "parameters": parameters, "data": study.data_hash, "purpose": purpose,
        "start": study.start.isoformat(), "end": study.end.isoformat(),
    }  # fmt: skip
    trial_id = hashlib.sha256(to_json(spec)).hexdigest()[:16]
    values = {
        "mean_p": score.mean_p, "hit_rate": score.hit_rate, "rated": float(score.rated),
        "gap": score.gap.value, "gap low": score.gap.low, "gap high": score.gap.high,
        "advantage": score.advantage.value, "advantage low": score.advantage.low,
        "advantage high": score.advantage.high,
    }  # fmt: skip
    row = {
        "trial_id": trial_id,
        "target": TARGET,
        "model": score.level.name,
        "purpose": purpose,
        "parameters": json.dumps(parameters, sort_keys=True),
        "data_hash": study.data_hash,
        "first": study.start,
        "last": study.end,
        "rows": score.calls,
        "loss": abs(score.gap.value),
        "naive_loss": abs(score.gap_of_all),
        "scores": json.dumps(
            {name: value for name, value in values.items() if np.isfinite(value)}, sort_keys=True
        ),
        "tried_at": tried_at,
    }
    folds = score.months.with_columns(trial_id=pl.lit(trial_id)).select(
        pl.col(name).cast(dtype) for name, dtype in TRIAL_FOLDS.schema.items()
    )
    return Trial(pl.DataFrame([row], schema=TRIALS.schema), folds)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
