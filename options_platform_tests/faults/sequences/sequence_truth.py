"""What must hold at the broker, whatever happened: read from the fake account, never from lists.

1. No order of ours is doubled: of each position and purpose one works at most, an entry fills no
   more than was planned, and no more is closed of a position than was opened.
2. No order of ours leaves a short contract uncovered, nor shares of an assignment without the
   bought contracts that cover them, nor would one that works if it filled; and none opens shares.
3. No rule set holds or enters the other side of a contract that another one holds or enters.
4. While entries are halted none is accepted, and after a resume none that no plan asked for anew.

What a script did to the account (a lost leg, an assignment) is excused, once and no further.
"""

import re
from collections import Counter, defaultdict
from datetime import date

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.trading.orders import client_order_id, exit_order_id, rule_set_of
from options_platform.fake_alpaca.answers import number
from options_platform.fake_alpaca.checks import OPEN, SIGNS
from options_platform.fake_alpaca.symbols import SHARES, contract_of, renamed, uncovered

ENTRY = re.compile(r"(\d{8})-([A-Z]+)-entry(?:-([a-z]+))?(?:-(\d+))?-[0-9a-f]{10}")
EXIT = re.compile(r"(\d{8})-exit(?:-(\d+))?-[0-9a-f]{10}")


class BrokenPromiseError(AssertionError):
    """A promise is broken; the message begins with the kind."""


class Truth:
    """The platform's orders at one fake account; `account` is the ledger's name for it."""

    def __init__(self, book, account="paper"):
        self.book = book
        self.account = account
        self.positions = {}
        self.naked = Counter()
        self.crossing = Counter()
        self.touched = set()

    def planned(self, session, ticker, contracts, rule_set=DEFAULT_RULE_SET):
        """A position that a plan asks for: its id is known before it is sent."""
        entry = client_order_id(self.account, session, ticker, "entry", rule_set=rule_set)
        self.positions[entry] = contracts

    def entries(self):
        """Ids of the entries that the broker accepted."""
        return {o["client_order_id"] for o in self.ours() if ENTRY.fullmatch(o["client_order_id"])}

    def ours(self):
        """Orders with ids of the platform."""
        return [
            order
            for order in self.book.orders.values()
            if ENTRY.fullmatch(order["client_order_id"]) or EXIT.fullmatch(order["client_order_id"])
        ]

    def working(self):
        """Orders of the platform that may fill."""
        return [order for order in self.ours() if order["status"] in OPEN]

    def of_positions(self):
        """All orders by purpose and position; replacements by hand count too."""
        found = defaultdict(list)
        for order in self.book.orders.values():
            first = order
            while first["replaces"] is not None:
                first = self.book.orders[first["replaces"]]
            key = self._key(first["client_order_id"])
            if key is not None:
                found[key].append(order)
        return found

    def _key(self, order_id):
        entry, closing = ENTRY.fullmatch(order_id), EXIT.fullmatch(order_id)
        for position in self.positions:
            first = ENTRY.fullmatch(position)
            if entry and entry.groups()[:3] == first.groups()[:3]:
                return ("entry", position)
            if closing:
                attempt = int(closing[2] or 1)
                decided = date.fromisoformat(closing[1])
                if exit_order_id(position, decided, attempt) == order_id:
                    return ("exit", position)
        if entry or closing:
            raise BrokenPromiseError(f"STRANGE_ORDER: {order_id} belongs to no position")
        return None

    def excuse(self):
        """Excuse the shorts that a script uncovered."""
        self.naked = self._naked(self.book.quantities())

    def excuse_crossing(self, symbol):
        """Allow orders working now to fill more contracts than a script left."""
        self.touched.add(self._original(symbol))
        for order in self.book.orders.values():
            for leg in order["legs"] or [order]:
                if order["status"] in OPEN and leg["symbol"] == symbol:
                    self.crossing[self._original(symbol)] += _rest(order, leg)

    def check(self):
        """Raise :class:`BrokenPromiseError` for a broken promise."""
        orders = self.of_positions()
        opened = defaultdict(Counter)
        for (purpose, position), members in orders.items():
            self._check_doubles(purpose, position, members)
            if purpose == "entry":
                for order in members:
                    opened[position] += self._filled(order)
        for (purpose, position), members in orders.items():
            if purpose == "exit":
                self._check_closes(position, members, opened[position])
        self._check_crossings(orders)
        self._check_netting(orders)
        self._check_shares()
        self._check_cover()

    def _check_doubles(self, purpose, position, members):
        working = [order for order in members if order["status"] in OPEN]
        if len(working) > 1:
            statuses = ", ".join(f"{o['client_order_id']} {o['status']}" for o in working)
            raise BrokenPromiseError(f"DOUBLED: {purpose} of {position}: {statuses}")
        filled = sum(number(order["filled_qty"]) for order in members)
        at_work = sum(number(o["qty"]) - number(o["filled_qty"]) for o in working)
        if purpose == "entry" and filled + at_work > self.positions[position]:
            raise BrokenPromiseError(f"OVERFILLED: {position}: {filled} and {at_work} at work")

    def _check_closes(self, position, members, opened):
        closed = Counter()
        for order in members:
            closed += self._filled(order)
            if order["status"] in OPEN:
                closed += self._at_work(order)
        for (symbol, side), count in closed.items():
            other = "sell" if side == "buy" else "buy"
            # What an exit bought back of a contract that was assigned first is sold again.
            if contract_of(symbol) is not None and count > (
                opened[symbol, other] + closed[symbol, other]
            ):
                raise BrokenPromiseError(
                    f"OVERCLOSED: {position}: {side} {count} {symbol} of {opened[symbol, other]}"
                )

    def _check_crossings(self, orders):
        """A contract that the platform only bought is never short, and vice versa."""
        sides = defaultdict(set)
        for (purpose, _), members in orders.items():
            for order in members if purpose == "entry" else ():
                for leg in order["legs"] or [order]:
                    sides[self._original(leg["symbol"])].add(leg["side"])
        for symbol, quantity in self.book.quantities().items():
            original = self._original(symbol)
            if contract_of(symbol) is None or len(sides[original]) != 1:
                continue
            sign = SIGNS[next(iter(sides[original]))]
            if quantity * sign < -self.crossing[original]:
                raise BrokenPromiseError(f"CROSSED: {quantity} of {symbol}")

    def _check_netting(self, orders):
        """By fills alone: what a script did to a contract says nothing of whose it was."""
        held, entering = defaultdict(Counter), defaultdict(Counter)
        for (purpose, position), members in orders.items():
            rule_set = rule_set_of(position)
            for order in members:
                for (symbol, side), count in self._filled(order).items():
                    held[symbol][rule_set] += SIGNS[side] * count
                if purpose == "entry" and order["status"] in OPEN:
                    for (symbol, side), count in self._at_work(order).items():
                        entering[symbol][rule_set] += SIGNS[side] * count
        for symbol in {*held, *entering} - self.touched:
            sides = {
                (rule_set, count > 0)
                for counts in (held[symbol], entering[symbol])
                for rule_set, count in counts.items()
                if count
            }
            if any(a[0] != b[0] and a[1] != b[1] for a in sides for b in sides):
                raise BrokenPromiseError(
                    f"NETTED: {symbol}: {dict(held[symbol])} held, {dict(entering[symbol])} sent"
                )

    def _check_shares(self):
        """The platform's orders bring shares closer to zero, whichever of them fill."""
        at_work = Counter()
        for order in self.working():
            for (symbol, side), count in self._at_work(order).items():
                at_work[symbol] += SIGNS[side] * count
        for symbol, change in at_work.items():
            held = self.book.quantity(symbol)
            if contract_of(symbol) is None and (held * change > 0 or abs(change) > abs(held)):
                raise BrokenPromiseError(f"SHARES_OPENED: {change} {symbol} beside {held}")

    def _check_cover(self):
        held = self.book.quantities()
        now = self._naked(held)
        if now - self.naked:
            raise BrokenPromiseError(f"UNCOVERED: {dict(now - self.naked)}")
        self.naked = Counter({kind: min(n, self.naked[kind]) for kind, n in now.items()})
        for order in self.working():
            after = Counter(held)
            for (symbol, side), count in self._at_work(order, original=False).items():
                after[symbol] += SIGNS[side] * count
            worse = self._naked(after) - self.naked
            if worse:
                raise BrokenPromiseError(
                    f"WOULD_UNCOVER: {dict(worse)} if {order['client_order_id']} filled"
                )

    def _naked(self, quantities):
        kinds = Counter()
        for symbol, count in uncovered(quantities).items():
            contract = contract_of(symbol)
            kinds[contract.ticker, contract.right] += count
        return kinds + _bare_shares(quantities)

    def _filled(self, order):
        ratios = {leg["symbol"]: int(leg.get("ratio_qty") or 1) for leg in order["legs"] or [order]}
        return self._counted(order, ratios, number(order["filled_qty"]))

    def _at_work(self, order, *, original=True):
        ratios = {leg["symbol"]: int(leg.get("ratio_qty") or 1) for leg in order["legs"] or [order]}
        left = number(order["qty"]) - number(order["filled_qty"])
        return self._counted(order, ratios, left, original=original)

    def _counted(self, order, ratios, spreads, *, original=True):
        return Counter(
            {
                (
                    self._original(leg["symbol"]) if original else leg["symbol"],
                    leg["side"],
                ): ratios[leg["symbol"]] * spreads
                for leg in order["legs"] or [order]
            }
        )

    def _original(self, symbol):
        """A contract's symbol before a split, also of one that was netted to zero then."""
        contract = contract_of(symbol)
        return symbol if contract is None else renamed(symbol, contract.root.rstrip("0123456789"))


def _bare_shares(quantities):
    """Shares by ticker that no bought contract limits the loss of: calls short ones, puts others.

    Of each right what is bought beyond what is sold counts, whatever its strike.
    """
    bought = Counter()
    for symbol, quantity in quantities.items():
        contract = contract_of(symbol)
        if contract is not None:
            bought[contract.ticker, contract.right] += quantity
    bare = Counter()
    for symbol, quantity in quantities.items():
        if contract_of(symbol) is None:
            cover = max(0, bought[symbol, "call" if quantity < 0 else "put"])
            bare[symbol, "shares"] += max(0, abs(quantity) - SHARES * cover)
    return +bare


def _rest(order, leg):
    left = number(order["qty"]) - number(order["filled_qty"])
    return left * int(leg.get("ratio_qty") or 1)
