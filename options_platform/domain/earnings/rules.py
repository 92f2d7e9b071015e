"""The settings of earnings reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LONGEST_DAYS = 90
Timing = Literal["before_open", "after_close"]


@dataclass(frozen=True)
class EarningsRules:
    """How dates of earnings reports are read.

    Before the first fetch nobody recorded what was known, so a session that lies before it is
    assumed to have known the dates of the next `assumed_known_days` calendar days, and of later
    reports only what the year before suggests. `timing` gives by ticker whether it reports
    before_open or after_close, for reports whose source does not say; without it, after_close is
    assumed.
    """

    assumed_known_days: int = 14
    timing: dict[str, Timing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.assumed_known_days <= LONGEST_DAYS:
            raise ValueError(f"assumed_known_days are 0 to {LONGEST_DAYS}")
