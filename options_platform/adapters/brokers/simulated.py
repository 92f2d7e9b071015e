"""A broker inside the platform: its own file, its own truth, fills at the next session's close.

Orders are day orders. One that is accepted after the close of session D works in the next
session and is judged once, at that session's close, since daily bars hold no intraday quotes:
it fills if its limit allows the fill model's price, else it expires.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np

from options_platform.adapters.brokers.port import BrokerOrder, DuplicateOrderError
from options_platform.adapters.duck import held
from options_platform.domain.chain import ChainRules
from options_platform.domain.costs import CostRules
from options_platform.domain.fills import FillRules, MarketClose, net_price
from options_platform.domain.orders import Order, OrderLeg

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    client_order_id VARCHAR PRIMARY KEY, session DATE NOT NULL, ticker VARCHAR NOT NULL,
    legs VARCHAR NOT NULL, contracts INTEGER NOT NULL, limit_price DOUBLE,
    status VARCHAR NOT NULL, filled_qty INTEGER NOT NULL, avg_price DOUBLE,
    fees_usd DOUBLE NOT NULL, reason VARCHAR, worked_on DATE
)
"""
CENT = 0.005


@dataclass(frozen=True)
class SimulatedBroker:
    """The simulated broker of one account, in the file at `path`."""

    path: Path
    chain: ChainRules
    fills: FillRules
    costs: CostRules
    wait_seconds: float = 60.0
    name: str = "simulated"

    def submit(self, order: Order) -> BrokerOrder:
        """Accept the order for the session after `order.session`."""
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            connection.execute(SCHEMA)
            # One statement: the id is taken or it is not, whatever else happens.
            taken = connection.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, 'submitted', 0, NULL, 0, NULL, NULL) "
                "ON CONFLICT DO NOTHING RETURNING client_order_id",
                [
                    order.client_order_id,
                    order.session,
                    order.ticker,
                    json.dumps([asdict(leg) for leg in order.legs], default=str),
                    order.contracts,
                    order.limit_price,
                ],
            ).fetchone()
        if taken is None:
            raise DuplicateOrderError(f"order id {order.client_order_id} must be unique")
        return BrokerOrder(order.client_order_id, "submitted", 0, None, 0.0)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id."""
        found = self._orders("client_order_id = ?", [client_order_id])
        return found[0] if found else None

    def working(self) -> list[BrokerOrder]:
        """Orders that wait for their session."""
        return self._orders("status = 'submitted'", [])

    def work(self, session: date, market: Mapping[str, MarketClose]) -> None:
        """Fill or expire the orders that work in `session`; a session worked before is left."""
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            connection.execute(SCHEMA)
            waiting = connection.execute(
                "SELECT client_order_id, ticker, legs, contracts, limit_price FROM orders "
                "WHERE status = 'submitted' AND session < ? ORDER BY client_order_id",
                [session],
            ).fetchall()
            for number, ticker, legs, contracts, limit in waiting:
                outcome = self._outcome(session, market.get(ticker), legs, contracts, limit)
                connection.execute(
                    "UPDATE orders SET status = ?, filled_qty = ?, avg_price = ?, fees_usd = ?, "
                    "reason = ?, worked_on = ? WHERE client_order_id = ?",
                    [*outcome, session, number],
                )

    def _outcome(
        self,
        session: date,
        close: MarketClose | None,
        legs_json: str,
        contracts: int,
        limit: float | None,
    ) -> tuple[str, int, float | None, float, str | None]:
        if close is None:
            return "expired", 0, None, 0.0, "NO_MARKET"
        legs = read_legs(legs_json)
        price = net_price(legs, session, close, self.chain, self.fills)
        if limit is not None and price > limit + CENT:
            return "expired", 0, None, 0.0, "LIMIT_NOT_REACHED"
        sides = sum(leg.ratio for leg in legs)
        fee = float(self.costs.fees_on(np.array([session], dtype="datetime64[D]"))[0])
        return "filled", contracts, price, fee * contracts * sides, None

    def _orders(self, condition: str, params: list[object]) -> list[BrokerOrder]:
        if not self.path.exists():
            return []
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            connection.execute(SCHEMA)
            rows = connection.execute(
                "SELECT client_order_id, status, filled_qty, avg_price, fees_usd, reason "
                f"FROM orders WHERE {condition} ORDER BY client_order_id",
                params,
            ).fetchall()
        return [BrokerOrder(*row) for row in rows]


def read_legs(text: str) -> tuple[OrderLeg, ...]:
    """Legs from the JSON that they are stored as."""
    return tuple(
        OrderLeg(**{**leg, "expiry": date.fromisoformat(leg["expiry"])}) for leg in json.loads(text)
    )
