"""What the platform asks of a broker.

To add one: write a class with these methods and its `open_broker` in a file in `adapters/brokers/`,
list it in `settings.brokers.BROKERS`, and give `options_platform_tests/contracts/test_broker.py` a
way to open it; that suite says what it must do. Orders are known by the client's id alone, which a
broker keeps unique.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeGuard

from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.reports import Activity, BrokerOrder
from options_platform.errors import BrokerError

__all__ = [
    "Activity",
    "Broker",
    "BrokerAccount",
    "BrokerClock",
    "BrokerDoubtError",
    "BrokerOrder",
    "DuplicateOrderError",
    "Exercises",
    "Holding",
    "LastPrice",
    "OppositeOrderError",
    "OrderRefusedError",
    "Quote",
    "QuotesContracts",
    "VerifiesAccount",
    "WorksAtClose",
    "digest_of",
    "exercises_contracts",
    "quotes_contracts",
    "verifies_account",
    "works_at_close",
]


class DuplicateOrderError(BrokerError):
    """The broker has an order of that client id already: look it up."""


class OrderRefusedError(BrokerError):
    """The broker has seen the request and will not do it; nothing came of it."""


class OppositeOrderError(OrderRefusedError):
    """The broker refuses it while another order of the account works on its other side."""


class BrokerDoubtError(BrokerError):
    """It is not known what came of the request: no answer, a broken one, or a server's error."""


@dataclass(frozen=True)
class BrokerAccount:
    """The account; None where the broker does not say or does not limit it."""

    number: str
    cash_usd: float
    equity_usd: float | None = None
    buying_power_usd: float | None = None
    options_level: int | None = None
    blocked: bool = False


@dataclass(frozen=True)
class BrokerClock:
    """The broker's own time, and whether its market trades."""

    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True)
class Holding:
    """A contract (or stock) in the account; `quantity` is negative if short.

    `symbol` is the OCC symbol of a contract, or the `share_symbol` of a ticker
    (`domain.chain.occ_symbols`). Shares may be fractions, as where dividends are reinvested.
    """

    symbol: str
    quantity: float
    avg_price: float | None = None


@dataclass(frozen=True)
class Quote:
    """Bid and ask of a contract, USD a share, and when they were quoted."""

    bid: float
    ask: float
    at: datetime


@dataclass(frozen=True)
class LastPrice:
    """What a stock was last traded at, USD a share, and when."""

    price: float
    at: datetime


class Broker(Protocol):
    """A broker account. Any method may raise :class:`BrokerDoubtError`."""

    @property
    def name(self) -> str:
        """Name shown beside orders, e.g. "simulated"."""
        ...

    @property
    def takes_market_orders(self) -> bool:
        """Whether an order without a limit is taken: only where one price is certain."""
        ...

    @property
    def works_at_close(self) -> bool:
        """Whether it fits :class:`WorksAtClose`."""
        ...

    @property
    def quotes_contracts(self) -> bool:
        """Whether it fits :class:`QuotesContracts`."""
        ...

    @property
    def exercises_contracts(self) -> bool:
        """Whether it fits :class:`Exercises`."""
        ...

    @property
    def verifies_account(self) -> bool:
        """Whether it fits :class:`VerifiesAccount`."""
        ...

    def account(self) -> BrokerAccount:
        """The account as it is now."""
        ...

    def clock(self) -> BrokerClock | None:
        """The broker's time; None for one that only knows the sessions it is told of."""
        ...

    def submit(self, order: Order, expected: Mapping[str, int] | None = None) -> BrokerOrder:
        """Send the order once, without repeating the request.

        `expected` are the contracts that the account should hold by symbol, by the ledger: a leg
        that closes says so, whatever a list of positions shows at the moment.

        Raises :class:`DuplicateOrderError` if its id was sent before, :class:`OrderRefusedError`
        if the broker will not take it.
        """
        ...

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id; None if the broker's own answer says that there is none.

        That is no evidence that there was none: its lists are asked as well.
        """
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask for the order's cancel; :meth:`find` tells what came of it.

        Raises :class:`OrderRefusedError` if it cannot be cancelled any more.
        """
        ...

    def working(self) -> list[BrokerOrder]:
        """Orders that may still fill."""
        ...

    def orders_since(self, moment: datetime) -> list[BrokerOrder]:
        """All orders sent at `moment` or later, whatever became of them."""
        ...

    def holdings(self) -> list[Holding]:
        """What is in the account; a broker nets one contract over all orders."""
        ...

    def activities(self, since: date, *, fills: bool = True) -> list[Activity]:
        """What happened on `since` and later, oldest first; without `fills` no trades."""
        ...


class QuotesContracts(Broker, Protocol):
    """A broker that also says at what its contracts and their underlyings trade now."""

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """The newest quotes by symbol; a contract without one is absent."""
        ...

    def last_prices(self, tickers: Sequence[str]) -> dict[str, LastPrice]:
        """The last trades by ticker; one without any is absent."""
        ...


class Exercises(Broker, Protocol):
    """A broker that exercises bought contracts on request."""

    def exercise(self, symbol: str) -> None:
        """Exercise all bought contracts of that symbol; an activity tells that it was done.

        Raises :class:`OrderRefusedError` if it cannot be.
        """
        ...


class VerifiesAccount(Broker, Protocol):
    """A broker that sends nothing before it has seen which account the keys are of."""

    def keys_digest(self, account_digest: str) -> str:
        """A digest of the keys and the account together; neither can be read from it."""
        ...

    def close_unseen(self, account_digest: str) -> None:
        """Send exits also while the account cannot be read, if the settings allow it.

        These keys were verified before as those of the account with that :func:`digest_of`.
        """
        ...


class WorksAtClose(Broker, Protocol):
    """A broker that has no market of its own: it is told each session's closes."""

    def holding(self) -> AbstractContextManager[object]:
        """Hold what it keeps over many steps, so that none waits for another process."""
        ...

    def open_session(self, session: date, market: Mapping[str, MarketClose]) -> frozenset[str]:
        """Assign what was exercised in the night before `session`; split, and pay dividends.

        Orders for contracts that a split replaces expire for the reason `SPLIT`. Returns the
        contracts (symbols) that were assigned; one opened before is left.
        """
        ...

    def work(self, session: date, market: Mapping[str, MarketClose]) -> None:
        """Fill or expire the orders that work in `session`; one worked before is left."""
        ...


def digest_of(account_number: str) -> str:
    """What is kept of an account's number, which is confidential."""
    return hashlib.sha256(account_number.encode()).hexdigest()[:16]


def works_at_close(broker: Broker) -> TypeGuard[WorksAtClose]:
    """Whether the broker is told each session's closes."""
    return broker.works_at_close


def quotes_contracts(broker: Broker) -> TypeGuard[QuotesContracts]:
    """Whether the broker says at what its contracts trade."""
    return broker.quotes_contracts


def exercises_contracts(broker: Broker) -> TypeGuard[Exercises]:
    """Whether the broker exercises on request."""
    return broker.exercises_contracts


def verifies_account(broker: Broker) -> TypeGuard[VerifiesAccount]:
    """Whether the broker checks whose account the keys are of before it sends."""
    return broker.verifies_account
