"""Intraday losses: they pause entries at once, and halt them once confirmed."""

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
    """Effect of a look on entries, and the loss behind it (None without a loss)."""

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
    """Effect of one intraday look on entries that are not halted.

        loss by the mids   paused before                      step
        none               no                                 none
        none               yes                                lift
        beyond a limit     no                                 pause
        beyond a limit     yes, and confirmed by now          halt
        beyond a limit     yes, not confirmed                 stay

    Args:
        closes_usd: equity at the closes since the last reset of the kill switch, oldest first.
        equity_usd: current equity from the mids of the quotes.
        sure_usd: current equity from reliable values only, such as tight quotes and the model.
        paused_since: start of the pause; None if entries are not paused.
        at: time of the look.
        confirm_seconds: least time after the start of the pause before a look can confirm it.
        rules: limits of the kill switch.
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
