"""A simulated broker with its own file, separate from the ledger; fills at the next close.

Orders are day orders. An order accepted after the close of session D works in the next session
and fills or expires at that session's close, since daily bars have no intraday quotes: it fills
if its limit allows the fill model's price. Partial fills and rejections can be demanded, to try
out their consequences.

An option that is open at its last close settles at that close: out of the money it expires
(OPEXP), in the money it is exercised (OPEXC) or assigned (OPASN), and the shares are traded at
the strike (OPTRD). Without a close of its ticker the settlement waits for the next one.

Before that, sold options are assigned in the night after a close where a backtest assigns them
(:mod:`options_platform.domain.trading.early_assignment`): all contracts of a symbol, before the
market of the next session opens. Shares that are in the account then receive or owe the dividend
(DIV) of a session that is an ex-date, on that day.

On the ex-date of a whole split, before the market opens, contracts and shares become as many times
more at strikes divided by the ratio (OPCA), and orders for the old contracts expire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from options_platform.adapters.brokers.simulated_clearing import (
    EARLY,
    SettledRow,
    dividends,
    ended,
    expire_what_buys,
    keep_terms,
    kept_terms,
    split_contracts,
    was_assigned,
    with_adjusted,
)
from options_platform.adapters.brokers.simulated_schema import prepare
from options_platform.adapters.ports.broker import (
    Activity,
    BrokerAccount,
    BrokerClock,
    BrokerOrder,
    DuplicateOrderError,
    Holding,
    OrderRefusedError,
)
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.stored_legs import read_legs
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import ChainRules
from options_platform.domain.earnings.trade_exits import FOR_REPORT
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.early_assignment import AssignmentRules
from options_platform.domain.trading.exits.expiry_policy import early_assignment, outcome_of
from options_platform.domain.trading.fill_prices import (
    AT_FAR_SIDE,
    FillRules,
    MarketClose,
    net_price,
)
from options_platform.domain.trading.orders import Order, OrderLeg, multiplier_of
from options_platform.settings import Settings

if TYPE_CHECKING:
    import duckdb

CENT = 0.005
Outcome = Literal["reject", "partial"]


@dataclass(frozen=True)
class SimulatedBroker:
    """The simulated broker of one account, in the file at `path`."""

    path: Path
    chain: ChainRules
    fills: FillRules
    costs: CostRules
    assignment: AssignmentRules = field(default_factory=AssignmentRules)
    wait_seconds: float = 60.0
    start_usd: float = 100_000.0
    name: str = "simulated"
    takes_market_orders: bool = True
    works_at_close: bool = True
    quotes_contracts: bool = False
    exercises_contracts: bool = False
    verifies_account: bool = False

    def holding(self) -> AbstractContextManager[object]:
        """Keep the file open over many steps; each step is still a separate transaction."""
        return held(self.path, wait_seconds=self.wait_seconds)

    def account(self) -> BrokerAccount:
        """Cash after all fills and settlements, in USD; open positions are not valued."""
        rows = self._rows("filled_qty > 0", [])
        spent = sum(
            row[3] * multiplier_of(read_legs(row[2])) * (row[4] or 0.0) + row[5] for row in rows
        )
        spent += sum(a.quantity * (a.price or 0.0) - a.amount_usd for a in self._settlements())
        return BrokerAccount("simulated", self._starting_cash() - spent)

    def _starting_cash(self) -> float:
        """Starting cash in USD: the `start_usd` of the first request, which is stored."""
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            connection.execute(
                "INSERT INTO account SELECT ? WHERE NOT EXISTS (FROM account)", [self.start_usd]
            )
            return float(connection.execute("SELECT start_usd FROM account").fetchall()[0][0])

    def clock(self) -> BrokerClock | None:
        """None: the broker has no time of its own, only the sessions it is given."""
        return None

    def demand(self, ticker: str, outcome: Outcome, contracts: int = 0) -> None:
        """Reject the next order in `ticker`, or fill only `contracts` (or shares) of it."""
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            connection.execute(
                "INSERT OR REPLACE INTO demands VALUES (?, ?, ?)", [ticker, outcome, contracts]
            )

    def submit(
        self,
        order: Order,
        expected: Mapping[str, int] | None = None,  # noqa: ARG002
    ) -> BrokerOrder:
        """Accept the order for the session after `order.session`.

        Raises :class:`DuplicateOrderError` if its id was used before.
        """
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            if order.purpose == "exit" and order.reason in FOR_REPORT:
                # Of an order that is not stored after all this says nothing.
                connection.execute(
                    "INSERT OR IGNORE INTO at_far_side VALUES (?)", [order.client_order_id]
                )
            # A single statement, so that the id is stored or not, whatever happens after.
            inserted = connection.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, 'submitted', 0, NULL, 0, NULL, NULL, "
                "?) ON CONFLICT DO NOTHING RETURNING client_order_id",
                [
                    order.client_order_id,
                    order.session,
                    order.ticker,
                    json.dumps([asdict(leg) for leg in order.legs], default=str),
                    order.contracts,
                    order.limit_price,
                    (order.placed_at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None),
                ],
            ).fetchone()
            if inserted is None:
                raise DuplicateOrderError(f"order id {order.client_order_id} must be unique")
            rejected = connection.execute(
                "DELETE FROM demands WHERE ticker = ? AND outcome = 'reject' RETURNING ticker",
                [order.ticker],
            ).fetchone()
            if rejected is not None:
                connection.execute(
                    "UPDATE orders SET status = 'rejected', reason = 'ON_DEMAND' "
                    "WHERE client_order_id = ?",
                    [order.client_order_id],
                )
                return BrokerOrder(order.client_order_id, "rejected", 0, None, 0.0, "ON_DEMAND")
        return BrokerOrder(order.client_order_id, "submitted", 0, None, 0.0)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order with this id; None if there is none."""
        orders = self._orders("client_order_id = ?", [client_order_id])
        return orders[0] if orders else None

    def cancel(self, client_order_id: str) -> None:
        """Cancel an order that waits for its session; OrderRefusedError if it is not working."""
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            canceled = connection.execute(
                "UPDATE orders SET status = 'canceled' "
                "WHERE client_order_id = ? AND status = 'submitted' RETURNING status",
                [client_order_id],
            ).fetchone()
        if canceled is None:
            raise OrderRefusedError(f"order {client_order_id} does not work and cannot be canceled")

    def working(self) -> list[BrokerOrder]:
        """Orders that wait for their session."""
        return self._orders("status = 'submitted'", [])

    def orders_since(self, moment: datetime) -> list[BrokerOrder]:
        """The orders accepted at `moment` or later."""
        return self._orders("sent_at >= ?", [moment.astimezone(UTC).replace(tzinfo=None)])

    def holdings(self) -> list[Holding]:
        """Open contracts and shares after all fills and settlements."""
        quantities: dict[str, int] = {}
        for row in self._rows("filled_qty > 0", []):
            for leg in read_legs(row[2]):
                symbol = leg.symbol(row[1])
                quantities[symbol] = quantities.get(symbol, 0) + leg.signed_ratio * row[3]
        for settled in self._settlements():
            if settled.kind == "DIV":
                continue
            quantities[settled.symbol] = quantities.get(settled.symbol, 0) + int(settled.quantity)
        return [Holding(symbol, count) for symbol, count in sorted(quantities.items()) if count]

    def activities(self, since: date, *, fills: bool = True) -> list[Activity]:
        """Fills, settlements, assignments and dividends; it exercises only at expiry."""
        activities = [activity for activity in self._settlements() if activity.on >= since]
        rows = self._rows("filled_qty > 0 AND worked_on >= ?", [since]) if fills else []
        for order_id, ticker, legs_json, filled, *_, worked_on in rows:
            for at, leg in enumerate(read_legs(legs_json)):
                activities.append(
                    Activity(
                        f"{order_id}-{at}",
                        "FILL",
                        leg.symbol(ticker),
                        leg.signed_ratio * filled,
                        None,
                        worked_on,
                    )
                )
        return sorted(activities, key=lambda activity: (activity.on, activity.activity_id))

    def open_session(self, session: date, market: Mapping[str, MarketClose]) -> frozenset[str]:
        """Assign what was exercised in the night before `session`; split, and pay dividends.

        Orders that buy back what was assigned or split expire. Returns the assigned contracts
        (symbols); repeating a session changes nothing.
        """
        quantities = {holding.symbol: int(holding.quantity) for holding in self.holdings()}
        traded = self._traded_options()
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            connection.begin()
            opened = connection.execute(
                "INSERT INTO opened VALUES (?) ON CONFLICT DO NOTHING RETURNING session", [session]
            ).fetchone()
            rows: list[SettledRow] = []
            assigned = was_assigned(connection, session)
            for symbol, terms in kept_terms(connection, session).items() if opened else ():
                (ticker, leg), quantity = traded[symbol], quantities.get(symbol, 0)
                close = market.get(ticker)
                # The terms are of the shares of the close before.
                paid = 0.0 if close is None else close.dividend * close.split
                if quantity < 0 and terms.is_exercised(paid):
                    ending = early_assignment(quantity, leg.right)
                    rows += ended(session, symbol, quantity, ticker, leg, ending, EARLY)
                    assigned.add(symbol)
            expire_what_buys(connection, assigned, session)
            _add_rows(quantities, rows)
            if opened:
                split = split_contracts(connection, session, quantities, traded, market)
                _add_rows(quantities, split)
                rows += [*split, *dividends(session, quantities, market)]
            self._record(connection, rows)
            connection.commit()
        return frozenset(assigned)

    def work(self, session: date, market: Mapping[str, MarketClose]) -> None:
        """Fill or expire the orders that work in `session`, then settle expiring contracts.

        Repeating a session changes nothing.
        """
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            waiting = connection.execute(
                "SELECT o.client_order_id, o.ticker, o.legs, o.contracts, o.limit_price, "
                "d.contracts, f.client_order_id IS NOT NULL FROM orders o LEFT JOIN demands d "
                "ON d.ticker = o.ticker AND d.outcome = 'partial' "
                "LEFT JOIN at_far_side f ON f.client_order_id = o.client_order_id "
                "WHERE status = 'submitted' AND session < ? ORDER BY o.client_order_id",
                [session],
            ).fetchall()
            for order_id, ticker, legs, contracts, limit, most, crosses in waiting:
                fills = AT_FAR_SIDE if crosses else self.fills
                outcome = self._outcome(
                    session, market.get(ticker), legs, contracts, limit, most, fills
                )
                connection.execute(
                    "UPDATE orders SET status = ?, filled_qty = ?, avg_price = ?, fees_usd = ?, "
                    "reason = ?, worked_on = ? WHERE client_order_id = ?",
                    [*outcome, session, order_id],
                )
                connection.execute(
                    "DELETE FROM demands WHERE ticker = ? AND outcome = 'partial'", [ticker]
                )
        self._settle(session, market)

    def _settle(self, session: date, market: Mapping[str, MarketClose]) -> None:
        """Settle open contracts whose last close is that of `session` or an earlier one."""
        quantities = {holding.symbol: int(holding.quantity) for holding in self.holdings()}
        rows: list[SettledRow] = []
        sold: dict[str, list[OrderLeg]] = {}
        for symbol, (ticker, leg) in self._traded_options().items():
            quantity, close = quantities.get(symbol, 0), market.get(ticker)
            if not quantity or close is None:
                continue
            if leg.expiry < shift(session, 1):
                ending = outcome_of(quantity, leg.right, leg.strike, close.spot)
                rows += ended(session, symbol, quantity, ticker, leg, ending)
            elif quantity < 0:
                sold.setdefault(ticker, []).append(leg)
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            connection.begin()
            self._record(connection, rows)
            keep_terms(connection, session, sold, market, self.chain, self.assignment)
            connection.commit()

    @staticmethod
    def _record(connection: duckdb.DuckDBPyConnection, rows: list[SettledRow]) -> None:
        if rows:
            connection.executemany("INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _traded_options(self) -> dict[str, tuple[str, OrderLeg]]:
        """Ticker and leg of every option ever traded, or made of one by a split, by symbol."""
        traded: dict[str, tuple[str, OrderLeg, date]] = {}
        for _, ticker, legs, *_, worked_on in self._rows("filled_qty > 0", []):
            for leg in read_legs(legs):
                earlier = traded.get(leg.symbol(ticker), (ticker, leg, worked_on))[2]
                traded[leg.symbol(ticker)] = (ticker, leg, min(earlier, worked_on))
        if not traded:
            return {}
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            return with_adjusted(connection, traded)

    def _settlements(self) -> list[Activity]:
        if not self.path.exists():
            return []
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            rows = connection.execute("FROM settlements ORDER BY activity_id").fetchall()
        return [
            Activity(number, kind, symbol, quantity, price, on, amount_usd=amount_usd or 0.0)
            for number, kind, symbol, quantity, price, on, amount_usd in rows
        ]

    def _outcome(
        self,
        session: date,
        close: MarketClose | None,
        legs_json: str,
        contracts: int,
        limit: float | None,
        most: int | None,
        fills: FillRules,
    ) -> tuple[str, int, float | None, float, str | None]:
        if close is None:
            return "expired", 0, None, 0.0, "NO_MARKET"
        legs = read_legs(legs_json)
        price = net_price(legs, session, close, self.chain, fills)
        if limit is not None and price > limit + CENT:
            return "expired", 0, None, 0.0, "LIMIT_NOT_REACHED"
        filled = contracts if most is None else min(most, contracts)
        # Shares, and contracts that settle at this close, cost no fee.
        sides = sum(leg.ratio for leg in legs if leg.expiry > session and not leg.is_shares)
        fee = float(self.costs.fees_on(np.array([session], dtype="datetime64[D]"))[0])
        if filled < contracts:
            paid = price if filled else None
            return "expired", filled, paid, fee * filled * sides, "PARTIAL_ON_DEMAND"
        return "filled", filled, price, fee * filled * sides, None

    def _orders(self, condition: str, params: list[object]) -> list[BrokerOrder]:
        return [
            BrokerOrder(number, status, filled, price, fees, reason)
            for number, _, _, filled, price, fees, status, reason, _ in self._rows(
                condition, params
            )
        ]

    def _rows(
        self, condition: str, params: list[object]
    ) -> list[tuple[str, str, str, int, float | None, float, str, str | None, date]]:
        if not self.path.exists():
            return []
        with held(self.path, wait_seconds=self.wait_seconds) as connection:
            prepare(connection)
            return connection.execute(
                "SELECT client_order_id, ticker, legs, filled_qty, avg_price, fees_usd, status, "
                f"reason, worked_on FROM orders WHERE {condition} ORDER BY client_order_id",
                params,
            ).fetchall()


def _add_rows(quantities: dict[str, int], rows: list[SettledRow]) -> None:
    for row in rows:
        quantities[row[2]] = quantities.get(row[2], 0) + row[3]


def open_broker(settings: Settings, folder: Path | None = None) -> SimulatedBroker:
    """The simulated broker of the account, whose file lies in `folder` (default: the home)."""
    path = settings.simulated_broker_path
    return SimulatedBroker(
        path if folder is None else folder / path.name,
        chain=settings.plan.chain,
        fills=settings.fills,
        costs=settings.plan.costs,
        assignment=settings.backtest.assignment,
        wait_seconds=settings.warehouse_wait_seconds,
        start_usd=settings.account_value_usd,
    )
