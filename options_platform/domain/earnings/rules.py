"""The settings of earnings reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LONGEST_DAYS = 90
LARGEST_PREMIUM = 5.0
Timing = Literal["before_open", "after_close"]


@dataclass(frozen=True)
class EarningsRules:
    """How dates of earnings reports are read.

    Before the first fetch nobody recorded what was known, so a session that lies before it is
    assumed to have known the dates of the next `assumed_known_days` calendar days, and of later
    reports only what the year before suggests. `timing` gives by ticker whether it reports
    before_open or after_close, for reports whose source does not say; without it, after_close is
    assumed.

    `event_premium` multiplies the sigma that modelled volatilities have for a report, which is
    about a third below that of real straddles (1.5 matches them). Without it the fitted sigma is
    used, and nothing that trades a report itself is priced on it (:attr:`prices_reports`).
    """

    assumed_known_days: int = 14
    timing: dict[str, Timing] = field(default_factory=dict)
    event_premium: float | None = None

    @property
    def prices_reports(self) -> bool:
        """Whether trades of a report itself may be priced on a modelled volatility."""
        return self.event_premium is not None

    def __post_init__(self) -> None:
        if not 0 <= self.assumed_known_days <= LONGEST_DAYS:
            raise ValueError(f"assumed_known_days are 0 to {LONGEST_DAYS}")
        if self.event_premium is not None and not 0 < self.event_premium <= LARGEST_PREMIUM:
            raise ValueError(f"event_premium is above 0 and at most {LARGEST_PREMIUM:g}")
