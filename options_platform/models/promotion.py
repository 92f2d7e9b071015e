"""When a variant becomes champion: only if it is better by more than chance, out of sample.

It must beat the naive forecast and the reigning champion in a paired test over the folds that
their trials share. Trials on other data or other months cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.domain.comparison import PairedTest, paired_test
from options_platform.domain.overfitting import PARTITIONS, deflated_best, overfitting_probability
from options_platform.errors import UsageError
from options_platform.models.candidates import CANDIDATES
from options_platform.models.parts.blend import DirectionBlend, RankBlend

DEFAULT = {"direction": "scaled_calm_trees", "iv_rank": "har_ridge_strong_calm_trees"}
"""The shipped defaults, by the names of their candidates."""
LEVEL = 0.05


@dataclass(frozen=True)
class Contender:
    """A trial beside the champion's: tests against the naive forecast and the champion."""

    model: str
    trial_id: str
    loss: float
    naive_loss: float
    against_naive: PairedTest
    against_champion: PairedTest

    @property
    def wins(self) -> bool:
        """Whether it may become champion."""
        return self.against_naive.beats(LEVEL) and self.against_champion.beats(LEVEL)


def reigning(champions: pl.DataFrame, target: str) -> str:
    """The champion's name from rows of `champions`; the shipped default where there are none."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    return rows["model"].to_list()[-1] if rows.height else DEFAULT[target]


def blend_of(target: str, name: str) -> DirectionBlend | RankBlend:
    """The candidate that may be traded on.

    Raises :class:`UsageError` for an unknown one, a baseline, and one that is not pooled: the
    stored models are trained on all tickers together.
    """
    known = {c.model.name: c for c in CANDIDATES[target]}
    if name not in known:
        raise UsageError(f"no candidate {name!r} for {target}; there are {', '.join(known)}")
    candidate = known[name]
    if not isinstance(candidate.model, DirectionBlend | RankBlend) or not candidate.pooled:
        raise UsageError(f"{name} is compared with, not traded on: it is a baseline or by ticker")
    return candidate.model


def contenders(
    trials: pl.DataFrame, folds: pl.DataFrame, target: str, champion: str
) -> list[Contender]:
    """The trials that are comparable with the champion's newest one, best first; itself included.

    Empty if the champion was never tried.
    """
    of_target = trials.filter(pl.col("target") == target).sort("tried_at")
    own = of_target.filter(pl.col("model") == champion)
    if own.is_empty():
        return []
    mine = own.row(-1, named=True)
    comparable = of_target.filter(
        (pl.col("data_hash") == mine["data_hash"])
        & (pl.col("first") == mine["first"])
        & (pl.col("last") == mine["last"])
    ).unique("model", keep="last", maintain_order=True)
    wide = fold_losses(folds, comparable["trial_id"].to_list())
    naive = _naive(folds, mine["trial_id"]).join(wide.select("fold"), on="fold").sort("fold")
    found = []
    for row in comparable.sort("loss").iter_rows(named=True):
        ours = wide[row["trial_id"]].to_numpy()
        found.append(
            Contender(
                row["model"],
                row["trial_id"],
                row["loss"],
                row["naive_loss"],
                paired_test(ours, naive["naive_loss"].to_numpy()),
                paired_test(ours, wide[mine["trial_id"]].to_numpy()),
            )
        )
    return found


def luck(folds: pl.DataFrame, trial_ids: Sequence[str]) -> dict[str, float]:
    """How much of the best trial is luck, from the gains over the naive forecast by fold.

    Keys: trials, folds, deflated_sharpe_ratio (probability that the best has skill),
    overfitting_probability (CSCV); the last is missing with too few folds or trials.
    """
    wide = fold_losses(folds, trial_ids)
    naive = _naive(folds, trial_ids[0]).join(wide.select("fold"), on="fold").sort("fold")
    gains = naive["naive_loss"].to_numpy()[:, None] - wide.select(trial_ids).to_numpy()
    moving = gains[:, np.ptp(gains, axis=0) > 0.0]
    found = {"trials": float(gains.shape[1]), "folds": float(len(gains))}
    if moving.shape[1] < 2 or len(moving) < 2 * PARTITIONS:
        return found
    return found | {
        "deflated_sharpe_ratio": deflated_best(moving),
        "overfitting_probability": overfitting_probability(moving, measure="mean"),
    }


def fold_losses(folds: pl.DataFrame, trial_ids: Sequence[str]) -> pl.DataFrame:
    """Losses by fold: a column `fold` and one for each trial, of the folds that all share."""
    chosen = folds.filter(pl.col("trial_id").is_in(list(trial_ids)))
    wide = chosen.pivot(on="trial_id", index="fold", values="loss")
    return wide.drop_nulls().sort("fold").select("fold", *trial_ids)


def _naive(folds: pl.DataFrame, trial_id: str) -> pl.DataFrame:
    return folds.filter(pl.col("trial_id") == trial_id).select("fold", "naive_loss")
