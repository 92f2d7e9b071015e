"""What a broker reports of an order and of the account: the evidence for every decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker has it; `status` is one of the platform's order states.

    `avg_price` is net, USD a share, debit positive; None while nothing is filled. `contracts` are
    those that the whole order trades, by symbol, bought ones positive; `limit_price` has the sign
    of `avg_price`; both are None where the broker does not state them. `broker_ids` are the
    broker's own ids of the order and its legs; `replaced_by` is that of the order that a person
    put in its place.
    """

    client_order_id: str
    status: str
    filled_qty: int
    avg_price: float | None
    fees_usd: float
    reason: str | None = None
    contracts: Mapping[str, int] | None = None
    limit_price: float | None = None
    broker_ids: tuple[str, ...] = ()
    replaced_by: str | None = None


@dataclass(frozen=True)
class Activity:
    """One event of the account.

    FILL; OPASN (a sold contract was assigned), OPEXC (a bought one exercised), OPEXP (expired
    worthless), each with OPTRD where shares changed hands at the strike; DIV, the dividend on as
    many shares. `quantity` is as the broker states it; of what ends contracts the size alone
    counts. `amount_usd` is the cash of a dividend, below 0 where it is owed. An activity and
    its trade in shares may bear one id. `order_id` is the broker's of the order that was filled.
    `status` is executed, correct or canceled: a corrected one counts as it says now, a canceled one
    never happened; others (pending) say nothing yet. `previous_id` is that of the activity that
    one with a new id corrects or cancels. `at` is the moment of a fill.
    """

    activity_id: str
    kind: str
    symbol: str
    quantity: float
    price: float | None
    on: date
    order_id: str | None = None
    status: str = "executed"
    previous_id: str | None = None
    at: datetime | None = None
    amount_usd: float = 0.0

    @property
    def key(self) -> str:
        """What identifies the activity."""
        return f"{self.kind} {self.activity_id} {self.symbol}"
