"""Direction from logits on a few scale-free inputs: multinomial, ordinal or two-stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Rows, Sample
from options_platform.models.linear import fit_logit, predict_logit

Kind = Literal["multinomial", "ordinal", "two_stage"]
SMALLEST = 1e-4


@dataclass(frozen=True)
class Logit:
    """A logit on `inputs`, and on the logarithms of `logs`.

    - `multinomial`: one softmax over the three classes;
    - `ordinal`: one logit each for P(above bearish) and P(above neutral) (Frank and Hall 2001);
    - `two_stage`: neutral or not, then bullish or bearish among the rest.
    """

    inputs: tuple[str, ...]
    logs: tuple[str, ...] = ()
    name: str = "logit"
    kind: Kind = "multinomial"
    inverse_penalty: float = 1.0
    suffix: str = "json"

    @property
    def needs(self) -> tuple[str, ...]:
        """All inputs."""
        return (*self.logs, *self.inputs)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        return asdict(self)

    def fit(self, sample: Sample) -> bytes:
        """Fit each logit of this kind of model."""
        inputs = self._inputs(sample)
        fits = [
            fit_logit(inputs[rows], target, classes=classes, inverse_penalty=self.inverse_penalty)
            for rows, target, classes in self._questions(sample.direction)
        ]
        return to_json({"fits": fits})

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """Probabilities of the three classes."""
        complete = sample.complete(self.needs)
        fits = from_json(fitted)["fits"]
        answers = [predict_logit(fit, self._inputs(sample)) for fit in fits]
        return np.asarray(np.where(complete[:, None], self._classes(answers), np.nan))

    def _inputs(self, sample: Sample) -> Floats:
        logs = np.log(np.maximum(sample.matrix(self.logs), SMALLEST))
        inputs = np.column_stack([logs, sample.matrix(self.inputs)])
        return np.asarray(np.nan_to_num(inputs), dtype=np.float64)

    def _questions(self, direction: Rows) -> list[tuple[Rows, Rows, int]]:
        rows = np.arange(len(direction))
        if self.kind == "multinomial":
            return [(rows, direction, len(DIRECTIONS))]
        if self.kind == "ordinal":
            return [(rows, (direction >= k).astype(np.int64), 2) for k in (1, 2)]
        moved = rows[direction != 1]
        if not len(moved):
            return [(rows, np.zeros(len(rows), np.int64), 2)]
        stays = (direction != 1).astype(np.int64)
        return [(rows, stays, 2), (moved, (direction[moved] == 2).astype(np.int64), 2)]

    def _classes(self, answers: list[Floats]) -> Floats:
        if self.kind == "multinomial":
            return answers[0]
        if self.kind == "ordinal":
            above_bearish = answers[0][:, 1]
            bullish = np.minimum(answers[1][:, 1], above_bearish)
            return np.column_stack([1.0 - above_bearish, above_bearish - bullish, bullish])
        moves = answers[0][:, 1]
        up = answers[1][:, 1] if len(answers) == 2 else np.full(len(moves), 0.5)
        return np.column_stack([moves * (1.0 - up), 1.0 - moves, moves * up])
