"""The trials that a backfill is: its models were scored, so they count among what was tried."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import Any

import polars as pl

from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.models.base import to_json
from options_platform.models.evaluation import headline
from options_platform.models.health import fold_losses
from options_platform.models.promotion import blend_of
from options_platform.models.study import NAIVE, SHIPPED, Study, Tables
from options_platform.models.trials import LOSS, Trial


def backfill_trials(
    target: str,
    found: Study,
    tables: Tables,
    *,
    champion: str,
    start: date,
    end: date,
    tried_at: datetime,
) -> list[Trial]:
    """The trials of a backfill: the champion and each baseline that stands beside it.

    They count as tried, and choose nothing: their months hold the years that are kept for one
    look. The champion's parameters are those of its candidate, so it counts once with it.
    """
    predictions = tables.predictions.filter(pl.col("date").is_between(start, end))
    losses = fold_losses(predictions, tables.labels.filter(pl.col("known_on") <= end), target)
    naive = losses.filter(model=NAIVE[target]).select("fold", naive_loss="loss")
    trials = []
    for model in losses["model"].unique().sort():
        name = champion if model == SHIPPED[target] else model
        scores = headline(found.scores, model)
        parameters: dict[str, Any] = {"name": model}
        if model == SHIPPED[target]:
            parameters = {**blend_of(target, champion).parameters, "pooled": True}
        spec = {
            "target": target, "model": name, "parameters": parameters, "data": found.data_hash,
            "start": start.isoformat(), "end": end.isoformat(), "purpose": "backfill",
        }  # fmt: skip
        trial_id = hashlib.sha256(to_json(spec)).hexdigest()[:16]
        own = losses.filter(model=model).join(naive, on="fold")
        folds = own.with_columns(trial_id=pl.lit(trial_id)).select(
            pl.col(name).cast(dtype) for name, dtype in TRIAL_FOLDS.schema.items()
        )
        row = {
            "trial_id": trial_id,
            "target": target,
            "model": name,
            "purpose": "backfill",
            "parameters": json.dumps(parameters, sort_keys=True),
            "data_hash": found.data_hash,
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
