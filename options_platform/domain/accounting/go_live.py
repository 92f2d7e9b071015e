"""The go-live gate: what a paper record and its drills must show before real money is traded.

Every check is computed; nobody ticks it off. A person may override the gate, by name and with a
reason, which the account's audit keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from options_platform.domain.backtest.trade_metrics import trade_intervals
from options_platform.domain.statistics.fixed_looks import LOOKS, looked_at, next_look, with_losses
from options_platform.domain.trading.go_live_rules import GoLiveRules


@dataclass(frozen=True)
class GoLiveFacts:
    """What is known of the paper account.

    `shares` are the closed trades in the order of their exits, each its profit over what it could
    lose, and `profits` their profits in USD. `sessions` are the marked ones, and `differences` the
    days on which a reconciliation found any; `differs` says that the newest one still does. Times
    are the newest ones, UTC, None if it never was: `delivered_at` of an alert's delivery,
    `waiting_since` of the oldest message that waits, `halt_tried_at` of a halt that a person has
    lifted, `restored_at` of a backup's rehearsed or real restore. `problem` says why the ledger of
    the paper account, and with it the record, cannot be read.
    """

    shares: Sequence[float]
    profits: Sequence[float]
    sessions: Sequence[date]
    differences: Sequence[date]
    differs: bool
    delivered_at: datetime | None
    waiting_since: datetime | None
    halt_tried_at: datetime | None
    restored_at: datetime | None
    problem: str | None = None


@dataclass(frozen=True)
class GoLiveCheck:
    """One line of the check list: what was found, and if it is missing what to do."""

    name: str
    passed: bool
    found: str
    todo: str


def go_live_checks(facts: GoLiveFacts, rules: GoLiveRules, now: datetime) -> list[GoLiveCheck]:
    """The check list; the gate is open if all of it has passed."""
    return [
        *_of_record(facts),
        _reconciled(facts, rules),
        _alerts(facts, rules, now),
        _tried(
            "kill switch", facts.halt_tried_at, rules, now,
            'options-platform halt --reason "a test", then resume',
        ),
        _tried(
            "backup", facts.restored_at, rules, now,
            "options-platform backup FILE, then: options-platform restore FILE --rehearse",
        ),
    ]  # fmt: skip


def _of_record(facts: GoLiveFacts) -> list[GoLiveCheck]:
    taken = looked_at(facts.shares)
    coming = next_look(len(facts.shares))
    looks = f"looked at with {', '.join(map(str, LOOKS))} closed trades"
    wait = "" if coming is None else f"trade on paper; the next look is at {coming} trades"
    if not taken:
        found = facts.problem or f"{len(facts.shares)} closed trades; {looks}"
        return [GoLiveCheck(name, False, found, wait) for name in ("record", "profit factor")]
    mean = float(np.mean(with_losses(taken)))
    profits = np.asarray(facts.profits[: len(taken)], dtype=np.float64)
    scores = trade_intervals(profits)
    wins, factor = scores["win_rate"], scores["profit_factor"]
    earned = (
        f"{len(taken)} trades made {np.mean(taken):+.1%} of what they risked, {mean:+.1%} with one "
        "loss of all that was at risk added for every 30"
    )
    shown = (
        f"{factor.value:.2f} [{factor.low:.2f}, {factor.high:.2f}], win rate {wins.value:.0%} "
        f"[{wins.low:.0%}, {wins.high:.0%}]"
    )
    # Without a losing trade there is no factor.
    no_losses = not bool((profits < 0).any())
    return [
        GoLiveCheck("record", mean > 0.0, earned, wait or "the last look was at 120 trades"),
        GoLiveCheck(
            "profit factor", no_losses or factor.value > 1.0, "no loss" if no_losses else shown,
            wait or "the last look was at 120 trades",
        ),
    ]  # fmt: skip


def _reconciled(facts: GoLiveFacts, rules: GoLiveRules) -> GoLiveCheck:
    last = max(facts.differences, default=date.min)
    clean = sum(session > last for session in facts.sessions)
    found = f"{clean} of {rules.clean_sessions} sessions without a difference"
    if facts.differs:
        return GoLiveCheck("reconciliation", False, "ledger and broker differ",
                           "options-platform reconcile")  # fmt: skip
    return GoLiveCheck(
        "reconciliation", clean >= rules.clean_sessions, found, "let it trade on paper"
    )


def _alerts(facts: GoLiveFacts, rules: GoLiveRules, now: datetime) -> GoLiveCheck:
    todo = "options-platform alerts test"
    if facts.waiting_since is not None and now - facts.waiting_since > timedelta(days=1):
        found = f"a message waits since {facts.waiting_since:%Y-%m-%d %H:%M} UTC"
        return GoLiveCheck("alerts", False, found, todo)
    return _tried("alerts", facts.delivered_at, rules, now, todo)


def _tried(
    name: str, at: datetime | None, rules: GoLiveRules, now: datetime, todo: str
) -> GoLiveCheck:
    is_new = at is not None and now - at <= timedelta(days=rules.tried_within_days)
    found = "never tried" if at is None else f"tried on {at:%Y-%m-%d}"
    if at is not None and not is_new:
        found += f", more than {rules.tried_within_days} days ago"
    return GoLiveCheck(name, is_new, found, todo)
