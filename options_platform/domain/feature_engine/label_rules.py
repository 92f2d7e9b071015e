"""The settings of labels: how large a return counts as a move up or down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["auto", "fixed", "sigma"]
FIXED, SIGMA = "fixed", "sigma"
MOST_SIGMAS = 3.0


@dataclass(frozen=True)
class LabelRules:
    """How large a return over 5 sessions must be to be bullish or bearish.

    `scale`: `fixed` is 1% for every ticker; `sigma` is `sigmas` times the deviation that the last
    60 sessions suggest for 5, known at the close of the session; `auto` is sigma for stocks, which
    move by more than 1% nearly every week, and fixed for funds.
    """

    scale: Scale = "auto"
    sigmas: float = 0.42

    def __post_init__(self) -> None:
        if not 0.0 < self.sigmas <= MOST_SIGMAS:
            raise ValueError(f"sigmas is above 0 and at most {MOST_SIGMAS:g}, not {self.sigmas}")

    def scaled(self, tickers: tuple[str, ...], stocks: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the tickers whose labels are scaled; `stocks` are those that are no funds."""
        if self.scale == FIXED:
            return ()
        return tickers if self.scale == SIGMA else tuple(t for t in tickers if t in stocks)
