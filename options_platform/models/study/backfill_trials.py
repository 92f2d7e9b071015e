"""Trials recorded by a backfill: its models were scored, so they count as tried."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.models.base import to_json
from options_platform.models.baselines import MEAN_SESSIONS, PriorDirection
from options_platform.models.direction import SeedDirection
from options_platform.models.evaluation import (
    evaluate_direction,
    evaluate_volatility,
    headline,
)
from options_platform.models.monitoring.health import fold_losses
from options_platform.models.parts.blend import DirectionBlend
from options_platform.models.promotion import blend_of
from options_platform.models.selection.candidates import VIX_LOGIT
from options_platform.models.selection.trials import LOSS, Trial
from options_platform.models.study.model_study import COLUMNS, NAIVE, SHIPPED
from options_platform.models.volatility import AR1, SeedVolatility

PURPOSE = "backfill"
BASELINE_PARAMETERS: dict[str, Mapping[str, Any]] = {
    "prior": PriorDirection().parameters,
    "vix_logit": DirectionBlend("logit", (VIX_LOGIT,)).parameters,
    "seed_direction": SeedDirection().parameters,
    "persistence": {"name": "persistence"},
    "rolling_mean": {"name": "rolling_mean", "sessions": MEAN_SESSIONS},
    "ar1": AR1.parameters,
    "seed_volatility": SeedVolatility().parameters,
}
"""Parameters of each baseline in `model_predictions`; they are equal to those of its candidate, so
that a baseline that is also a candidate counts once."""


def backfill_trials(
    target: str,
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    *,
    champion: str,
    data_hash: str,
    tickers: Sequence[str],
    start: date,
    end: date,
    tried_at: datetime,
) -> list[Trial]:
    """The trials of a backfill: the champion and each baseline.

    Each is scored on those sessions and tickers of the backfill that the naive forecast predicts as
    well. These trials count as tried but are never used to choose a model, because they include
    the years reserved for a single final test. The champion has the parameters of its candidate, so
    both count once; a backfill repeated on the same data is the same trial.

    Args:
        target: direction or iv_rank.
        predictions: rows of `model_predictions` of the target.
        labels: rows of `labels`; labels that become known after `end` are ignored.
        champion: name of the variant that the shipped model is.
        data_hash: hash of the rows on which the models were trained.
        tickers: tickers that the backfill predicted.
        start: first session of the backfill.
        end: last session of the backfill.
        tried_at: time of the trial.
    """
    backfill = _Backfill(target, champion, data_hash, sorted(tickers), start, end, tried_at)
    known_labels = labels.filter(pl.col("known_on") <= end)
    rows = predictions.filter(
        pl.col("date").is_between(start, end)
        & pl.col("ticker").is_in(list(tickers))
        & pl.col(COLUMNS[target][0]).is_not_null()
    )
    naive = rows.filter(model=NAIVE[target])
    evaluate = evaluate_direction if target == "direction" else evaluate_volatility
    every = evaluate(rows, known_labels, with_interval=False)
    return [
        backfill.trial(
            model,
            _paired_losses(rows.filter(model=model), naive, known_labels, target),
            headline(every, model),
        )
        for model in every["model"].unique().sort()
    ]


def _paired_losses(
    of_model: pl.DataFrame, naive: pl.DataFrame, labels: pl.DataFrame, target: str
) -> pl.DataFrame:
    """Loss of the model and of the naive forecast per fold, on the rows that both predict."""
    model_rows = of_model.join(naive, on=KEY, how="semi")
    naive_rows = naive.join(model_rows, on=KEY, how="semi")
    naive_losses = fold_losses(naive_rows, labels, target).select("fold", naive_loss="loss")
    return fold_losses(model_rows, labels, target).join(naive_losses, on="fold")


@dataclass(frozen=True)
class _Backfill:
    """What all trials of a backfill share; `tickers` are sorted."""

    target: str
    champion: str
    data_hash: str
    tickers: list[str]
    start: date
    end: date
    tried_at: datetime

    def trial(self, model: str, losses: pl.DataFrame, scores: Mapping[str, float]) -> Trial:
        """The trial of a model, from its losses per fold and its headline scores."""
        parameters = self._parameters(model)
        trial_id = self._trial_id(model, parameters)
        folds = losses.with_columns(trial_id=pl.lit(trial_id)).select(
            pl.col(name).cast(dtype) for name, dtype in TRIAL_FOLDS.schema.items()
        )
        row = {
            "trial_id": trial_id,
            "target": self.target,
            "model": self.champion if model == SHIPPED[self.target] else model,
            "purpose": PURPOSE,
            "parameters": json.dumps(parameters, sort_keys=True),
            "data_hash": self.data_hash,
            "first": self.start,
            "last": self.end,
            "rows": int(folds["rows"].sum()),
            "loss": scores.get(LOSS[self.target]),
            "naive_loss": scores.get(f"{LOSS[self.target]} baseline"),
            "scores": json.dumps(scores, sort_keys=True),
            "tried_at": self.tried_at,
        }
        return Trial(pl.DataFrame([row], schema=TRIALS.schema), folds)

    def _parameters(self, model: str) -> dict[str, Any]:
        if model == SHIPPED[self.target]:
            return {**blend_of(self.target, self.champion).parameters, "pooled": True}
        return {**BASELINE_PARAMETERS[model], "pooled": True}

    def _trial_id(self, model: str, parameters: Mapping[str, Any]) -> str:
        """Id of a trial: the same model, parameters, data, tickers and range give the same id."""
        spec = {
            "target": self.target, "model": model, "parameters": parameters,
            "data": self.data_hash, "tickers": self.tickers, "start": self.start.isoformat(),
            "end": self.end.isoformat(), "purpose": PURPOSE,
        }  # fmt: skip
        return hashlib.sha256(to_json(spec)).hexdigest()[:16]
