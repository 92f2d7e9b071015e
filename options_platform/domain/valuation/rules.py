"""Settings of intraday valuation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ValuationRules:
    """How far quotes are trusted within a session.

    Quotes of a spread are wide if their total bid-ask width exceeds both `wide_share` of the
    spread's width (of the mid if the value is unbounded) and `wide_usd_per_leg` USD a share per
    leg. A stop or a loss counts once a second look, at least `confirm_seconds` later, confirms it.
    After `wide_seconds` without conclusive quotes the model decides. The model uses yesterday's
    volatility; after a fall of the spot it may be higher by up to `vol_beta` times the fall (both
    relative). With wide quotes, an exit order is priced at most `model_tolerance` of the spread's
    width (of the model value if unbounded) beyond the model value. A last price that differs from
    the previous close by more than the fraction `max_move` needs a second look, and one that the
    quotes contradict is ignored.
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
