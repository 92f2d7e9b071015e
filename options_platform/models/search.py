"""The parameter search: which candidate a trial of it stands for, and how it is nested.

A year is predicted with the parameters that were best on the predictions of the years before it,
so that no parameter was chosen by the rows that score it. Every combination is a trial of
`trials.py` like any other. The optimiser itself (Optuna, an extra) is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from options_platform.models.candidates import Candidate
from options_platform.models.direction import DIRECTION_PARTS
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.ridge import Ridge
from options_platform.models.volatility import RANK_PARTS

SHORTEST_INNER_YEARS = 2


class Suggests(Protocol):
    """What of an Optuna trial is used."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""
        ...


@dataclass(frozen=True)
class Nest:
    """Parameters are chosen on the predictions of `inner` and scored on those of `outer`."""

    inner: tuple[date, date]
    outer: tuple[date, date]


def nests(first: date, last: date, *, years: int) -> Iterator[Nest]:
    """The newest `years` calendar years, each with all predictions before it, from `first` on."""
    for year in range(last.year - years + 1, last.year + 1):
        if year - first.year >= SHORTEST_INNER_YEARS:
            yield Nest(
                (first, date(year - 1, 12, 31)),
                (date(year, 1, 1), min(last, date(year, 12, 31))),
            )


def suggested(target: str, trial: Suggests) -> Candidate:
    """The shipped blend with the parameters that the optimiser suggests."""
    trees: dict[str, Any] = {
        "rounds": trial.suggest_int("rounds", 40, 250),
        "max_depth": trial.suggest_int("max_depth", 1, 4),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "subsample": trial.suggest_float("subsample", 0.3, 0.9),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 0.8),
        "min_child_weight": trial.suggest_float("min_child_weight", 10.0, 400.0, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 500.0, log=True),
    }
    penalty = 0.0
    if target == "iv_rank":
        penalty = trial.suggest_float("penalty", 5.0, 5000.0, log=True)
    return candidate_of(target, {**trees, "penalty": penalty})


def candidate_of(target: str, values: Mapping[str, Any]) -> Candidate:
    """The shipped blend with these parameters of its trees and its ridges."""
    trees = {name: value for name, value in values.items() if name != "penalty"}

    def changed(part: Part) -> Part:
        if isinstance(part, Boosted):
            return replace(part, **trees)
        if isinstance(part, Ridge):
            return replace(part, penalty=values["penalty"])
        return part

    shipped = DIRECTION_PARTS if target == "direction" else RANK_PARTS
    parts = tuple(changed(part) for part in shipped)
    blend = DirectionBlend if target == "direction" else RankBlend
    return Candidate(blend("searched", parts))
