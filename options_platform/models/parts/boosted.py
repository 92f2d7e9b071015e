"""Boosted trees on all inputs, for classes or numbers; the mean over several seeds."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Rows, Sample
from options_platform.models.trees import fit_trees, predict_trees

Target = Literal["direction", "rank_change"]
TARGETS: dict[Target, Callable[[Sample], Floats | Rows]] = {
    "direction": lambda sample: sample.direction,
    "rank_change": lambda sample: sample.fwd_iv_rank - sample.column("iv_rank"),
}


@dataclass(frozen=True)
class Boosted:
    """XGBoost; the defaults are regularised, shallow trees."""

    target: Target = "direction"
    name: str = "trees"
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("vix", "hv_20")
    rounds: int = 150
    max_depth: int = 2
    learning_rate: float = 0.03
    subsample: float = 0.5
    colsample_bytree: float = 0.3
    min_child_weight: float = 30.0
    reg_lambda: float = 20.0
    reg_alpha: float = 0.0
    gamma: float = 0.0
    max_bin: int = 64
    seeds: tuple[int, ...] = (42,)

    @property
    def suffix(self) -> str:
        """XGBoost's UBJSON for one seed, JSON with several of them otherwise."""
        return "ubj" if len(self.seeds) == 1 else "json"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return asdict(self)

    def fit(self, sample: Sample) -> bytes:
        """Fit one booster per seed; empty `inputs` means all inputs."""
        names = self.inputs or sample.names
        boosters = [
            fit_trees(
                sample.matrix(names),
                TARGETS[self.target](sample),
                names,
                rounds=self.rounds,
                parameters={**self._trees, "seed": seed},
            )
            for seed in self.seeds
        ]
        if len(boosters) == 1:
            return boosters[0]
        return to_json({"boosters": [base64.b64encode(b).decode() for b in boosters]})

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """The mean over the seeds."""
        names = self.inputs or sample.names
        inputs = sample.matrix(names)
        boosters = (
            [fitted]
            if len(self.seeds) == 1
            else [base64.b64decode(booster) for booster in from_json(fitted)["boosters"]]
        )
        mean = predict_trees(boosters[0], inputs, names)
        for booster in boosters[1:]:
            mean = mean + predict_trees(booster, inputs, names)
        mean = mean / len(boosters)
        complete = sample.complete(self.needs)
        if mean.ndim == 1:
            return np.where(complete, mean, np.nan)
        mean = mean / (mean[:, 0] + mean[:, 1] + mean[:, 2])[:, None]
        return np.where(complete[:, None], mean, np.nan)

    @property
    def _trees(self) -> Mapping[str, Any]:
        classes = (
            {"objective": "multi:softprob", "num_class": len(DIRECTIONS)}
            if self.target == "direction"
            else {"objective": "reg:squarederror"}
        )
        ours = {"target", "name", "inputs", "needs", "rounds", "seeds"}
        return {**classes, **{k: v for k, v in self.parameters.items() if k not in ours}}
