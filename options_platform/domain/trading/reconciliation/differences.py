"""The differences between ledger and broker: orders, contracts, lots and cash.

A broker nets a contract over all spreads that hold it, so contracts are compared as sums; the
ledger's lots (its positions, spread by spread) are compared with what its own orders filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.trading.closing import has_uncovered_short
from options_platform.domain.trading.orders import FINAL, Order, contracts_held
from options_platform.domain.trading.positions import Position

SESSIONS_IN_DOUBT = 2
"""For so many sessions after its own a missing order that was never shown blocks its ticker."""


@dataclass(frozen=True)
class Difference:
    """A difference: `code` is its kind, `subject` the order, contract or amount, `text` a sentence.

    `amount_usd` is how much more cash the broker has than the ledger; None for other differences.
    """

    code: str
    subject: str
    text: str
    amount_usd: float | None = None


@dataclass(frozen=True)
class LedgerStatement:
    """The ledger's side.

    `adjustments` are contracts and shares, by symbol, that came or went without an order: by an
    activity or a person's acceptance; `beside` are those accepted ones that belong to no position.
    `activities_usd` is the cash that activities moved, `cash_base_usd` what cash counts from.
    """

    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    adjustments: Mapping[str, int] = field(default_factory=dict)
    cash_base_usd: float | None = None
    activities_usd: float = 0.0
    beside: Mapping[str, int] = field(default_factory=dict)

    @property
    def contracts(self) -> dict[str, int]:
        """Contracts and shares that should be at the broker, by symbol."""
        return _added(contracts_held(self.orders), self.adjustments)

    @property
    def lots(self) -> dict[str, int]:
        """Contracts and shares by symbol that the open positions hold."""
        return _lots(self)

    @property
    def of_positions(self) -> dict[str, int]:
        """Contracts and shares by symbol that are the positions', by fills and activities."""
        return _added(self.contracts, {symbol: -count for symbol, count in self.beside.items()})

    @property
    def to_be_covered(self) -> dict[str, int]:
        """The contracts without sold ones that only a person holds, and no open position has."""
        had = {
            leg.symbol(p.ticker)
            for p in self.positions
            if p.closed_on is None
            for leg in (*p.legs, *p.loose)
        }
        theirs = {s: q for s, q in self.beside.items() if q < 0 and s not in had}
        return _added(self.contracts, {symbol: -quantity for symbol, quantity in theirs.items()})

    @property
    def cash_flow_usd(self) -> float:
        """What fills and activities have added to cash, USD."""
        return self.activities_usd - sum(
            order.paid_usd + order.fees_usd for order in self.orders if order.purpose != "exercise"
        )


@dataclass(frozen=True)
class BrokerStatement:
    """The broker's side: state and fills by order id, contracts by symbol, cash, its clock.

    `asked` are the ids of the orders that the broker was asked for; it says nothing of others.
    `causes` are, by symbol, what the clearing house did: assigned, exercised, expired. `by_hand`
    are the symbols that were traded by orders of somebody else, with the time of the last; None
    while the broker does not tell.
    """

    orders: Mapping[str, tuple[str, int]]
    asked: frozenset[str]
    contracts: Mapping[str, float]
    cash_usd: float | None
    causes: Mapping[str, str] = field(default_factory=dict)
    clock: datetime | None = None
    by_hand: Mapping[str, datetime] | None = field(default_factory=dict)


def differences(
    ledger_side: LedgerStatement,
    broker: BrokerStatement,
    *,
    now: datetime,
    cash_tolerance_usd: float,
    clock_tolerance_seconds: float,
) -> list[Difference]:
    """All differences; an empty list if both sides agree.

    Codes: ORDER_FOREIGN, ORDER_DOUBTFUL, ORDER_MISSING, ORDER_STATE, EXERCISE, CONTRACTS, LOTS,
    LEGS, CASH, CLOCK; beside them is ACTIVITIES (:func:`unread_activities`).
    """
    differing = _order_differences(ledger_side.orders, broker, now)
    differing += contract_differences(ledger_side.contracts, broker)
    differing += _lot_differences(ledger_side)
    differing += _broken_spreads(ledger_side)
    if broker.cash_usd is not None and ledger_side.cash_base_usd is not None:
        expected = ledger_side.cash_base_usd + ledger_side.cash_flow_usd
        # A broker may charge less than the fees counted here, or charge them later; never more.
        fees = sum(order.fees_usd for order in ledger_side.orders if order.purpose != "exercise")
        excess = broker.cash_usd - expected
        if not -cash_tolerance_usd <= excess <= cash_tolerance_usd + fees:
            differing.append(
                Difference(
                    "CASH",
                    "cash",
                    f"cash is {broker.cash_usd:,.2f} USD at the broker and {expected:,.2f} here",
                    round(excess, 2),
                )
            )
    if broker.clock is not None:
        seconds = abs((broker.clock - now).total_seconds())
        if seconds > clock_tolerance_seconds:
            text = f"this machine's clock is {seconds:.0f} s off the broker's; set it right"
            differing.append(Difference("CLOCK", "clock", text))
    return differing


def unread_activities(broker: str, doubt: str) -> Difference:
    """The difference that activities cannot be read: contracts may have been assigned."""
    text = (
        f"the account's activities cannot be read ({doubt}): assignments, exercises and expiries "
        "are not known; what the list of positions lacks may have ended by one. Accept nothing "
        "before they can be: options-platform reconcile"
    )
    return Difference("ACTIVITIES", broker, text)


def keeps_from_trading(order: Order, day: date) -> bool:
    """Whether an order in doubt keeps new entries of its ticker from being sent on a day.

    An order that the broker has never shown counts as lost two sessions after its own; should the
    broker's lists show it later, that still counts.
    """
    if order.status == "unknown":
        return True
    if order.status != "missing":
        return False
    return order.seen or day <= shift(order.session, 1 + SESSIONS_IN_DOUBT)


def _order_differences(
    orders: Iterable[Order], broker: BrokerStatement, now: datetime
) -> list[Difference]:
    reported = []
    ours = {order.client_order_id: order for order in orders}
    for order_id, (status, _) in sorted(broker.orders.items()):
        if order_id not in ours and status not in FINAL:
            text = f"{order_id} works at the broker, and the ledger does not know it"
            reported.append(Difference("ORDER_FOREIGN", order_id, text))
    for order_id, order in ours.items():
        if _is_late_exercise(order, now):
            text = (
                f"{order_id} asked to exercise {order.contracts} contracts, and the broker has not "
                "said that they were; what they cover is not traded meanwhile. If they never were: "
                'options-platform reconcile --accept "why"'
            )
            reported.append(Difference("EXERCISE", order_id, text))
        if order_id not in broker.asked:
            continue
        shown = broker.orders.get(order_id)
        if shown is None:
            reported += _not_shown(order, now)
        elif shown != (order.status, order.filled_qty) and not _is_given_up(order, *shown):
            text = (
                f"{order_id} is {order.status} here with {order.filled_qty} filled, and {shown[0]} "
                f"with {shown[1]} at the broker"
            )
            reported.append(Difference("ORDER_STATE", order_id, text))
    return reported


def _is_given_up(order: Order, status: str, filled: int) -> bool:
    """Whether a person has ended an order whose cancel stays pending at the broker, unfilled."""
    return status == "cancel_pending" and order.is_final and filled == order.filled_qty


def _is_late_exercise(order: Order, now: datetime) -> bool:
    is_asked_for = order.purpose == "exercise" and order.status != "intent"
    return is_asked_for and not order.is_final and now >= order.expires_at


def _not_shown(order: Order, now: datetime) -> list[Difference]:
    """The difference of an order that the broker does not show, if it is one."""
    order_id = order.client_order_id
    if order.status == "unknown":
        text = (
            f"{order_id} was sent, and the broker does not show it (yet); the next daily run of "
            "its session sends it again under the same id, or reports it missing"
        )
        return [Difference("ORDER_DOUBTFUL", order_id, text)]
    if order.status == "missing":
        if not keeps_from_trading(order, now.astimezone(NEW_YORK).date()):
            return []
        text = (
            f"{order_id} was sent, its session is over, and the broker shows neither it nor a "
            "fill; it is asked for at each run. If you have looked and it never traded: "
            'options-platform reconcile --accept "why"'
        )
        return [Difference("ORDER_MISSING", order_id, text)]
    if order.status == "intent":
        text = (
            f"{order_id} is {order.status} here, and the broker never had it; "
            "the next daily run of its session sends it, or lets it expire"
        )
        return [Difference("ORDER_MISSING", order_id, text)]
    if order.seen and (not order.is_final or order.filled_qty):
        text = f"{order_id} is {order.status} here, and the broker does not show it"
        return [Difference("ORDER_MISSING", order_id, text)]
    return []


def contract_differences(ours: Mapping[str, int], broker: BrokerStatement) -> list[Difference]:
    """The contracts and shares of which the broker lists another number than `ours`, by symbol."""
    reported = []
    for symbol in sorted({*ours, *broker.contracts}):
        recorded, listed = ours.get(symbol, 0), broker.contracts.get(symbol, 0)
        if recorded != listed:
            text = f"{symbol}: {listed:g} at the broker, {recorded} here"
            reported.append(Difference("CONTRACTS", symbol, text + _because(symbol, broker)))
    return reported


def _because(symbol: str, broker: BrokerStatement) -> str:
    cause = broker.causes.get(symbol)
    if cause:
        return f" ({cause})"
    parts = parse_symbol(symbol)
    today = None if broker.clock is None else broker.clock.astimezone(NEW_YORK).date()
    if parts is not None and today is not None and parts[1] < today:
        return " (it has expired; the broker has not said yet how it ended)"
    return ""


def _lot_differences(ledger_side: LedgerStatement) -> list[Difference]:
    lots, held, filled = (
        _lots(ledger_side),
        ledger_side.of_positions,
        contracts_held(ledger_side.orders),
    )
    traded = {leg.symbol(p.ticker) for p in ledger_side.positions for leg in p.legs}
    return [
        Difference(
            "LOTS",
            symbol,
            f"{symbol}: the positions hold {lots.get(symbol, 0)}, fills and activities leave "
            f"{held.get(symbol, 0)}",
        )
        for symbol in sorted({*lots, *traded})
        if lots.get(symbol, 0) != held.get(symbol, 0)
        # After its positions have ended, what a person holds of a contract is no lot.
        and (symbol in lots or filled.get(symbol, 0))
    ]


def _broken_spreads(ledger_side: LedgerStatement) -> list[Difference]:
    """Sold contracts of open positions that have lost their cover in the position."""
    return [
        Difference(
            "LEGS",
            position.position_id,
            f"{position.position_id}: a sold contract has lost the bought one that covered it; it "
            "is bought back by the daily run and the check of stops",
        )
        for position in ledger_side.positions
        if position.closed_on is None and has_uncovered_short(position)
    ]


def _lots(ledger_side: LedgerStatement) -> dict[str, int]:
    """Contracts and shares by symbol that the open positions hold."""
    lots: dict[str, int] = {}
    for position in ledger_side.positions:
        if position.closed_on is not None:
            continue
        for leg, count in position.held.items():
            symbol = leg.symbol(position.ticker)
            lots[symbol] = lots.get(symbol, 0) + leg.signed_ratio * count
    return lots


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    sums = {symbol: left.get(symbol, 0) + right.get(symbol, 0) for symbol in {*left, *right}}
    return {symbol: quantity for symbol, quantity in sums.items() if quantity}
