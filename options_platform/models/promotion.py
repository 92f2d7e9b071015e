"""Promotion of a variant to champion: only if it is significantly better out of sample.

It must beat the naive forecast and the current champion in paired tests over the folds that their
trials share. Trials on other data or other months cannot be compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from options_platform.domain.statistics.paired_test import PairedTest, paired_test
from options_platform.errors import UsageError
from options_platform.models.direction import DEFAULT_VARIANT
from options_platform.models.monitoring.alarms import too_good_scores
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.selection.candidates import CANDIDATES

DEFAULT = {"direction": DEFAULT_VARIANT, "iv_rank": "har_ridge_strong_calm_trees"}
"""Candidate names of the shipped defaults, by target."""
LEVEL = 0.05


@dataclass(frozen=True)
class Contender:
    """A trial comparable with the champion's, with tests against the naive forecast and the
    champion. `too_good` lists scores that suggest a leak."""

    model: str
    trial_id: str
    loss: float
    naive_loss: float
    against_naive: PairedTest
    against_champion: PairedTest
    too_good: tuple[str, ...] = ()

    @property
    def wins(self) -> bool:
        """Whether it may become champion."""
        return (
            not self.too_good
            and self.against_naive.beats(LEVEL)
            and self.against_champion.beats(LEVEL)
        )


def reigning(champions: pl.DataFrame, target: str) -> str:
    """Name of the current champion in rows of `champions`; the shipped default without rows."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    return rows["model"].to_list()[-1] if rows.height else DEFAULT[target]


def before(champions: pl.DataFrame, target: str) -> str | None:
    """Name of the champion that the newest row replaced; None if the default was never replaced."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    return [DEFAULT[target], *rows["model"].to_list()][-2] if rows.height else None


def reigns_of(champions: pl.DataFrame, target: str) -> list[str]:
    """Champions that rollbacks can return to, oldest first; the last one is current."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    reigns = [DEFAULT[target]]
    for name, trial_id in rows.select("model", "trial_id").iter_rows():
        if trial_id is None:
            reigns.pop()
        else:
            reigns.append(name)
    return reigns


def blend_of(target: str, name: str) -> DirectionBlend | RankBlend:
    """The blend of a candidate that can be traded on.

    Raises :class:`UsageError` for an unknown candidate, a baseline, or a candidate that is not
    pooled, because the stored models are trained on all tickers together.
    """
    by_name = {c.model.name: c for c in CANDIDATES[target]}
    if name not in by_name:
        raise UsageError(f"no candidate {name!r} for {target}; there are {', '.join(by_name)}")
    candidate = by_name[name]
    if not isinstance(candidate.model, DirectionBlend | RankBlend) or not candidate.pooled:
        raise UsageError(f"{name} is compared with, not traded on: it is a baseline or by ticker")
    if candidate.families:
        raise UsageError(
            f"{name} is compared with, not traded on: the daily run gives no model the features "
            f"of the family {', '.join(candidate.families)}"
        )
    return candidate.model


def contenders(
    trials: pl.DataFrame, folds: pl.DataFrame, target: str, champion: str
) -> list[Contender]:
    """Trials comparable with the champion's newest trial, which is included; lowest loss first.

    Empty if the champion was never tried.
    """
    of_target = trials.filter(pl.col("target") == target).sort("tried_at")
    of_champion = of_target.filter(pl.col("model") == champion)
    if of_champion.is_empty():
        return []
    champion_trial = of_champion.row(-1, named=True)
    comparable = of_target.filter(
        (pl.col("data_hash") == champion_trial["data_hash"])
        & (pl.col("first") == champion_trial["first"])
        & (pl.col("last") == champion_trial["last"])
    ).unique("model", keep="last", maintain_order=True)
    wide = losses_by_trial(folds, comparable["trial_id"].to_list())
    naive = (
        naive_losses(folds, champion_trial["trial_id"])
        .join(wide.select("fold"), on="fold")
        .sort("fold")
    )
    compared = []
    for row in comparable.sort("loss").iter_rows(named=True):
        losses = wide[row["trial_id"]].to_numpy()
        compared.append(
            Contender(
                row["model"],
                row["trial_id"],
                row["loss"],
                row["naive_loss"],
                paired_test(losses, naive["naive_loss"].to_numpy()),
                paired_test(losses, wide[champion_trial["trial_id"]].to_numpy()),
                tuple(too_good_scores(json.loads(row["scores"]))),
            )
        )
    return compared


def losses_by_trial(folds: pl.DataFrame, trial_ids: Sequence[str]) -> pl.DataFrame:
    """Losses of the folds that all trials share: a column `fold`, and one column per trial."""
    chosen = folds.filter(pl.col("trial_id").is_in(list(trial_ids)))
    wide = chosen.pivot(on="trial_id", index="fold", values="loss")
    return wide.drop_nulls().sort("fold").select("fold", *trial_ids)


def naive_losses(folds: pl.DataFrame, trial_id: str) -> pl.DataFrame:
    """Losses of the naive forecast in a trial's folds: columns fold and naive_loss."""
    return folds.filter(pl.col("trial_id") == trial_id).select("fold", "naive_loss")
