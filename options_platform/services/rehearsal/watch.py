"""Watching the broker's account while a rehearsal runs, from its books and never from its lists.

After each fill, assignment and process it asks what must hold at any moment: no sold contract is
without cover, nor would one be if an order filled; no position is entered or closed twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.pricing import CALL, PUT
from options_platform.domain.pricing.payoff import payoff_range
from options_platform.domain.trading.orders import SHARES, Order, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.fake_alpaca.answers import Json, number
from options_platform.fake_alpaca.book import FakeBook
from options_platform.fake_alpaca.checks import OPEN, SIGNS
from options_platform.fake_alpaca.symbols import contract_of, uncovered
from options_platform.services.rehearsal.result import Breach

UNCOVERED, ORDERS, RUNS = "uncovered", "orders", "runs"


@dataclass(frozen=True)
class OpenSpread:
    """`contracts` spreads of a position that are held, or that an entry at work would add.

    `price` is what one was or would be entered at, USD a share, debit positive.
    """

    position_id: str
    ticker: str
    legs: tuple[OrderLeg, ...]
    contracts: int
    price: float

    @property
    def loss_usd(self) -> float:
        """The most that they can lose, USD, without fees."""
        return spread_loss(self.legs, self.price) * self.contracts

    @property
    def expiry(self) -> date:
        """The first expiry of the legs."""
        return min(leg.expiry for leg in self.legs)


@dataclass(frozen=True)
class AcceptedEntry:
    """An entry as the broker accepted it, with all that is held or at work then, itself included.

    `after_halt`: whether it was sent after entries were halted.
    """

    at: datetime
    order_id: str
    position_id: str
    session: date
    spreads: tuple[OpenSpread, ...]
    after_halt: bool


class BrokerWatch:
    """Watches one account; `breaches` are what was broken, each once, in order."""

    def __init__(self, book: FakeBook, ledger: Ledger) -> None:
        self._book, self._ledger = book, ledger
        self._orders: dict[str, Order] = {}
        self._naked: Counter[str] = Counter()
        self._reported: set[tuple[str, str]] = set()
        self._seen_entries: set[str] = set()
        self.looks = 0
        self.breaches: list[Breach] = []
        self.entries: list[AcceptedEntry] = []
        self.before_halt: set[str] | None = None

    def halted(self, underway: Iterable[str]) -> None:
        """Entries are halted from now on; those that were sent before may still arrive."""
        if self.before_halt is None:
            sent = {str(order["client_order_id"]) for order in self._book.orders.values()}
            self.before_halt = {*sent, *underway}

    def not_ended(self, at: datetime, what: str) -> None:
        """A process has not come to its end, though the broker answered at last."""
        self._report(RUNS, what, at, f"{what}, did not come to its end")

    def look(self, at: datetime, cause: str) -> None:
        """See what holds now; `cause` is what has just happened, for the sentence of a breach."""
        self.looks += 1
        held = self._book.quantities()
        self._look_at_cover(held, at, cause)
        groups: dict[tuple[str, str], list[Json]] = defaultdict(list)
        for order in self._book.orders.values():
            own = self._order(str(order["client_order_id"]))
            if own is None:
                self._report(
                    ORDERS, order["client_order_id"], at,
                    f"order {order['client_order_id']} is at the broker and not in the ledger",
                )  # fmt: skip
            else:
                groups[own.purpose, own.position_id].append(order)
        for (purpose, position_id), orders in groups.items():
            self._look_at_doubles(purpose, position_id, orders, at)
        for (purpose, position_id), orders in groups.items():
            if purpose == "exit":
                entries = groups.get(("entry", position_id), [])
                self._look_at_closes(position_id, orders, entries, at)
        self._note_entries(at)

    def _order(self, order_id: str) -> Order | None:
        if order_id not in self._orders:
            self._orders = {order.client_order_id: order for order in self._ledger.orders()}
        return self._orders.get(order_id)

    def _report(self, check: str, subject: str, at: datetime, text: str) -> None:
        if (check, subject) not in self._reported:
            self._reported.add((check, subject))
            self.breaches.append(Breach(check, at, text))

    def _look_at_cover(self, held: Mapping[str, float], at: datetime, cause: str) -> None:
        naked = without_cover(held)
        for symbol, bare in (naked - self._naked).items():
            text = f"{bare} {_unit(symbol)} of {symbol} without cover after {cause}"
            self._report(UNCOVERED, f"{symbol} {cause}", at, text)
        self._naked = naked
        for order in self._working():
            after = defaultdict(float, held)
            for (symbol, side), count in _at_work(order).items():
                after[symbol] += SIGNS[side] * count
            for symbol, bare in (without_cover(after) - naked).items():
                text = (
                    f"{bare} {_unit(symbol)} of {symbol} would be without cover if order "
                    f"{order['client_order_id']} filled"
                )
                self._report(UNCOVERED, f"{order['client_order_id']} {symbol}", at, text)

    def _look_at_doubles(
        self, purpose: str, position_id: str, orders: Sequence[Json], at: datetime
    ) -> None:
        working = [order for order in orders if order["status"] in OPEN]
        if len(working) > 1:
            ids = ", ".join(str(order["client_order_id"]) for order in working)
            text = f"{len(working)} orders work for one {purpose} of {position_id}: {ids}"
            self._report(ORDERS, f"{purpose} {ids}", at, text)
        first = self._order(position_id)
        if purpose != "entry" or first is None:
            return
        filled = sum(number(order["filled_qty"]) for order in orders)
        at_work = sum(number(each["qty"]) - number(each["filled_qty"]) for each in working)
        if filled + at_work > first.contracts:
            text = (
                f"entry {position_id} is for {first.contracts} spreads, and {filled:g} are filled "
                f"with {at_work:g} at work"
            )
            self._report(ORDERS, f"overfilled {position_id}", at, text)

    def _look_at_closes(
        self, position_id: str, exits: Sequence[Json], entries: Sequence[Json], at: datetime
    ) -> None:
        opened: dict[tuple[str, str], float] = defaultdict(float)
        closed: dict[tuple[str, str], float] = defaultdict(float)
        for order in entries:
            _add(opened, _filled(order))
        for order in exits:
            _add(closed, _filled(order))
            if order["status"] in OPEN:
                _add(closed, _at_work(order))
        for (symbol, side), count in list(closed.items()):
            other = "sell" if side == "buy" else "buy"
            # What an exit bought back of a contract that was assigned first is sold again.
            room = opened[symbol, other] + closed[symbol, other]
            if contract_of(symbol) is not None and count > room:
                text = (
                    f"the exits of {position_id} {side} {count:g} of {symbol}, of which {room:g} "
                    "were opened"
                )
                self._report(ORDERS, f"overclosed {position_id} {symbol}", at, text)

    def _note_entries(self, at: datetime) -> None:
        for order in self._working():
            order_id = str(order["client_order_id"])
            own = self._order(order_id)
            if own is None or own.purpose != "entry" or order_id in self._seen_entries:
                continue
            self._seen_entries.add(order_id)
            after_halt = self.before_halt is not None and order_id not in self.before_halt
            entered = (order_id, own.position_id, own.session)
            self.entries.append(AcceptedEntry(at, *entered, self._spreads(), after_halt))

    def _spreads(self) -> tuple[OpenSpread, ...]:
        """What is held, and what works to enlarge it."""
        spreads = [
            OpenSpread(p.position_id, p.ticker, p.legs, at_risk(p), p.entry_price)
            for p in self._ledger.positions(only_open=True)
        ]
        for order in self._working():
            own = self._order(str(order["client_order_id"]))
            if own is not None and own.purpose == "entry":
                rest = int(number(order["qty"]) - number(order["filled_qty"]))
                price = float(order["limit_price"])
                spreads.append(OpenSpread(own.position_id, own.ticker, own.legs, rest, price))
        return tuple(spreads)

    def _working(self) -> list[Json]:
        return [order for order in self._book.orders.values() if order["status"] in OPEN]


def without_cover(held: Mapping[str, float]) -> Counter[str]:
    """Sold contracts and assigned shares, by symbol, that nothing bought bounds the loss of.

    Sold shares need as many bought calls beyond those that are sold, bought ones puts.
    """
    naked = Counter(uncovered(held))
    spare: Counter[tuple[str, str]] = Counter()
    for symbol, quantity in held.items():
        contract = contract_of(symbol)
        if contract is not None:
            spare[contract.ticker, contract.right] += int(quantity)
    for symbol, quantity in held.items():
        if contract_of(symbol) is None:
            cover = SHARES * max(0, spare[symbol, "call" if quantity < 0 else "put"])
            naked[symbol] += max(0, int(abs(quantity)) - cover)
    return +naked


def spread_loss(legs: Sequence[OrderLeg], price: float) -> float:
    """The most that one spread bought at `price` (USD a share, debit positive) loses, USD."""
    sides = np.array([float(leg.signed_ratio) for leg in legs])
    signs = np.array([CALL if leg.right == "call" else PUT for leg in legs])
    low, _ = payoff_range(sides, signs, np.array([[leg.strike for leg in legs]]))
    return float(price - low[0]) * SHARES


def at_risk(position: Position) -> int:
    """Spreads of a position that may still lose: whole ones, and broken ones that are not over."""
    return position.open_contracts + (position.broken_contracts if position.loose else 0)


def position_loss(position: Position) -> float:
    """The most that what is still open of a position can lose, USD, by its legs and its price."""
    return spread_loss(position.legs, position.entry_price) * at_risk(position)


def _add(total: dict[tuple[str, str], float], more: Mapping[tuple[str, str], float]) -> None:
    for key, count in more.items():
        total[key] += count


def _unit(symbol: str) -> str:
    return "shares" if contract_of(symbol) is None else "sold contracts"


def _filled(order: Json) -> dict[tuple[str, str], float]:
    return _counted(order, number(order["filled_qty"]))


def _at_work(order: Json) -> dict[tuple[str, str], float]:
    return _counted(order, number(order["qty"]) - number(order["filled_qty"]))


def _counted(order: Json, spreads: float) -> dict[tuple[str, str], float]:
    return {
        (leg["symbol"], leg["side"]): int(leg.get("ratio_qty") or 1) * spreads
        for leg in order["legs"] or [order]
    }
