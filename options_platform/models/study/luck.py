"""How much of the best trial is luck, from the number of trials and their losses by month."""

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
    """Luck of the best of `trial_ids`, from the gains over the naive forecast by fold.

    Args:
        trials: all rows of `trials`.
        folds: rows of `trial_folds`.
        trial_ids: trials of one target on the same data and months.

    Returns:
        trials: number of parameter sets ever scored for the target, on any data, searches included
        (a variant equal to the naive forecast does not count); folds; deflated_sharpe_ratio, the
        probability that the best has skill given the number of trials; overfitting_probability
        (CSCV over `trial_ids`). The last two are missing with too few folds or trials.
    """
    wide = losses_by_trial(folds, trial_ids)
    naive = naive_losses(folds, trial_ids[0]).join(wide.select("fold"), on="fold").sort("fold")
    gains = naive["naive_loss"].to_numpy()[:, None] - wide.select(trial_ids).to_numpy()
    moving = gains[:, np.ptp(gains, axis=0) > 0.0]
    others = _other_ratios(trials, folds, trial_ids)
    counts = {"trials": float(moving.shape[1] + len(others)), "folds": float(len(gains))}
    if moving.shape[1] < 2 or len(moving) < 2 * PARTITIONS:
        return counts
    return counts | {
        "deflated_sharpe_ratio": deflated_best(moving, others=others),
        "overfitting_probability": overfitting_probability(moving, measure="mean"),
    }


def _other_ratios(
    trials: pl.DataFrame, folds: pl.DataFrame, trial_ids: Sequence[str]
) -> list[float]:
    """Sharpe ratios over folds of the target's other variants, one per set of parameters."""
    variant = pl.col("parameters").map_elements(_variant_key, return_dtype=pl.String)
    every = trials.with_columns(variant=variant)
    chosen = every.filter(pl.col("trial_id").is_in(list(trial_ids)))
    others = (
        every.filter(pl.col("target").is_in(chosen["target"].unique().to_list()))
        .join(chosen, on="variant", how="anti")
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


def _variant_key(parameters: str) -> str:
    """Parameters without empty ones, which older versions recorded differently."""
    return json.dumps(_without_empty(json.loads(parameters)), sort_keys=True)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(each) for name, each in value.items() if each}
    return value
