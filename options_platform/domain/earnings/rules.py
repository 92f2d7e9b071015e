"""The settings of earnings reports: how their dates are read, and what they forbid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LONGEST_DAYS = 90
LARGEST_PREMIUM = 5.0
Timing = Literal["before_open", "after_close"]
Mode = Literal["life", "window", "off"]
Unknown = Literal["refuse", "allow"]
LIFE, WINDOW, OFF = "life", "window", "off"


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
    timing: dict[str, Timing] = field(default_factory=dict, metadata={"keys": "tickers"})
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


@dataclass(frozen=True)
class BlackoutRules:
    """How positions keep clear of earnings reports. Funds report nothing and are not affected.

    `mode`: `life` refuses an entry that would be open at a report, unless `exit_before` closes it
    before and at least `min_hold` sessions lie between the entry and that session; `window` refuses
    entries in the `days_before` sessions up to the last close before the report; `off` refuses
    nothing and closes nothing. With `exit_before` a position that a report would meet is closed
    that many sessions before the first one that knows the report: 1 is the session that ends with
    the last close before it, 0 closes nothing, and `life` then refuses every expiry beyond it.
    A date that the source does not confirm may be off: an estimated one counts as
    `estimated_sessions` sessions earlier and later, a projected one as `projected_days` calendar
    days. A stock without a date in the next 120 days is refused, or traded as if it did not report,
    as `unknown` says, and `unknown_in_backtests` for backtests.
    """

    mode: Mode = "life"
    days_before: int = 5
    exit_before: int = 1
    min_hold: int = 5
    estimated_sessions: int = 2
    projected_days: int = 7
    unknown: Unknown = "refuse"
    unknown_in_backtests: Unknown = "allow"

    def __post_init__(self) -> None:
        highest = {
            "days_before": 63, "exit_before": 20, "min_hold": 63, "estimated_sessions": 20,
            "projected_days": LONGEST_DAYS,
        }  # fmt: skip
        for name, most in highest.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is 0 to {most}, not {getattr(self, name)}")

    @property
    def closes(self) -> bool:
        """Whether positions are closed before a report."""
        return self.mode != OFF and self.exit_before > 0
