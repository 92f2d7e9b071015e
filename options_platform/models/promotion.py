"""When a variant becomes champion: only if it is better by more than chance, out of sample.

It must beat the naive forecast and the reigning champion in a paired test over the folds that
their trials share. Trials on other data or other months cannot be compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from options_platform.domain.statistics.paired_test import PairedTest, paired_test
from options_platform.errors import UsageError
from options_platform.models.monitoring.alarms import too_good_scores
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.selection.candidates import CANDIDATES

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
    """The champion's name from rows of `champions`; the shipped default where there are none."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    return rows["model"].to_list()[-1] if rows.height else DEFAULT[target]


def before(champions: pl.DataFrame, target: str) -> str | None:
    """The name that the newest row of `champions` replaced; None where the default still reigns."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    return [DEFAULT[target], *rows["model"].to_list()][-2] if rows.height else None


def reigns_of(champions: pl.DataFrame, target: str) -> list[str]:
    """The champions that a rollback can reach, the reigning one last: a rollback takes one off."""
    rows = champions.filter(pl.col("target") == target).sort("number")
    reigns = [DEFAULT[target]]
    for name, trial_id in rows.select("model", "trial_id").iter_rows():
        if trial_id is None:
            reigns.pop()
        else:
            reigns.append(name)
    return reigns


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
    wide = losses_by_trial(folds, comparable["trial_id"].to_list())
    naive = naive_losses(folds, mine["trial_id"]).join(wide.select("fold"), on="fold").sort("fold")
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
                tuple(too_good_scores(json.loads(row["scores"]))),
            )
        )
    return found


def losses_by_trial(folds: pl.DataFrame, trial_ids: Sequence[str]) -> pl.DataFrame:
    """Losses by fold: a column `fold` and one for each trial, of the folds that all share."""
    chosen = folds.filter(pl.col("trial_id").is_in(list(trial_ids)))
    wide = chosen.pivot(on="trial_id", index="fold", values="loss")
    return wide.drop_nulls().sort("fold").select("fold", *trial_ids)


def naive_losses(folds: pl.DataFrame, trial_id: str) -> pl.DataFrame:
    """The naive forecast's losses beside a trial: columns fold and naive_loss."""
    return folds.filter(pl.col("trial_id") == trial_id).select("fold", "naive_loss")
