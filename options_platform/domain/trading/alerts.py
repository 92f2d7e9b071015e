"""Conditions of the account that a person is alerted to at once, each of them once.

A condition has a key. While it lasts it is reported again only if it has doubled since; once it has
ended, it is reported when it comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from options_platform.domain.calendar.sessions import NEW_YORK, newest_session, shift
from options_platform.domain.trading.alert_kinds import Severity, kind_of
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.equity_refusals import EquityRefusals
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.formats import pct, usd

DUE = time(0, 30)
"""When the daily run of a session starts, in New York, on the day after it."""


@dataclass(frozen=True)
class Alert:
    """One condition: `key` identifies it, `title` and `text` describe it to a person.

    `size` is how bad it is, 0 where it cannot grow.
    """

    key: str
    title: str
    text: str
    size: float = 0.0

    @property
    def severity(self) -> Severity:
        """How severe alerts of its kind are."""
        return kind_of(self.key).severity

    @property
    def id(self) -> str:
        """Six hex digits made from the key, by which a person acknowledges it."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:6]


@dataclass(frozen=True)
class AccountState:
    """What alerts are judged from.

    `equities_usd` are those of the closes since losses were last reset, oldest first;
    `newest_run` is the newest session that a daily run has marked the account at, None if none did;
    `data_end` is where the history ends for good, None if it goes on. `paused` is why new entries
    are paused, None if they are not; `unsure` says by position_id whose quotes have been wide or
    missing for so long that the model values the position. `without_bars` are the tickers that
    have no good bar of the newest stored session, and the one of their last; `assigned` says by
    position_id what shares an assignment or an exercise has left in an open position.
    `market_priced` says of the tickers that the newest session plans to trade on an index that is
    not their own how far off their prices may be. `refused` are the entries of the last month that
    were too large for the account's equity, None if none was. `lost_sets` says by name of the rule
    sets that trade or have open positions, and cannot be read, what is wrong and what follows.
    `moved_reports` says by position_id and day of the report which earnings report has moved into
    the life of an open position.
    """

    account: str
    halted: str | None
    differences: Sequence[Difference]
    orders: Sequence[Order]
    equities_usd: Sequence[float]
    newest_run: date | None
    data_end: date | None = None
    paused: str | None = None
    unsure: Mapping[str, str] = field(default_factory=dict)
    without_bars: Sequence[tuple[str, date | None]] = ()
    assigned: Mapping[str, str] = field(default_factory=dict)
    market_priced: Mapping[str, str] = field(default_factory=dict)
    refused: EquityRefusals | None = None
    lost_sets: Mapping[str, str] = field(default_factory=dict)
    moved_reports: Mapping[str, str] = field(default_factory=dict)


def account_alerts(state: AccountState, now: datetime, rules: AlertRules) -> list[Alert]:
    """The conditions that hold now, in a fixed order."""
    alerts = []
    name = state.account
    if state.halted is not None:
        alerts.append(Alert("halted", f"{name}: new entries are halted", state.halted))
    if state.paused is not None:
        alerts.append(Alert("paused", f"{name}: new entries are paused", state.paused))
    alerts += [
        Alert(f"rule set {lost}", f"{name}: CRITICAL: rule set {lost} cannot be read", text)
        for lost, text in state.lost_sets.items()
    ]
    alerts += [
        Alert(f"assigned {position_id}", f"{name}: CRITICAL: shares of an assignment", text)
        for position_id, text in state.assigned.items()
    ]
    alerts += [
        Alert(f"earnings {moved}", f"{name}: EARNINGS_MOVED: a report has moved", text)
        for moved, text in state.moved_reports.items()
    ]
    alerts += [
        Alert(f"quotes {number}", f"{name}: quotes say nothing of a position", text)
        for number, text in state.unsure.items()
    ]
    alerts += [*_difference_alerts(state), *_rejection_alerts(state)]
    fall = _drawdown(state.equities_usd)
    if fall >= rules.drawdown_pct:
        text = (
            f"equity {usd(state.equities_usd[-1])} is {pct(fall)} below its peak; reported from "
            f"{pct(rules.drawdown_pct)} on"
        )
        alerts.append(Alert("drawdown", f"{name}: drawdown", text))
    if (refused := state.refused) is not None:
        title = f"{name}: plans are too large for the account"
        alerts.append(Alert("equity", title, refused.text, refused.refused))
    alerts += [
        Alert(
            f"no bar {ticker} {last}",
            f"{name}: {ticker} has no good bar" + (f" since {last}" if last else ""),
            f"{ticker} does not trade and its exits wait for a price; the others go on. It may be "
            "halted, delisted or late at the source; see: options-platform status",
        )
        for ticker, last in state.without_bars
    ]
    alerts += [
        Alert(f"index {ticker}", f"{name}: {ticker} is not priced on its own volatility", text)
        for ticker, text in state.market_priced.items()
    ]
    due = min(newest_due(now, rules), state.data_end or date.max)
    # An account that never traded has no schedule to miss, whatever was backfilled.
    if state.newest_run is not None and state.newest_run < due:
        alerts.append(
            Alert(
                f"missed {due}",
                f"{name}: the daily run of {due} is missing",
                f"the newest is of {state.newest_run}; run: options-platform daily",
            )
        )
    return alerts


def _difference_alerts(state: AccountState) -> list[Alert]:
    """Each difference between ledger and broker."""
    name = state.account
    return [
        Alert(
            f"difference {difference.code} {difference.subject}",
            f"{name}: ledger and broker differ",
            f"{difference.code}: {difference.text}",
            abs(difference.amount_usd or 0.0),
        )
        for difference in state.differences
    ]


def _rejection_alerts(state: AccountState) -> list[Alert]:
    """Each order that the broker has rejected."""
    name = state.account
    return [
        Alert(
            f"rejected {order.client_order_id}",
            f"{name}: the broker rejected an order",
            f"{order.purpose} {order.ticker} {order.strategy} of {order.session}: "
            f"{order.reason or 'no reason given'}",
        )
        for order in state.orders
        if order.status == "rejected"
    ]


def newest_due(now: datetime, rules: AlertRules) -> date:
    """The newest session whose daily run should have ended by `now`."""
    day = newest_session(now)
    begins = datetime.combine(day + timedelta(days=1), DUE, NEW_YORK)
    late = begins + timedelta(hours=rules.missed_after_hours)
    return day if now >= late else shift(day, -1)


def _drawdown(equities_usd: Sequence[float]) -> float:
    peak = max(equities_usd, default=0.0)
    return 1.0 - equities_usd[-1] / peak if peak > 0 else 0.0
