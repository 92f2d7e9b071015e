"""Losses seen within a session: they pause entries at once, and halt them once they are sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from options_platform.domain.risk.kill_switch import after_closes
from options_platform.domain.risk.limits import Check
from options_platform.domain.risk.rules import KillSwitchRules

PausingStep = Literal["none", "pause", "stay", "lift", "halt"]


@dataclass(frozen=True)
class Pausing:
    """What a look does to entries, and the loss that it is for; None where there is none."""

    step: PausingStep
    lost: Check | None


def after_look(
    closes_usd: Sequence[float],
    equity_usd: float,
    sure_usd: float,
    paused_since: datetime | None,
    at: datetime,
    confirm_seconds: float,
    rules: KillSwitchRules,
) -> Pausing:
    """What one look within a session does to entries that are not halted.

        loss by the mids   paused before                      step
        none               no                                 none
        none               yes                                lift
        beyond a limit     no                                 pause
        beyond a limit     yes, and it is sure by now         halt
        beyond a limit     yes, and it is not                 stay

    Args:
        closes_usd: equity at the closes that the kill switch counts, oldest first.
        equity_usd: equity now by the mids of the quotes.
        sure_usd: equity now by what can be trusted, such as tight quotes and the model.
        paused_since: since when entries are paused, None if they are not.
        at: the time of the look.
        confirm_seconds: how long after the pause a look may confirm it.
        rules: the kill switch's limits.
    """
    lost = _lost(closes_usd, equity_usd, rules)
    if lost is None:
        return Pausing("none" if paused_since is None else "lift", None)
    if paused_since is None:
        return Pausing("pause", lost)
    sure = _lost(closes_usd, sure_usd, rules)
    if sure is not None and at - paused_since >= timedelta(seconds=confirm_seconds):
        return Pausing("halt", sure)
    return Pausing("stay", lost)


def _lost(closes_usd: Sequence[float], equity_usd: float, rules: KillSwitchRules) -> Check | None:
    switch = after_closes([*closes_usd, equity_usd], rules)
    return None if switch is None else switch.tripped
