"""Alpaca through alpaca-py: the paper account, or live on three conditions.

Every order is a limit day order; several legs are sent as one multi-leg order. Requests that read
are repeated a few times, requests that send an order never: see :mod:`.alpaca_wire`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np

from options_platform.adapters.brokers import alpaca_shapes as shapes
from options_platform.adapters.brokers.alpaca_accounts import may_be_traded, require_allowed
from options_platform.adapters.ports.broker import (
    Activity,
    BrokerAccount,
    BrokerClock,
    BrokerDoubtError,
    BrokerOrder,
    Holding,
    LastPrice,
    OrderRefusedError,
    Quote,
)
from options_platform.adapters.sources.alpaca.keys import Keys, require_keys, require_package
from options_platform.domain.chain.occ_symbols import share_symbol
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.reconciliation.adoption import purpose_of
from options_platform.errors import SettingsError
from options_platform.settings import Settings
from options_platform.settings.broker_rules import AlpacaRules

READ_ATTEMPTS = 3
ORDERS_A_PAGE = 500
ACTIVITIES_A_PAGE = 100
# Pages may be shorter than requested, but never shorter than Alpaca's default.
LEAST_A_PAGE = 50
QUOTES_A_REQUEST = 100
LIVE_KEY, PAPER_KEY = "AK", "PK"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class AlpacaBroker:
    """An account at Alpaca; the first call connects, and needs the package alpaca-py."""

    rules: AlpacaRules
    costs: CostRules
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    keys: Keys | None = None
    name: str = "alpaca"
    takes_market_orders: bool = False
    works_at_close: bool = False
    quotes_contracts: bool = True
    exercises_contracts: bool = True
    verifies_account: bool = True

    def account(self) -> BrokerAccount:
        """The account; BrokerError if its number is not allowed, or live trading not confirmed."""
        account: BrokerAccount = self._read(
            "the account", self._client.get_account, shapes.account_of
        )
        require_allowed(account.number, self.rules, self.environment)
        # An order then needs no further request between the last check of a halt and its sending.
        self.__dict__["_allowed_client"] = self._client
        return account

    def keys_digest(self, account_digest: str) -> str:
        """A digest of account, server and the key's id; the secret is no part of it."""
        server = self.rules.fake_address or ("live" if self.rules.live else "paper")
        text = f"{account_digest}:{server}:{self._keys().key}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def close_unseen(self, account_digest: str) -> None:
        """Send exits also while the account's page fails: whose it is was verified before.

        The settings have to allow that account by then, too. An answer that names an account which
        may not be traded refuses them all the same.
        """
        self.__dict__["_verified_before"] = account_digest

    def clock(self) -> BrokerClock | None:
        """Alpaca's clock."""
        clock: BrokerClock = self._read("the clock", self._client.get_clock, shapes.clock_of)
        return clock

    def submit(self, order: Order, expected: Mapping[str, int] | None = None) -> BrokerOrder:
        """Send the order once; legs of an exit are marked as closing the `expected` contracts.

        Raises :class:`OrderRefusedError`, :class:`DuplicateOrderError`, or
        :class:`BrokerDoubtError` if the order may or may not have arrived.
        """
        from options_platform.adapters.brokers.alpaca_wire import asked

        if self.rules.live and order.max_loss_usd > self.rules.live_max_order_usd:
            raise OrderRefusedError(
                f"order {order.client_order_id} may lose {order.max_loss_usd:.0f} USD, above "
                "alpaca.live_max_order_usd; nothing was sent"
            )
        request = shapes.request_of(order, expected)
        client = self._closing_client if order.purpose == "exit" else self._allowed_client
        what = f"order {order.client_order_id}"
        accepted = asked(
            what, lambda: self._order(_of_id(client.submit_order(request), order.client_order_id))
        )
        if accepted is None:
            raise OrderRefusedError(f"{what}: Alpaca knows no such asset")
        return accepted

    def exercise(self, symbol: str) -> None:
        """Exercise all long contracts of that symbol."""
        from options_platform.adapters.brokers.alpaca_wire import asked

        what, client = f"exercise of {symbol}", self._allowed_client
        path = f"/positions/{symbol}/exercise"
        if asked(what, lambda: (client.post(path),)) is None:
            raise OrderRefusedError(f"{what}: Alpaca shows no such position")

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order with this id; None if Alpaca has none."""
        order: BrokerOrder | None = self._read_or_none(
            f"order {client_order_id}",
            partial(self._client.get_order_by_client_id, client_order_id),
            lambda answer: self._order(_of_id(answer, client_order_id)),
        )
        return order

    def cancel(self, client_order_id: str) -> None:
        """Request the cancel of an order; it may still fill until Alpaca confirms."""
        from options_platform.adapters.brokers.alpaca_wire import asked

        what = f"cancel of {client_order_id}"
        broker_id = self._read_or_none(
            what,
            partial(self._client.get_order_by_client_id, client_order_id),
            lambda answer: str(_of_id(answer, client_order_id)["id"]),
        )
        if broker_id is None:
            raise OrderRefusedError(f"order {client_order_id} is not at Alpaca")
        asked(what, partial(self._client.cancel_order_by_id, broker_id))

    def working(self) -> list[BrokerOrder]:
        """All open orders."""
        return self._listed("open", None)

    def orders_since(self, moment: datetime) -> list[BrokerOrder]:
        """All orders submitted at `moment` or later."""
        return self._listed("all", moment)

    def holdings(self) -> list[Holding]:
        """All positions, netted by contract."""
        holdings: list[Holding] = self._read(
            "the positions",
            self._client.get_all_positions,
            lambda answer: [shapes.holding_of(row) for row in shapes.listed(answer)],
        )
        return holdings

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """The newest quotes by symbol; symbols without a readable quote are left out."""
        from alpaca.data.requests import OptionLatestQuoteRequest

        quotes: dict[str, Quote] = {}
        for first in range(0, len(symbols), QUOTES_A_REQUEST):
            batch = list(symbols[first : first + QUOTES_A_REQUEST])
            request = OptionLatestQuoteRequest(symbol_or_symbols=batch)
            quotes |= self._read(
                "the quotes",
                partial(self._quote_client.get_option_latest_quote, request),
                lambda answer: shapes.readable(answer, shapes.quote_of),
            )
        return quotes

    def last_prices(self, tickers: Sequence[str]) -> dict[str, LastPrice]:
        """The last trades by ticker; tickers without a readable trade are left out."""
        from alpaca.data.requests import StockLatestTradeRequest

        symbols = {ticker: share_symbol(ticker) for ticker in tickers}
        request = StockLatestTradeRequest(symbol_or_symbols=sorted(set(symbols.values())))
        prices: dict[str, LastPrice] = self._read(
            "the last trades",
            partial(self._stock_client.get_stock_latest_trade, request),
            lambda answer: shapes.readable(answer, shapes.last_price_of),
        )
        return {ticker: prices[symbol] for ticker, symbol in symbols.items() if symbol in prices}

    def activities(self, since: date, *, fills: bool = True) -> list[Activity]:
        """Assignments, exercises, expiries, dividends and, if wanted, fills from `since` on."""
        kinds = "OPASN,OPEXC,OPEXP,OPTRD,DIV"
        activities: dict[Activity, None] = {}
        page: str | None = None
        while True:
            query = {
                "activity_types": f"FILL,{kinds}" if fills else kinds,
                "after": (since - timedelta(days=1)).isoformat(),
                "direction": "asc",
                "page_size": ACTIVITIES_A_PAGE,
                "page_token": page,
            }
            new: list[Activity] = self._read(
                "the activities",
                partial(self._client.get, "/account/activities", query),
                lambda answer: [shapes.activity_of(row) for row in shapes.listed(answer)],
            )
            # Two activities may share an id and a page may end between them, so each page begins
            # with the last id of the one before.
            count_before = len(activities)
            activities |= dict.fromkeys(new)
            before = [a.activity_id for a in new if a.activity_id != new[-1].activity_id]
            if len(new) < LEAST_A_PAGE or not before or len(activities) == count_before:
                return [activity for activity in activities if activity.on >= since]
            page = before[-1]

    def _listed(self, status: str, since: datetime | None) -> list[BrokerOrder]:
        from alpaca.common.enums import Sort
        from alpaca.trading.enums import QueryOrderStatus
        from alpaca.trading.requests import GetOrdersRequest

        orders: dict[str, BrokerOrder] = {}
        # Alpaca's `after` is exclusive.
        after = None if since is None else since - timedelta(microseconds=1)
        while True:
            request = GetOrdersRequest(
                status=QueryOrderStatus(status),
                limit=ORDERS_A_PAGE,
                after=after,
                direction=Sort.ASC,
                nested=True,
            )
            size, rows = self._read(
                "the orders", partial(self._client.get_orders, request), self._rows
            )
            count_before = len(orders)
            orders |= {order.client_order_id: order for _, order in rows}
            if size < LEAST_A_PAGE or len(orders) == count_before:
                return list(orders.values())
            # Several orders may share a time, so the next page begins with the last one again.
            after = rows[-1][0] - timedelta(microseconds=1)

    def _rows(self, answer: Any) -> tuple[int, list[tuple[datetime, BrokerOrder]]]:
        """The number of orders on a page, and the readable ones with their submission times.

        An unreadable order, perhaps not the platform's, hides no other; the platform's are then
        looked up by id. Raises ValueError if no order of a page can be read, unless all of them
        have ids that are none of the platform's.
        """
        rows, may_be_ours = [], False
        page = shapes.listed(answer)
        for row in page:
            try:
                rows.append((shapes.moment(row["submitted_at"]), self._order(row)))
            except shapes.UNREADABLE:
                may_be_ours = may_be_ours or not _is_foreign(row)
        if may_be_ours and not rows:
            raise ValueError("no order of the list can be read")
        return len(page), rows

    def _order(self, row: Any) -> BrokerOrder:
        day = np.array([shapes.moment(row["submitted_at"]).date()], dtype="datetime64[D]")
        return shapes.order_of(row, float(self.costs.fees_on(day)[0]))

    def _read(self, what: str, ask: Callable[[], Any], shape: Callable[[Any], Any]) -> Any:
        value = self._read_or_none(what, ask, shape)
        if value is None:
            raise BrokerDoubtError(f"{what}: Alpaca says that there is none")
        return value

    def _read_or_none(self, what: str, ask: Callable[[], Any], shape: Callable[[Any], Any]) -> Any:
        """The answer converted by `shape`; BrokerDoubtError if it cannot be converted."""
        import tenacity

        from options_platform.adapters.brokers.alpaca_wire import asked

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BrokerDoubtError),
            stop=tenacity.stop_after_attempt(READ_ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(
                multiplier=self.rules.retry_seconds, max=1.0, jitter=self.rules.retry_seconds
            ),
            reraise=True,
        )
        try:
            return retrying(asked, what, lambda: shape(ask()))
        except OrderRefusedError as error:
            # A refused read says nothing about the state of an order, so it leaves a doubt.
            raise BrokerDoubtError(str(error)) from error

    @cached_property
    def _allowed_client(self) -> Any:
        """The client, after the check that its account may trade."""
        self.account()
        return self._client

    @property
    def _closing_client(self) -> Any:
        """The client for exits: those of an account that was verified before go on in a doubt."""
        try:
            return self._allowed_client
        except BrokerDoubtError:
            verified: str | None = self.__dict__.get("_verified_before")
            if verified is None or not may_be_traded(verified, self.rules, self.environment):
                raise
            return self._client

    @cached_property
    def _client(self) -> Any:
        require_package()
        from options_platform.adapters.brokers.alpaca_wire import make_client

        keys = self._keys()
        return make_client(
            keys,
            live=self.rules.live,
            fake_address=self.rules.fake_address,
            timeout_seconds=self.rules.timeout_seconds,
        )

    @cached_property
    def _quote_client(self) -> Any:
        require_package()
        from alpaca.data.historical import OptionHistoricalDataClient

        return self._data_client(OptionHistoricalDataClient)

    @cached_property
    def _stock_client(self) -> Any:
        require_package()
        from alpaca.data.historical import StockHistoricalDataClient

        return self._data_client(StockHistoricalDataClient)

    def _data_client(self, kind: Any) -> Any:
        from options_platform.adapters.brokers.alpaca_wire import make_data_client

        return make_data_client(
            kind,
            self._keys(),
            fake_address=self.rules.fake_address,
            timeout_seconds=self.rules.timeout_seconds,
        )

    def _keys(self) -> Keys:
        if self.keys is not None:
            return self.keys
        if self.rules.fake_address:
            # The keys of a real account are never sent to a fake server.
            return Keys("FAKE-KEY", "FAKE-SECRET")
        keys = require_keys(self.environment)
        wrong = PAPER_KEY if self.rules.live else LIVE_KEY
        if keys.key.startswith(wrong):
            kind = "a paper" if self.rules.live else "the live"
            raise SettingsError(
                f"the keys are those of {kind} account, and alpaca.live is "
                f"{str(self.rules.live).lower()}; set the other keys"
            )
        return keys


def _is_foreign(row: Any) -> bool:
    """Whether an order that cannot be read has an id that is none of the platform's."""
    order_id = row.get("client_order_id") if isinstance(row, dict) else None
    return isinstance(order_id, str) and purpose_of(order_id) is None


def _of_id(answer: Any, client_order_id: str) -> Any:
    """The order of an answer; BrokerDoubtError for another order, e.g. from a proxy's cache."""
    if answer["client_order_id"] != client_order_id:
        raise BrokerDoubtError(
            f"order {client_order_id}: Alpaca answered with order {answer['client_order_id']}"
        )
    return answer


def open_broker(settings: Settings) -> AlpacaBroker:
    """The account at Alpaca."""
    return AlpacaBroker(settings.alpaca, settings.plan.costs)
