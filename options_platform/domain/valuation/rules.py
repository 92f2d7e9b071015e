"""The settings of values within a session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ValuationRules:
    """How far quotes are believed within a session.

    Quotes of a spread are wide where together they leave open more than `wide_share` of what its
    value can vary by (its width; the mid itself of what has no bound), and more than
    `wide_usd_per_leg` USD a share for each leg. A stop or a loss counts once a second look, at
    least `confirm_seconds` after the first, shows it too, and quotes that say nothing are waited
    for `wide_seconds` at the most. The model knows yesterday's volatility; where the spot has
    fallen since, up to `vol_beta` times that fall more of it (a fraction of it for each fraction of
    the spot). While quotes are wide no exit is offered at more than `model_tolerance` of the
    spread's width (of the model's value where it has none) beyond what the model says. A last
    price that the quotes contradict decides nothing, and one that is further than `max_move` from
    the close before, as a fraction of it, takes a second look.
    """

    wide_share: float = 0.2
    wide_usd_per_leg: float = 0.05
    confirm_seconds: float = 60.0
    wide_seconds: float = 900.0
    vol_beta: float = 5.0
    model_tolerance: float = 0.1
    max_move: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.wide_share < 1:
            raise ValueError("wide_share is a fraction such as 0.2")
        if not self.max_move > 0:
            raise ValueError("max_move is more than 0, such as 0.1")
        if not 0 <= self.wide_seconds <= 900:
            raise ValueError("wide_seconds is at most 900: width silences no stop for longer")
        for name in ("wide_usd_per_leg", "confirm_seconds", "vol_beta", "model_tolerance"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is not negative")
