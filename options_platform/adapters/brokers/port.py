"""What the platform asks of a broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from options_platform.domain.orders import Order
from options_platform.errors import BrokerError


class DuplicateOrderError(BrokerError):
    """The broker has an order of that client id already: look it up."""


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker has it; `status` is one of the platform's order states."""

    client_order_id: str
    status: str
    filled_qty: int
    avg_price: float | None
    fees_usd: float
    reason: str | None = None


class Broker(Protocol):
    """A broker account. Orders are known by the client's id, which the broker keeps unique."""

    @property
    def name(self) -> str:
        """Name shown beside orders, e.g. "simulated"."""
        ...

    def submit(self, order: Order) -> BrokerOrder:
        """Send the order; :class:`DuplicateOrderError` if its id was sent before."""
        ...

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id, or None if the broker never had it."""
        ...

    def working(self) -> list[BrokerOrder]:
        """Orders that may still fill."""
        ...
