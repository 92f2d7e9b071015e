"""Do ledger and broker agree? Orders, contracts, lots and cash, compared without touching either.

A broker nets one contract over all spreads that hold it, so contracts are compared as sums, and
the ledger's lots (its positions, spread by spread) with what its own orders filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from options_platform.domain.orders import FINAL, Order, contracts_held
from options_platform.domain.positions import SHARES, Position

NOT_AT_BROKER = ("intent", "not_sent")


@dataclass(frozen=True)
class Difference:
    """What differs: `code` the kind, `subject` the order, contract or amount, `text` a sentence.

    `amount_usd` is what the broker has more than the ledger, of cash alone.
    """

    code: str
    subject: str
    text: str
    amount_usd: float | None = None


@dataclass(frozen=True)
class Books:
    """The ledger's side; `adjustments` are contracts that were accepted as they are."""

    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    adjustments: Mapping[str, int] = field(default_factory=dict)
    cash_base_usd: float | None = None

    @property
    def contracts(self) -> dict[str, int]:
        """Contracts that should be at the broker, by symbol."""
        return _added(contracts_held(self.orders), self.adjustments)

    @property
    def cash_flow_usd(self) -> float:
        """What the fills have added to cash."""
        return -sum(
            order.filled_qty * (order.avg_price or 0.0) * SHARES + order.fees_usd
            for order in self.orders
        )


@dataclass(frozen=True)
class Statement:
    """The broker's side: state and fills by order id, contracts by symbol, cash, its clock.

    `known` says which order ids the broker was asked for; of others it says nothing. `causes`
    names, by symbol, what the clearing house did: assigned, exercised, expired.
    """

    orders: Mapping[str, tuple[str, int]]
    known: frozenset[str]
    contracts: Mapping[str, int]
    cash_usd: float | None
    causes: Mapping[str, str] = field(default_factory=dict)
    clock: datetime | None = None


def differences(
    books: Books,
    broker: Statement,
    *,
    now: datetime,
    cash_tolerance_usd: float,
    clock_tolerance_seconds: float,
) -> list[Difference]:
    """Every difference, named; an empty list if both sides agree.

    Codes: ORDER_FOREIGN, ORDER_DOUBTFUL, ORDER_MISSING, ORDER_STATE, CONTRACTS, LOTS, LEGS, CASH,
    CLOCK.
    """
    found = _order_differences(books.orders, broker)
    found += _contract_differences(books.contracts, broker)
    found += _lot_differences(books)
    found += _broken_spreads(books, broker.contracts)
    if broker.cash_usd is not None and books.cash_base_usd is not None:
        expected = books.cash_base_usd + books.cash_flow_usd
        # A broker may charge less than the fees that are counted here, or later; never more.
        fees = sum(order.fees_usd for order in books.orders)
        over = broker.cash_usd - expected
        if not -cash_tolerance_usd <= over <= cash_tolerance_usd + fees:
            found.append(
                Difference(
                    "CASH",
                    "cash",
                    f"cash is {broker.cash_usd:.2f} USD at the broker and {expected:.2f} here",
                    round(over, 2),
                )
            )
    if broker.clock is not None:
        seconds = abs((broker.clock - now).total_seconds())
        if seconds > clock_tolerance_seconds:
            text = f"this machine's clock is {seconds:.0f} s off the broker's; set it right"
            found.append(Difference("CLOCK", "clock", text))
    return found


def _order_differences(orders: Iterable[Order], broker: Statement) -> list[Difference]:
    found = []
    ours = {order.client_order_id: order for order in orders}
    for number, (status, _) in sorted(broker.orders.items()):
        if number not in ours and status not in FINAL:
            text = f"{number} works at the broker, and the ledger does not know it"
            found.append(Difference("ORDER_FOREIGN", number, text))
    for number, order in ours.items():
        if number not in broker.known:
            continue
        told = broker.orders.get(number)
        if told is None:
            if order.status == "unknown":
                text = (
                    f"{number} was sent, and the broker does not have it (yet); the next daily run "
                    "of its session sends it again under the same id, or lets it expire"
                )
                found.append(Difference("ORDER_DOUBTFUL", number, text))
            elif order.status == "intent":
                text = (
                    f"{number} is {order.status} here, and the broker never had it; "
                    "the next daily run of its session sends it, or lets it expire"
                )
                found.append(Difference("ORDER_MISSING", number, text))
            elif not order.is_final or order.filled_qty:
                text = f"{number} is {order.status} here, and the broker does not have it"
                found.append(Difference("ORDER_MISSING", number, text))
        elif told != (order.status, order.filled_qty):
            text = (
                f"{number} is {order.status} here with {order.filled_qty} filled, and {told[0]} "
                f"with {told[1]} at the broker"
            )
            found.append(Difference("ORDER_STATE", number, text))
    return found


def _contract_differences(ours: Mapping[str, int], broker: Statement) -> list[Difference]:
    found = []
    for symbol in sorted({*ours, *broker.contracts}):
        here, there = ours.get(symbol, 0), broker.contracts.get(symbol, 0)
        if here != there:
            cause = broker.causes.get(symbol)
            text = f"{symbol}: {there} at the broker, {here} here"
            text += f" ({cause})" if cause else ""
            found.append(Difference("CONTRACTS", symbol, text))
    return found


def _lot_differences(books: Books) -> list[Difference]:
    lots = _lots(books)
    filled = contracts_held(books.orders)
    # A lot that lost a leg keeps it on paper until the rest of it is closed.
    left = _added(filled, books.adjustments)
    return [
        Difference(
            "LOTS",
            symbol,
            f"{symbol}: the positions hold {lots.get(symbol, 0)}, the fills of the orders leave "
            f"{filled.get(symbol, 0)}",
        )
        for symbol in sorted({*lots, *filled})
        if lots.get(symbol, 0) not in (filled.get(symbol, 0), left.get(symbol, 0))
    ]


def _broken_spreads(books: Books, there: Mapping[str, int]) -> list[Difference]:
    """Legs of open positions that both sides know to be gone: the rest of a spread is no spread.

    Taking over what the broker has does not mend that; closing what is left does.
    """
    ours = books.contracts
    return [
        Difference(
            "LEGS",
            symbol,
            f"{symbol}: open positions need {lot}, and the broker has {there.get(symbol, 0)}; "
            "close what is left of them",
        )
        for symbol, lot in sorted(_lots(books).items())
        if ours.get(symbol, 0) == there.get(symbol, 0) and lot and there.get(symbol, 0) / lot < 1.0
    ]


def _lots(books: Books) -> dict[str, int]:
    """Contracts by symbol that the open positions hold on paper."""
    lots: dict[str, int] = {}
    for position in books.positions:
        for leg in position.legs:
            symbol = leg.symbol(position.ticker)
            lots[symbol] = lots.get(symbol, 0) + leg.signed_ratio * position.open_contracts
    return lots


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    sums = {symbol: left.get(symbol, 0) + right.get(symbol, 0) for symbol in {*left, *right}}
    return {symbol: quantity for symbol, quantity in sums.items() if quantity}
