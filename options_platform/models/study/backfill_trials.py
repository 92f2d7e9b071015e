"""Trials recorded by a backfill: its models were scored, so they count as tried."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
    known_labels = labels.filter(pl.col("known_on") <= end)
    rows = predictions.filter(
        pl.col("date").is_between(start, end)
        & pl.col("ticker").is_in(list(tickers))
        & pl.col(COLUMNS[target][0]).is_not_null()
    )
    naive = rows.filter(model=NAIVE[target])
    evaluate = evaluate_direction if target == "direction" else evaluate_volatility
    every = evaluate(rows, known_labels, with_interval=False)
    trials = []
    for model in every["model"].unique().sort():
        is_shipped = model == SHIPPED[target]
        parameters = {
            **(blend_of(target, champion).parameters if is_shipped else BASELINE_PARAMETERS[model]),
            "pooled": True,
        }
        spec = {
            "target": target, "model": model, "parameters": parameters, "data": data_hash,
            "tickers": sorted(tickers), "start": start.isoformat(), "end": end.isoformat(),
            "purpose": "backfill",
        }  # fmt: skip
        trial_id = hashlib.sha256(to_json(spec)).hexdigest()[:16]
        of_model = rows.filter(model=model).join(naive, on=KEY, how="semi")
        naive_rows = naive.join(of_model, on=KEY, how="semi")
        folds = (
            fold_losses(of_model, known_labels, target)
            .join(
                fold_losses(naive_rows, known_labels, target).select("fold", naive_loss="loss"),
                on="fold",
            )
            .with_columns(trial_id=pl.lit(trial_id))
            .select(pl.col(name).cast(dtype) for name, dtype in TRIAL_FOLDS.schema.items())
        )
        scores = headline(every, model)
        row = {
            "trial_id": trial_id,
            "target": target,
            "model": champion if is_shipped else model,
            "purpose": "backfill",
            "parameters": json.dumps(parameters, sort_keys=True),
            "data_hash": data_hash,
            "first": start,
            "last": end,
            "rows": int(folds["rows"].sum()),
            "loss": scores.get(LOSS[target]),
            "naive_loss": scores.get(f"{LOSS[target]} baseline"),
            "scores": json.dumps(scores, sort_keys=True),
            "tried_at": tried_at,
        }
        trials.append(Trial(pl.DataFrame([row], schema=TRIALS.schema), folds))
    return trials
