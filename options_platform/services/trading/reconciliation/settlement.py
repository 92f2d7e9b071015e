"""Recording what the clearing house did with the contracts of positions.

An activity of the broker is evidence, also when it comes late, is corrected, or is canceled: then
what it had ended comes back. An activity that confirms what a person has accepted before ends
nothing more; others may also end contracts that a person holds beside the positions. The dividends
on shares of an assignment belong to its position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from options_platform.adapters.ports.broker import Activity, BrokerDoubtError, BrokerOrder
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.reconciliation.dividends import (
    DIVIDEND,
    dividend_paid,
    due_usd,
    entitled,
)
from options_platform.domain.trading.reconciliation.manual_holdings import (
    PERSONS,
    AcceptedEnd,
    delivered_late,
    explained_before,
    given_back_beside,
    settled_beside,
)
from options_platform.domain.trading.reconciliation.renames import is_same_contract
from options_platform.domain.trading.reconciliation.reversal import ended_of, take_back
from options_platform.domain.trading.reconciliation.settlement import ENDS, Settlement, settle
from options_platform.domain.trading.reconciliation.split_evidence import (
    ADJUSTED,
    Split,
    root_of,
    split_key,
    stated_splits,
)
from options_platform.domain.trading.reconciliation.statements import as_stated_now
from options_platform.domain.trading.splits import adjusted_position
from options_platform.services.trading.execution import Execution
from options_platform.services.trading.reconciliation.ex_dates import stored_ex_dates
from options_platform.settings.broker_rules import ReconcileRules

CAUSES = {"OPASN": "assigned", "OPEXC": "exercised", "OPEXP": "expired", "FILL": "traded"}


@dataclass(frozen=True)
class Settling:
    """Ends contracts of one account that end without an order."""

    execution: Execution
    rules: ReconcileRules

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account."""
        return self.execution.ledger

    def take_activities(self, now: datetime, session: date | None = None) -> str | None:
        """Record what the clearing house did with the contracts of positions.

        `session` is for a broker without a clock: the newest that it has worked. Returns why the
        activities could not be read, None if they were.
        """
        if not self.ledger.positions():
            return None
        try:
            self._take_activities(now, session)
        except BrokerDoubtError as doubt:
            return str(doubt)
        return None

    def causes(
        self, orders: Mapping[str, BrokerOrder], since: date
    ) -> tuple[dict[str, str], dict[str, datetime]]:
        """By symbol what happened to the contract, and when somebody else last traded it.

        The first is for the text of a difference. Of fills only those count that no order of this
        account explains. Raises :class:`BrokerDoubtError` while the activities cannot be read.
        """
        ours = {name for report in orders.values() for name in report.broker_ids}
        causes: dict[str, str] = {}
        by_hand: dict[str, datetime] = {}
        for activity in self.execution.broker.activities(since):
            is_ours = activity.order_id is None or activity.order_id in ours
            if activity.kind == "FILL" and is_ours:
                continue
            if activity.kind in CAUSES:
                if activity.kind == "FILL":
                    when = activity.at or datetime.combine(activity.on, time.max, NEW_YORK)
                    by_hand[activity.symbol] = max(when, by_hand.get(activity.symbol, when))
                cause = CAUSES[activity.kind]
                suffix = " by an order that is not ours" if activity.kind == "FILL" else ""
                causes[activity.symbol] = f"{cause} on {activity.on}{suffix}"
        return causes, by_hand

    def _take_activities(self, now: datetime, session: date | None) -> None:
        today = now.date() if session is None else min(session, now.date())
        opened = [p.opened_on for p in self.ledger.positions(only_open=True)]
        since = min([today - timedelta(days=self.rules.lookback_days), *opened])
        activities = self.execution.broker.activities(since, fills=False)
        # What ends later is named as a split has left it.
        self.take_splits(activities, now)
        ending = [a for a in activities if a.kind in ENDS]
        stated = as_stated_now(ending)
        settled = self.ledger.settled()
        # A canceled activity gives contracts back before its correction ends them again.
        for activity in stated:
            too_many = settled.get(activity.key, 0) - abs(activity.quantity)
            if too_many > 0:
                self._take_back(activity, round(too_many), now)
        settled = self.ledger.settled()
        for activity in [*stated, *self._netted_at_expiry(today)]:
            left = abs(activity.quantity) - settled.get(activity.key, 0)
            if left > 0:
                self._take_over(replace(activity, quantity=left), now)
        for activity in as_stated_now(a for a in activities if a.kind == DIVIDEND):
            self._take_dividend(activity, now)

    def take_splits(self, activities: Sequence[Activity], now: datetime) -> None:
        """Follow the whole splits that activities state and the ledger does not have yet."""
        adjusting = [a for a in as_stated_now(activities) if a.kind == ADJUSTED]
        if adjusting:
            done = self.ledger.settled()
            left = [a for a in adjusting if split_key(root_of(a.symbol), a.on) not in done]
            self.follow(stated_splits(left, self.ledger.statement().contracts), now)

    def follow(self, splits: Sequence[Split], now: datetime) -> None:
        """Adjust the open positions of each split's contracts, and what the account should hold."""
        for split in splits:
            held = self.ledger.positions(only_open=True)
            after = [
                adjusted_position(p, split.ratio) for p in held if root_of(p.ticker) == split.root
            ]
            self.ledger.record_split(split, after, now)

    def _take_dividend(self, activity: Activity, now: datetime) -> None:
        """Book a dividend, or what its correction changes, to the positions that had the shares."""
        ledger, positions = self.ledger, self.ledger.positions()
        recorded, settled_usd = ledger.dividend_shares(activity), ledger.settled_usd(activity)
        # Asked at each look: an assignment may be listed after the dividend on its shares.
        shares = entitled(
            activity,
            ledger.deliveries(),
            positions,
            ledger.statement().beside,
            ledger.orders(),
            stored_ex_dates(ledger).get(activity.symbol),
            recorded,
        )
        settlement = dividend_paid(
            due_usd(activity, shares),
            shares,
            positions,
            settled_usd=settled_usd,
            recorded=recorded,
        )
        if settlement is not None:
            ledger.record_settlement(activity, settlement, now)

    def _take_over(self, activity: Activity, now: datetime) -> None:
        """End what an activity states: what a person has accepted, then what positions hold."""
        explained = self._explained_before(activity)
        for end, count in explained:
            position = next(p for p in self.ledger.positions() if p.position_id == end.position_id)
            settlement = delivered_late(activity, end, count, position)
            self.ledger.record_settlement(activity, settlement, now, [(end, count)])
        left = activity.quantity - sum(count for _, count in explained)
        settlers = [self._of_open, self._of_persons, self._of_closed]
        if activity.kind == "OPEXC" and not self._was_asked_for(activity):
            # Only the holder of a contract exercises it before its expiry.
            settlers = [self._of_persons, self._of_open, self._of_closed]
        for settle_by in settlers:
            if left <= 0:
                break
            settlement = settle_by(replace(activity, quantity=left))
            if settlement.ended:
                self.ledger.record_settlement(activity, settlement, now)
                left = settlement.unsettled
        if left < activity.quantity:
            self._end_exercises(activity.symbol, activity.kind, now)

    def _was_asked_for(self, activity: Activity) -> bool:
        return any(
            o.purpose == "exercise" and o.legs[0].symbol(o.ticker) == activity.symbol
            for o in self.ledger.unsettled_orders()
        )

    def _explained_before(self, activity: Activity) -> list[tuple[AcceptedEnd, int]]:
        # Most activities confirm no acceptance: the account is not asked for them.
        ends = [
            end
            for end in self.ledger.accepted_ends()
            if is_same_contract(end.symbol, activity.symbol)
            or is_same_contract(activity.symbol, end.symbol)
        ]
        if not ends:
            return []
        opened = {p.position_id: p.opened_on for p in self.ledger.positions()}
        at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        return explained_before(
            activity, ends, opened, self.ledger.statement().contracts, at_broker
        )

    def _of_open(self, activity: Activity) -> Settlement:
        """End contracts of positions that were open that day; those that no order closes first."""
        leaving = {o.position_id for o in self.ledger.working_orders() if o.purpose == "exit"}
        held = [p for p in self.ledger.positions(only_open=True) if p.opened_on <= activity.on]
        ordered = sorted(held, key=lambda position: position.position_id in leaving)
        net = self.ledger.statement().contracts.get(activity.symbol, 0)
        return settle(activity, ordered, net=net, is_renamed=self._is_renamed(activity))

    def _is_renamed(self, activity: Activity) -> bool:
        """Whether an activity may mean a contract that the ledger has under another root.

        It may not where the ledger has the stated contract itself, or the broker lists the other.
        """
        expected = self.ledger.statement().contracts
        if expected.get(activity.symbol, 0):
            return False
        others = [s for s in expected if is_same_contract(s, activity.symbol)]
        if not others:
            return True
        at_broker = {one.symbol: one.quantity for one in self.execution.broker.holdings()}
        return all(abs(at_broker.get(s, 0)) < abs(expected[s]) for s in others)

    def _of_persons(self, activity: Activity) -> Settlement:
        tickers = {position.ticker for position in self.ledger.positions()}
        return settled_beside(activity, self.ledger.statement().beside, tickers)

    def _of_closed(self, activity: Activity) -> Settlement:
        """End contracts that positions held on that day, and have closed since."""
        day = activity.on
        closed = [
            p
            for p in self.ledger.positions()
            if p.closed_contracts and p.opened_on <= day and (p.closed_on or day) >= day
        ]
        return settle(activity, (), closed, is_renamed=self._is_renamed(activity))

    def _take_back(self, activity: Activity, count: int, now: datetime) -> None:
        """Undo `count` contracts of an activity, first those of the newest position."""
        positions = self.ledger.positions()
        ended = self.ledger.ended_by(activity) or ended_of(activity, positions)
        tickers = {position.ticker for position in positions}
        for owner in PERSONS:
            of_person = min(count, ended.get(owner, 0))
            if of_person:
                settlement = given_back_beside(activity, of_person, owner, tickers)
                self.ledger.record_settlement(activity, settlement, now)
                count -= of_person
        undo: dict[str, int] = {}
        for position in reversed(positions):
            undo[position.position_id] = min(count, ended.get(position.position_id, 0))
            count -= undo[position.position_id]
        self.ledger.record_settlement(activity, take_back(activity, undo, positions), now)

    def _netted_at_expiry(self, today: date) -> list[Activity]:
        """Expiries without an activity: contracts that positions hold on both sides.

        The broker has netted them, so it had nothing left to exercise or to expire.
        """
        expected, gross = self.ledger.statement().contracts, dict[str, int]()
        expiries: dict[str, date] = {}
        for position in self.ledger.positions(only_open=True):
            for leg, count in position.held.items():
                if not leg.is_shares and leg.expiry < today:
                    symbol = leg.symbol(position.ticker)
                    gross[symbol], expiries[symbol] = gross.get(symbol, 0) + count, leg.expiry
        return [
            Activity(f"netted-{symbol}", "OPEXP", symbol, count, None, expiries[symbol])
            for symbol, count in gross.items()
            if not expected.get(symbol, 0)
        ]

    def _end_exercises(self, symbol: str, kind: str, now: datetime) -> None:
        for order in self.ledger.unsettled_orders():
            if order.purpose != "exercise" or order.legs[0].symbol(order.ticker) != symbol:
                continue
            if kind == "OPEXC" and order.status != "intent":
                exercised = order.shown("filled", filled_qty=order.contracts, avg_price=0.0)
                self.ledger.record(exercised, now)
            elif kind == "OPEXP":
                self.ledger.record(order.to("expired"), now, detail=kind)
