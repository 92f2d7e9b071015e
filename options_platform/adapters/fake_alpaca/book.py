"""The fake account: its orders through their whole life, positions, cash and activities.

Shapes are those of Alpaca's trading interface v2: numbers as text, times in UTC, a multi-leg order
with its legs inside.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from options_platform.domain.calendar import NEW_YORK

Json = dict[str, Any]
OCC = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}")
OPEN = ("new", "accepted", "partially_filled", "pending_cancel")
SHARES = 100
SIGNS = {"buy": 1, "sell": -1}
MOST_LEGS = 4


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """An answer of Alpaca's that refuses: HTTP status, its code and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message}


class FakeBook:
    """One paper account. `now` gives its time; nothing here is safe for threads by itself."""

    def __init__(
        self, now: Callable[[], datetime], *, cash_usd: float = 100_000.0, level: int = 3
    ) -> None:
        self.now = now
        self.cash = cash_usd
        self.level = level
        self.number = "PAFAKE000001"
        self.blocked = False
        self.orders: dict[str, Json] = {}
        self.positions: dict[str, list[float]] = {}
        self.marks: dict[str, float] = {}
        self.activities: list[Json] = []
        self._count = 0

    def account(self) -> Json:
        """The body of GET /v2/account; a position counts at its mark, else at what was paid."""
        value = sum(
            quantity * self.marks.get(symbol, paid) * _size(symbol)
            for symbol, (quantity, paid) in self.positions.items()
        )
        return {
            "id": str(uuid.UUID(int=1)),
            "account_number": self.number,
            "status": "ACTIVE",
            "currency": "USD",
            "cash": f"{self.cash:.2f}",
            "equity": f"{self.cash + value:.2f}",
            "portfolio_value": f"{self.cash + value:.2f}",
            "buying_power": f"{max(self.cash, 0.0):.2f}",
            "options_buying_power": f"{max(self.cash, 0.0):.2f}",
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

    def submit(self, body: Json) -> Json:
        """Take an order, or raise a :class:`Refusal`; its id is checked before all else."""
        number = str(body.get("client_order_id") or uuid.uuid4())
        if any(order["client_order_id"] == number for order in self.orders.values()):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        legs = self._checked_legs(body)
        if str(body.get("type")) != "limit" or body.get("limit_price") is None:
            raise Refusal(422, 42210000, "only limit orders are taken here")
        several = body.get("order_class") == "mleg"
        if not several and float(body["limit_price"]) <= 0:
            raise Refusal(422, 42210000, "limit_price must be > 0")
        quantity = int(float(body["qty"]))
        if quantity < 1:
            raise Refusal(422, 42210000, "qty must be > 0")
        at = stamp(self.now())
        order = self._fields(body, number, at) | {
            "qty": str(quantity),
            "order_class": "mleg" if several else "simple",
            "symbol": "" if several else legs[0]["symbol"],
            "side": "" if several else legs[0]["side"],
            "limit_price": str(body["limit_price"]),
            "legs": [
                self._fields(leg, str(uuid.uuid4()), at)
                | {
                    "symbol": leg["symbol"],
                    "side": leg["side"],
                    "ratio_qty": str(leg["ratio_qty"]),
                    "position_intent": leg.get("position_intent"),
                    "qty": str(quantity * int(leg["ratio_qty"])),
                    "order_class": "mleg",
                    "limit_price": None,
                    "legs": None,
                }
                for leg in legs
            ]
            if several
            else None,
        }
        self.orders[order["id"]] = order
        return order

    def _checked_legs(self, body: Json) -> list[Json]:
        if body.get("order_class") != "mleg":
            legs: list[Json] = [{"symbol": body["symbol"], "side": body["side"], "ratio_qty": 1}]
            legs[0]["position_intent"] = body.get("position_intent")
        else:
            legs = [dict(leg) for leg in body.get("legs") or []]
            if not 2 <= len(legs) <= MOST_LEGS:
                raise Refusal(422, 42210000, "mleg orders have 2 to 4 legs")
            if len({leg["symbol"] for leg in legs}) != len(legs):
                raise Refusal(422, 42210000, "All legs must have unique symbols")
            for leg in legs:
                leg["ratio_qty"] = int(float(leg["ratio_qty"]))
            if math.gcd(*(leg["ratio_qty"] for leg in legs)) != 1:
                raise Refusal(422, 42210000, "leg ratios must be in lowest terms")
        for leg in legs:
            if not OCC.fullmatch(str(leg["symbol"])) or leg["side"] not in SIGNS:
                raise Refusal(422, 42210000, f"asset {leg['symbol']} not found")
            if str(leg.get("position_intent", "")).endswith("_to_close"):
                held = self.positions.get(leg["symbol"], [0, 0.0])[0]
                if held * SIGNS[leg["side"]] >= 0:
                    raise Refusal(403, 40310000, f"position not found: {leg['symbol']}")
        return legs

    def _fields(self, body: Json, number: str, at: str) -> Json:
        empty = dict.fromkeys(
            ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "replaced_by",
             "replaces", "notional", "filled_avg_price", "stop_price", "trail_price",
             "trail_percent", "hwm")
        )  # fmt: skip
        return empty | {
            "id": str(uuid.uuid4()),
            "client_order_id": number,
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

    def fill(self, order: Json, spreads: int | None = None, price: float | None = None) -> None:
        """Fill `spreads` more of a working order (default: the rest) at `price` (the limit)."""
        if order["status"] not in OPEN:
            return
        left = int(order["qty"]) - int(order["filled_qty"])
        spreads = left if spreads is None else min(spreads, left)
        legs = order["legs"] or [order]
        limit = float(order["limit_price"])
        net = price if price is not None else limit * (1 if order["legs"] else _sign(legs))
        for leg, leg_price in zip(legs, _leg_prices(legs, net), strict=True):
            count = spreads * int(leg.get("ratio_qty") or 1)
            self._book(leg, count, leg_price)
        done = int(order["filled_qty"]) + spreads
        order["filled_qty"] = str(done)
        order["filled_avg_price"] = str(net if order["legs"] else abs(net))
        if done == int(order["qty"]):
            self._end(order, "filled", "filled_at")
        elif order["status"] != "pending_cancel":
            order["status"] = "partially_filled"
        order["updated_at"] = stamp(self.now())

    def _book(self, leg: Json, count: int, price: float) -> None:
        before = int(leg["filled_qty"]) if leg["order_class"] == "mleg" else 0
        if leg["order_class"] == "mleg":
            old = float(leg["filled_avg_price"] or 0.0)
            leg["filled_qty"] = str(before + count)
            mean = (old * before + price * count) / max(before + count, 1)
            leg["filled_avg_price"] = str(round(mean, 6))
        change = SIGNS[leg["side"]] * count
        self.move(leg["symbol"], change, price)
        self.cash -= change * price * SHARES
        self.add_activity("FILL", leg["symbol"], change, price)

    def move(self, symbol: str, change: int, price: float) -> None:
        """Add contracts to a position, or take them out, without cash."""
        quantity, mean = self.positions.get(symbol, [0, 0.0])
        after = quantity + change
        if after == 0:
            self.positions.pop(symbol, None)
            return
        grows = quantity * change >= 0
        paid = (mean * abs(quantity) + price * abs(change)) / abs(after) if grows else mean
        self.positions[symbol] = [after, paid]

    def add_activity(self, kind: str, symbol: str, change: int, price: float | None) -> None:
        """Note what happened; only fills carry a time, the others a date."""
        self._count += 1
        now = self.now()
        common = {
            "id": f"{now:%Y%m%d}{self._count:012d}::{uuid.UUID(int=self._count)}",
            "activity_type": kind,
            "symbol": symbol,
            "qty": str(change) if kind != "FILL" else str(abs(change)),
        }
        if kind == "FILL":
            side = "buy" if change > 0 else "sell"
            common |= {"transaction_time": stamp(now), "side": side, "price": str(price)}
        else:
            common |= {"date": str(now.astimezone(NEW_YORK).date()), "status": "executed"}
        self.activities.append(common)

    def clearing(self, kind: str, symbol: str) -> None:
        """Assign (OPASN), exercise (OPEXC) or let expire (OPEXP) a whole position."""
        quantity, _ = self.positions.pop(symbol)
        self.add_activity(kind, symbol, -int(quantity), None)

    def cancel(self, order: Json, *, pending: bool = False) -> None:
        """Cancel a working order, or leave it pending; 422 for one that has ended."""
        if order["status"] not in OPEN:
            raise Refusal(422, 42210000, f'order is already in "{order["status"]}" state')
        if pending:
            order["status"] = "pending_cancel"
        else:
            self._end(order, "canceled", "canceled_at")

    def reject(self, order: Json) -> None:
        """Reject an order that was accepted."""
        self._end(order, "rejected", "failed_at")

    def expire_day_orders(self) -> None:
        """What the close of a session does to orders for the day."""
        for order in self.orders.values():
            if order["status"] in OPEN:
                self._end(order, "expired", "expired_at")

    def _end(self, order: Json, status: str, stamped: str) -> None:
        for part in [order, *(order["legs"] or [])]:
            part["status"] = status
            part[stamped] = part["updated_at"] = stamp(self.now())

    def by_client_id(self, number: str) -> Json:
        """The order of that client id, or a :class:`Refusal` with 404."""
        for order in self.orders.values():
            if order["client_order_id"] == number:
                return order
        raise Refusal(404, 40410000, f"order not found for {number}")

    def by_id(self, number: str) -> Json:
        """The order of that id, or a :class:`Refusal` with 404."""
        try:
            return self.orders[number]
        except KeyError:
            raise Refusal(404, 40410000, f"order not found for {number}") from None

    def position_rows(self) -> list[Json]:
        """The body of GET /v2/positions."""
        return [
            {
                "asset_id": str(uuid.uuid5(uuid.NAMESPACE_OID, symbol)),
                "symbol": symbol,
                "asset_class": "us_option" if OCC.fullmatch(symbol) else "us_equity",
                "qty": str(int(quantity)),
                "side": "long" if quantity > 0 else "short",
                "avg_entry_price": str(price),
                "cost_basis": str(quantity * price * _size(symbol)),
            }
            for symbol, (quantity, price) in sorted(self.positions.items())
        ]


def stamp(moment: datetime) -> str:
    """A time as Alpaca writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _size(symbol: str) -> int:
    return SHARES if OCC.fullmatch(symbol) else 1


def _sign(legs: list[Json]) -> int:
    return SIGNS[legs[0]["side"]]


def _leg_prices(legs: list[Json], net: float) -> list[float]:
    """Prices of the legs, none negative, that add up to the net price of one spread."""
    signs = [SIGNS[leg["side"]] * int(leg.get("ratio_qty") or 1) for leg in legs]
    prices = [1.0 if len(legs) > 1 else 0.0 for _ in legs]
    short = net - sum(sign * price for sign, price in zip(signs, prices, strict=True))
    # The first leg whose price can only rise takes all of the rest.
    at = next(i for i, sign in enumerate(signs) if sign * short >= 0)
    prices[at] = round(prices[at] + short / signs[at], 6)
    return prices
