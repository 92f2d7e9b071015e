"""How much of the best of the trials is luck: how many were tried, how they ranked by month."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from options_platform.domain.statistics.overfitting import (
    PARTITIONS,
    deflated_best,
    overfitting_probability,
)
from options_platform.models.promotion import losses_by_trial, naive_losses


def luck(trials: pl.DataFrame, folds: pl.DataFrame, trial_ids: Sequence[str]) -> dict[str, float]:
    """How much of the best of `trial_ids` is luck, from the gains over the naive forecast by fold.

    Keys: trials (every set of parameters that was ever scored for the target, on whatever data,
    searches included; a variant that is the naive forecast is none), folds, deflated_sharpe_ratio
    (probability that the best has skill, given so many trials), overfitting_probability (CSCV over
    `trial_ids`, which share their folds); the last two are missing with too few folds or trials.

    Args:
        trials: rows of `trials`, all of them.
        folds: rows of `trial_folds`.
        trial_ids: trials of one target on the same data and months.
    """
    wide = losses_by_trial(folds, trial_ids)
    naive = naive_losses(folds, trial_ids[0]).join(wide.select("fold"), on="fold").sort("fold")
    gains = naive["naive_loss"].to_numpy()[:, None] - wide.select(trial_ids).to_numpy()
    moving = gains[:, np.ptp(gains, axis=0) > 0.0]
    others = _other_ratios(trials, folds, trial_ids)
    found = {"trials": float(moving.shape[1] + len(others)), "folds": float(len(gains))}
    if moving.shape[1] < 2 or len(moving) < 2 * PARTITIONS:
        return found
    return found | {
        "deflated_sharpe_ratio": deflated_best(moving, others=others),
        "overfitting_probability": overfitting_probability(moving, measure="mean"),
    }


def _other_ratios(
    trials: pl.DataFrame, folds: pl.DataFrame, trial_ids: Sequence[str]
) -> list[float]:
    """Sharpe ratios by fold of the target's other variants, one for each set of parameters."""
    said = pl.col("parameters").map_elements(_said, return_dtype=pl.String)
    every = trials.with_columns(variant=said)
    own = every.filter(pl.col("trial_id").is_in(list(trial_ids)))
    others = (
        every.filter(pl.col("target").is_in(own["target"].unique().to_list()))
        .join(own, on="variant", how="anti")
        .sort("tried_at")
        .unique("variant", keep="last", maintain_order=True)
    )
    gain = pl.col("naive_loss") - pl.col("loss")
    ratios = (
        folds.join(others.select("trial_id"), on="trial_id")
        .group_by("trial_id", maintain_order=True)
        .agg(ratio=gain.mean() / gain.std(), varies=gain.max() > gain.min())
        .filter("varies", pl.col("ratio").is_finite())
    )
    return ratios["ratio"].to_list()


def _said(parameters: str) -> str:
    """Parameters without those that say nothing: an older version wrote other ones of these."""
    return json.dumps(_without_nothing(json.loads(parameters)), sort_keys=True)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(each) for name, each in value.items() if each}
    return value
