"""Parameter search: its candidates, and nesting of choice and scoring.

A year is predicted with the parameters that were best on the predictions of the years before it, so
that no parameter is chosen on the rows that score it. Every combination is recorded as a trial
(`trials.py`). The caller provides the optimiser (Optuna).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Any, Protocol

from options_platform.models.direction import DIRECTION_PARTS
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.ridge import Ridge
from options_platform.models.selection.candidates import Candidate
from options_platform.models.volatility import RANK_PARTS

SHORTEST_INNER_YEARS = 2
WINDOWS = (0, 1260, 2520)
"""Training windows in sessions: all (0), five or ten years."""
SHIPPED_PARTS: dict[str, tuple[Part, ...]] = {
    "direction": DIRECTION_PARTS,
    "iv_rank": RANK_PARTS,
}


class Suggests(Protocol):
    """The methods of an Optuna trial that are used."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """An integer in the range."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number in the range."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        ...


@dataclass(frozen=True)
class Nest:
    """Parameters are chosen on predictions of the range `inner` and scored on `outer`."""

    inner: tuple[date, date]
    outer: tuple[date, date]


def nests(first: date, last: date, *, years: int) -> Iterator[Nest]:
    """The newest `years` calendar years as `outer`, each with all earlier years as `inner`."""
    for year in range(last.year - years + 1, last.year + 1):
        if year - first.year >= SHORTEST_INNER_YEARS:
            yield Nest(
                (first, date(year - 1, 12, 31)),
                (date(year, 1, 1), min(last, date(year, 12, 31))),
            )


def suggested(target: str, trial: Suggests) -> Candidate:
    """The shipped blend, or some of its parts, with parameters suggested by the optimiser."""
    names = trial.suggest_categorical("parts", part_choices(target))
    values: dict[str, Any] = {
        "parts": names,
        "window_sessions": trial.suggest_categorical("window_sessions", WINDOWS),
    }
    chosen = _chosen(target, names)
    if any(isinstance(part, Boosted) for part in chosen):
        values |= {
            "rounds": trial.suggest_int("rounds", 40, 250),
            "max_depth": trial.suggest_int("max_depth", 1, 4),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
            "subsample": trial.suggest_float("subsample", 0.3, 0.9),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 0.8),
            "min_child_weight": trial.suggest_float("min_child_weight", 10.0, 400.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 500.0, log=True),
        }
    if any(isinstance(part, Ridge) for part in chosen):
        values["penalty"] = trial.suggest_float("penalty", 5.0, 5000.0, log=True)
    return candidate_of(target, values)


def part_choices(target: str) -> tuple[str, ...]:
    """Every non-empty choice of the shipped parts, as names joined by +."""
    names = [part.name for part in SHIPPED_PARTS[target]]
    return tuple(
        "+".join(chosen)
        for count in range(1, len(names) + 1)
        for chosen in combinations(names, count)
    )


def candidate_of(target: str, values: Mapping[str, Any]) -> Candidate:
    """The blend with these parameters: parts, training window, trees and ridge penalty."""
    others = {"parts", "window_sessions", "penalty"}
    trees = {name: value for name, value in values.items() if name not in others}

    def changed(part: Part) -> Part:
        if isinstance(part, Boosted):
            return replace(part, **trees)
        if isinstance(part, Ridge):
            return replace(part, penalty=values["penalty"])
        return part

    parts = tuple(changed(part) for part in _chosen(target, values["parts"]))
    blend = DirectionBlend if target == "direction" else RankBlend
    return Candidate(blend("searched", parts, values["window_sessions"] or None))


def _chosen(target: str, names: str) -> list[Part]:
    return [part for part in SHIPPED_PARTS[target] if part.name in names.split("+")]
