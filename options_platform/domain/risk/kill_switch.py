"""The kill switch: losses that halt all entries until a person resets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from options_platform.domain.risk.limits import Check
from options_platform.domain.risk.rules import KillSwitchRules

DAILY_LOSS, DRAWDOWN = "DAILY_LOSS", "DRAWDOWN"


def is_of_losses(halt: str) -> bool:
    """Whether a halt was triggered by losses, as opposed to by a person."""
    return halt.startswith((f"{DAILY_LOSS}: ", f"{DRAWDOWN}: "))


def reason_of(lost: Check) -> str:
    """Reason text of a halt triggered by this loss."""
    return f"{lost.code}: {lost.value:,.2f} USD lost, the limit is {lost.threshold:,.2f}"


def after_closes(equities_usd: Iterable[float], rules: KillSwitchRules) -> KillSwitch | None:
    """The switch after these closes, oldest first; losses count from the first one.

    None without closes.
    """
    switch = None
    for equity in equities_usd:
        switch = KillSwitch(equity, equity) if switch is None else switch.after(equity, rules)
    return switch


@dataclass(frozen=True)
class KillSwitch:
    """State of an account's kill switch.

    `peak_usd` is the highest equity since the last reset, `previous_usd` the equity at the last
    close; `tripped` is the check that halted entries, None if they are not halted.
    """

    peak_usd: float
    previous_usd: float
    tripped: Check | None = None

    @property
    def halted(self) -> bool:
        """Whether entries are halted; closing a position is always allowed."""
        return self.tripped is not None

    def after(self, equity_usd: float, rules: KillSwitchRules) -> KillSwitch:
        """The switch after a close with this equity; once tripped it stays tripped."""
        peak = max(self.peak_usd, equity_usd)
        loss = self.previous_usd - equity_usd
        checks = (
            Check(DAILY_LOSS, loss, rules.max_daily_loss_pct * self.previous_usd),
            Check(DRAWDOWN, peak - equity_usd, rules.max_drawdown_pct * peak),
        )
        broken = next((check for check in checks if not check.passed), None)
        return replace(
            self,
            peak_usd=peak,
            previous_usd=equity_usd,
            tripped=self.tripped if self.tripped is not None else broken,
        )

    def reset(self) -> KillSwitch:
        """The switch after a reset by a person: drawdown starts again at the last equity."""
        return KillSwitch(self.previous_usd, self.previous_usd)
