"""The setting of models: which of them are trained on sessions before a report's reaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trained = Literal["direction", "volatility"]


@dataclass(frozen=True)
class ModelRules:
    """What models are trained on.

    `train_on_earnings` names the models that are trained on sessions with the reaction to a report
    among the next five. The direction is not: a move at a report says little about moves without.
    Such sessions are predicted and scored all the same. Without a company nothing changes.
    """

    train_on_earnings: tuple[Trained, ...] = ("volatility",)
