"""The fake account: its orders from submission to end, positions, cash and activities.

Its JSON has the shapes of Alpaca's trading API v2: numbers as text, times in UTC, a multi-leg order
with its legs inside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from options_platform.fake_alpaca.activities import activity_id, fill_of, non_trade
from options_platform.fake_alpaca.answers import Json, Refusal, number, stamp, text_of
from options_platform.fake_alpaca.checks import (
    FORBIDDEN,
    OPEN,
    SIGNS,
    BookRules,
    checked_legs,
    invalid,
    reserved,
)
from options_platform.fake_alpaca.margin import buying_power_usd, order_usd
from options_platform.fake_alpaca.symbols import OCC, size

__all__ = ["OPEN", "SIGNS", "FakeBook", "Json", "Refusal", "stamp"]


class FakeBook:
    """One paper account; `now` is its clock. It is not thread-safe.

    A position is valued at its price in `marks`, else at the result of `mark`, else at its entry
    price. `renamed` has the new symbol of each contract that a split replaced.
    """

    def __init__(
        self, now: Callable[[], datetime], *, cash_usd: float = 100_000.0, level: int = 3
    ) -> None:
        self.now = now
        self.cash = cash_usd
        self.level = level
        self.number = "PAFAKE000001"
        self.blocked = False
        self.rules = BookRules()
        self.working = OPEN
        self.mark: Callable[[str], float | None] = lambda _: None
        self.marks: dict[str, float] = {}
        self.orders: dict[str, Json] = {}
        self.positions: dict[str, list[float]] = {}
        self.renamed: dict[str, str] = {}
        self.activities: list[Json] = []
        self._count = 0

    def account(self) -> Json:
        """The body of GET /v2/account."""
        value = sum(q * self._value(s, price) for s, (q, price) in self.positions.items())
        return {
            "id": str(uuid.UUID(int=1)),
            "account_number": self.number,
            "status": "ACTIVE",
            "currency": "USD",
            "cash": f"{self.cash:.2f}",
            "equity": f"{self.cash + value:.2f}",
            "portfolio_value": f"{self.cash + value:.2f}",
            "position_market_value": f"{value:.2f}",
            "buying_power": f"{max(self.cash, 0.0):.2f}",
            "options_buying_power": f"{self.options_power():.2f}",
            "options_approved_level": self.level,
            "options_trading_level": self.level,
            "account_blocked": self.blocked,
            "trading_blocked": False,
            "transfers_blocked": False,
            "trade_suspended_by_user": False,
            "pattern_day_trader": False,
            "shorting_enabled": True,
            "multiplier": "2",
            "created_at": "2023-01-01T18:20:20.272275Z",
        }

    def options_power(self) -> float:
        """Buying power for options with all open contracts and resting orders, USD."""
        working = [order for order in self.orders.values() if order["status"] in OPEN]
        return buying_power_usd(self.cash, self.quantities(), working)

    def _value(self, symbol: str, entry_price: float) -> float:
        price = self.marks.get(symbol, self.mark(symbol))
        return (entry_price if price is None else price) * size(symbol)

    def quantity(self, symbol: str) -> float:
        """Contracts or shares in the account, short ones negative."""
        return self.positions.get(symbol, [0, 0.0])[0]

    def quantities(self) -> dict[str, float]:
        """All positions by symbol."""
        return {symbol: quantity for symbol, (quantity, _) in self.positions.items()}

    def submit(self, body: Json) -> Json:
        """Accept an order, or raise a :class:`Refusal`; the client order id is checked first."""
        client_id = str(body.get("client_order_id") or uuid.uuid4())
        if any(order["client_order_id"] == client_id for order in self.orders.values()):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        several = body.get("order_class") == "mleg"
        quantity = number(body["qty"])
        legs = checked_legs(self, body, quantity)
        if str(body.get("type")) != "limit" or body.get("limit_price") is None:
            raise invalid("only limit orders are taken here")
        if not several and float(body["limit_price"]) <= 0:
            raise invalid("limit_price must be > 0")
        if quantity <= 0:
            raise invalid("qty must be > 0")
        if not float(quantity).is_integer() and (several or OCC.fullmatch(legs[0]["symbol"])):
            raise invalid("qty must be integer for options trading")
        order = self._new_order(body, client_id, legs, quantity, several=several)
        power, needed = self.options_power(), order_usd(order)
        if needed > power:
            raise Refusal(
                403, FORBIDDEN, "insufficient options buying power",
                options_buying_power=f"{power:.2f}", required=f"{needed:.2f}",
            )  # fmt: skip
        self.orders[order["id"]] = order
        return order

    def _new_order(
        self, body: Json, client_id: str, legs: list[Json], quantity: float, *, several: bool
    ) -> Json:
        at = stamp(self.now())
        fields = self._fields(body, client_id, at) | {
            "qty": text_of(quantity),
            "limit_price": str(body["limit_price"]),
        }
        if not several:
            leg = {name: legs[0][name] for name in ("symbol", "side", "position_intent")}
            kind = "us_option" if OCC.fullmatch(leg["symbol"]) else "us_equity"
            simple = {"order_class": "simple", "asset_class": kind, "legs": None}
            return fields | leg | simple
        leg_orders = [
            self._fields(leg, str(uuid.uuid4()), at)
            | {
                "symbol": leg["symbol"],
                "side": leg["side"],
                "ratio_qty": str(leg["ratio_qty"]),
                "position_intent": leg["position_intent"],
                "qty": text_of(quantity * leg["ratio_qty"]),
                "order_class": "mleg",
                "limit_price": None,
                "legs": None,
            }
            for leg in legs
        ]
        return fields | {"order_class": "mleg", "symbol": "", "side": "", "legs": leg_orders}

    def _fields(self, body: Json, client_id: str, at: str) -> Json:
        empty = dict.fromkeys(
            ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "replaced_by",
             "replaces", "notional", "filled_avg_price", "stop_price", "trail_price",
             "trail_percent", "hwm", "position_intent")
        )  # fmt: skip
        return empty | {
            "id": str(uuid.uuid4()),
            "client_order_id": client_id,
            "created_at": at,
            "updated_at": at,
            "submitted_at": at,
            "asset_id": str(uuid.uuid4()),
            "asset_class": "us_option",
            "filled_qty": "0",
            "order_type": "limit",
            "type": "limit",
            "time_in_force": str(body.get("time_in_force", "day")),
            "status": "new",
            "extended_hours": False,
        }

    def fill(self, order: Json, spreads: float | None = None, price: float | None = None) -> None:
        """Fill `spreads` more of a working order (default: all) at `price` (default: its limit)."""
        if order["status"] not in OPEN:
            return
        before, total = number(order["filled_qty"]), number(order["qty"])
        spreads = total - before if spreads is None else min(spreads, total - before)
        if spreads <= 0:
            return
        legs = order["legs"] or [order]
        limit = float(order["limit_price"])
        net = price if price is not None else limit * (1 if order["legs"] else _sign(legs))
        done = before + spreads
        if order["legs"]:
            _count_fill(order, spreads, net)
        if done == total:
            self._end(order, "filled", "filled_at")
        else:
            for part in [order, *(order["legs"] or [])]:
                if part["status"] != "pending_cancel":
                    part["status"] = "partially_filled"
                part["updated_at"] = stamp(self.now())
        for leg, leg_price in zip(legs, _leg_prices(legs, net), strict=True):
            self._book(order, leg, spreads * int(leg.get("ratio_qty") or 1), leg_price)

    def _book(self, order: Json, leg: Json, count: float, price: float) -> None:
        _count_fill(leg, count, price)
        change = SIGNS[leg["side"]] * count
        self.move(leg["symbol"], change, price)
        self.cash -= change * price * size(leg["symbol"])
        activity = fill_of(self.next_activity(), order, leg, change, price, self.now())
        self.activities.append(activity)

    def move(self, symbol: str, change: float, price: float) -> None:
        """Add contracts or shares to a position or remove them, without changing cash."""
        quantity, mean = self.positions.get(symbol, [0, 0.0])
        after = quantity + change
        if after == 0:
            self.positions.pop(symbol, None)
            return
        grows = quantity * change >= 0
        paid = (mean * abs(quantity) + price * abs(change)) / abs(after) if grows else mean
        self.positions[symbol] = [after, paid if grows or quantity * after > 0 else price]

    def next_activity(self) -> str:
        """A new id for an activity."""
        self._count += 1
        return activity_id(self.now(), self._count)

    def clearing(self, kind: str, symbol: str) -> None:
        """Remove a whole position by an OPASN, OPEXC or OPEXP, without shares or cash."""
        quantity, _ = self.positions.pop(symbol)
        activity = non_trade(self.next_activity(), kind, symbol, -quantity, self.now())
        self.activities.append(activity)

    def cancel(self, order: Json, *, pending: bool = False) -> None:
        """Cancel a working order, or leave its cancel pending; 422 if it has ended."""
        if order["status"] not in OPEN:
            raise invalid(f'order is already in "{order["status"]}" state')
        if pending:
            for part in [order, *(order["legs"] or [])]:
                part["status"] = "pending_cancel"
        else:
            self._end(order, "canceled", "canceled_at")

    def replace(self, order: Json, changes: Json) -> Json:
        """Replace a working order by one with another price or quantity; returns the new order.

        As at Alpaca, `qty` includes the filled quantity; the new order is for the remainder.
        """
        if order["status"] not in OPEN or order["status"] == "pending_cancel":
            raise invalid(f"cannot replace order in {order['status']} status")
        total, filled = number(changes.get("qty") or order["qty"]), number(order["filled_qty"])
        if total <= filled:
            raise invalid("qty must be > filled_qty")
        body = {
            "client_order_id": changes.get("client_order_id"),
            "order_class": order["order_class"],
            "symbol": order["symbol"],
            "side": order["side"],
            "position_intent": order["position_intent"],
            "legs": [dict(leg) for leg in order["legs"] or []],
            "type": "limit",
            "time_in_force": changes.get("time_in_force") or order["time_in_force"],
            "limit_price": changes.get("limit_price") or order["limit_price"],
            "qty": total - filled,
        }
        before = order["status"]
        # Contracts that the order was to close become available for the new one.
        order["status"] = "replaced"
        try:
            other = self.submit(body)
        except Refusal:
            order["status"] = before
            raise
        self._end(order, "replaced", "replaced_at")
        order["replaced_by"], other["replaces"] = other["id"], order["id"]
        return other

    def reject(self, order: Json) -> None:
        """Reject an order that was accepted."""
        self._end(order, "rejected", "failed_at")

    def expire_day_orders(self) -> None:
        """Expire all open day orders, as at the close of a session."""
        for order in self.orders.values():
            if order["status"] in OPEN:
                self._end(order, "expired", "expired_at")

    def _end(self, order: Json, status: str, stamped: str) -> None:
        for part in [order, *(order["legs"] or [])]:
            part["status"] = status
            part[stamped] = part["updated_at"] = stamp(self.now())

    def by_client_id(self, client_order_id: str) -> Json:
        """The order with this client order id, or a :class:`Refusal` with 404."""
        return with_client_id(self.orders, client_order_id)

    def by_id(self, order_id: str) -> Json:
        """The order with this id, or a :class:`Refusal` with 404."""
        return with_id(self.orders, order_id)

    def position_rows(self, positions: Mapping[str, list[float]] | None = None) -> list[Json]:
        """The body of GET /v2/positions, for the account's positions or for `positions`."""
        shown = self.positions if positions is None else positions
        return [self._row(symbol, *row) for symbol, row in sorted(shown.items())]

    def _row(self, symbol: str, quantity: float, price: float) -> Json:
        value = quantity * self._value(symbol, price)
        cost = quantity * price * size(symbol)
        free = abs(quantity) - reserved(self, symbol, "sell" if quantity > 0 else "buy")
        return {
            "asset_id": str(uuid.uuid5(uuid.NAMESPACE_OID, symbol)),
            "symbol": symbol,
            "asset_class": "us_option" if OCC.fullmatch(symbol) else "us_equity",
            "qty": text_of(quantity),
            "qty_available": text_of(max(free, 0)),
            "side": "long" if quantity > 0 else "short",
            "avg_entry_price": str(price),
            "cost_basis": str(cost),
            "market_value": str(round(value, 4)),
            "unrealized_pl": str(round(value - cost, 4)),
            "current_price": str(self._value(symbol, price) / size(symbol)),
        }


def with_client_id(orders: Mapping[str, Json], client_order_id: str) -> Json:
    """The order with this client order id among `orders`, or a :class:`Refusal` with 404."""
    for order in orders.values():
        if order["client_order_id"] == client_order_id:
            return order
    raise Refusal(404, 40410000, f"order not found for {client_order_id}")


def with_id(orders: Mapping[str, Json], order_id: str) -> Json:
    """The order, or the leg of an order, with this id; or a :class:`Refusal` with 404."""
    for order in orders.values():
        parts: list[Json] = [order, *(order["legs"] or [])]
        for part in parts:
            if part["id"] == order_id:
                return part
    raise Refusal(404, 40410000, f"order not found for {order_id}")


def _count_fill(part: Json, count: float, price: float) -> None:
    """Add a fill to the filled quantity and average price of an order or leg."""
    before = number(part["filled_qty"])
    mean = float(part["filled_avg_price"] or 0.0)
    part["filled_qty"] = text_of(before + count)
    part["filled_avg_price"] = str(round((mean * before + price * count) / (before + count), 6))


def _sign(legs: list[Json]) -> int:
    return SIGNS[legs[0]["side"]]


def _leg_prices(legs: list[Json], net: float) -> list[float]:
    """Prices of the legs, none negative, whose signed sum is the net price of one spread."""
    signs = [SIGNS[leg["side"]] * int(leg.get("ratio_qty") or 1) for leg in legs]
    prices = [1.0 if len(legs) > 1 else 0.0 for _ in legs]
    difference = net - sum(sign * price for sign, price in zip(signs, prices, strict=True))
    # The first leg whose price would rise takes the whole difference.
    at = next(i for i, sign in enumerate(signs) if sign * difference >= 0)
    prices[at] = round(prices[at] + difference / signs[at], 6)
    return prices
