"""Converts Alpaca's JSON to and from the platform's orders, holdings and activities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, TypeVar

from options_platform.adapters.ports.broker import (
    Activity,
    BrokerAccount,
    BrokerClock,
    BrokerOrder,
    Holding,
    LastPrice,
    OrderRefusedError,
    Quote,
)
from options_platform.domain.calendar.sessions import FIRST_DAY, LAST_DAY, NEW_YORK
from options_platform.domain.chain.occ_symbols import parse_symbol
from options_platform.domain.trading.orders import RESTING, TICK_USD, Order, OrderLeg

Shaped = TypeVar("Shaped")

STATES = {
    "pending_new": "submitted",
    "accepted_for_bidding": "submitted",
    "pending_review": "submitted",
    "held": "submitted",
    "accepted": "accepted",
    "new": "accepted",
    "calculated": "accepted",
    "done_for_day": "accepted",
    "stopped": "accepted",
    "suspended": "accepted",
    "pending_replace": "accepted",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "pending_cancel": "cancel_pending",
    # It counts as ended only when the order that replaced it is known.
    "replaced": "cancel_pending",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
"""The platform's order status for each of Alpaca's."""

UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""The errors of reading an answer with unexpected content."""

MOST_LEGS = 4
OPENS = {"buy": "buy_to_open", "sell": "sell_to_open"}
SIGNS = {"buy": 1.0, "sell": -1.0}
PRICE_DECIMALS = 6
"""Decimals of Alpaca's average prices; with fewer, large orders would be off by cents."""
CLOSES = {"buy": "buy_to_close", "sell": "sell_to_close"}


def request_of(order: Order, expected: Mapping[str, int] | None = None) -> Any:
    """The request that sends `order`: a limit day order of one or several legs.

    Ratios have to be in lowest terms, as Alpaca counts spreads by them. `expected` are the ledger's
    open contracts by symbol. A leg of an exit that they cover is marked as closing, so that Alpaca
    cannot open a position with it. A leg that they do not cover, because another spread has the
    other side of the contract, has no mark, and Alpaca decides. Orders for shares have no mark.

    Raises :class:`OrderRefusedError` for an order without a limit, or with too many legs.
    """
    from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest, OptionLegRequest

    if order.limit_price is None:
        raise OrderRefusedError(
            f"order {order.client_order_id} has no limit: no spread takes the market"
        )
    if not 1 <= len(order.legs) <= MOST_LEGS:
        raise OrderRefusedError(
            f"order {order.client_order_id}: Alpaca takes 1 to {MOST_LEGS} legs"
        )
    if any(leg.is_shares for leg in order.legs):
        return _shares_request(order)
    intents = [_intent(order, leg, expected or {}) for leg in order.legs]
    common = {
        "qty": order.contracts,
        "time_in_force": TimeInForce.DAY,
        "client_order_id": order.client_order_id,
    }
    price = round(float(order.limit_price or 0.0), 2)
    if len(order.legs) == 1:
        leg = order.legs[0]
        return LimitOrderRequest(
            symbol=leg.symbol(order.ticker),
            side=OrderSide(leg.side),
            position_intent=intents[0],
            # A remaining leg may be worthless, and no contract trades below a tick.
            limit_price=max(price if leg.side == "buy" else -price, TICK_USD),
            **common,
        )
    legs = [
        OptionLegRequest(
            symbol=leg.symbol(order.ticker),
            ratio_qty=leg.ratio,
            side=OrderSide(leg.side),
            position_intent=intent,
        )
        for leg, intent in zip(order.legs, intents, strict=True)
    ]
    return LimitOrderRequest(order_class=OrderClass.MLEG, legs=legs, limit_price=price, **common)


def _shares_request(order: Order) -> Any:
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    if len(order.legs) != 1:
        raise OrderRefusedError(
            f"order {order.client_order_id}: Alpaca trades shares in an order of their own"
        )
    (leg,) = order.legs
    return LimitOrderRequest(
        symbol=leg.symbol(order.ticker),
        qty=abs(leg.signed_ratio) * order.contracts,
        side=OrderSide(leg.side),
        limit_price=round(abs(float(order.limit_price or 0.0)), 2),
        time_in_force=TimeInForce.DAY,
        client_order_id=order.client_order_id,
    )


def _intent(order: Order, leg: OrderLeg, expected: Mapping[str, int]) -> Any:
    from alpaca.trading.enums import PositionIntent

    if order.purpose == "entry":
        return PositionIntent(OPENS[leg.side])
    change = leg.signed_ratio * order.contracts
    open_quantity = expected.get(leg.symbol(order.ticker), 0)
    covered = open_quantity * change < 0 and abs(open_quantity) >= abs(change)
    return PositionIntent(CLOSES[leg.side]) if covered else None


def listed(answer: Any) -> list[Any]:
    """The answer if it is a list; TypeError for anything else, such as an empty object."""
    if not isinstance(answer, list):
        raise TypeError(f"{type(answer).__name__} instead of a list")
    return answer


def order_of(row: Mapping[str, Any], fee_usd: float) -> BrokerOrder:
    """An order of Alpaca as the platform's; `fee_usd` is the fee per contract and side.

    The average price is computed from the legs' prices, since only these have signs. Raises one
    of `UNREADABLE` for unexpected content.
    """
    status = STATES.get(str(row["status"]))
    if status is None:
        raise ValueError(f"unknown order status {row['status']!r}")
    shares = row.get("symbol") and not row.get("legs") and not is_contract(row["symbol"])
    filled = int(finite(row["filled_qty"] or 0))
    status = _consistent_status(status, filled, int(finite(row["qty"] or 0)))
    legs = row.get("legs") or [row]
    contracts = (
        0 if shares else filled * sum(int(finite(leg.get("ratio_qty") or 1)) for leg in legs)
    )
    return BrokerOrder(
        client_order_id=str(row["client_order_id"]),
        status=status,
        filled_qty=filled,
        avg_price=_net_price(row, legs) if filled else None,
        fees_usd=fee_usd * contracts,
        reason=row.get("reject_reason") or None,
        contracts=_contracts(row, legs),
        limit_price=_limit_price(row, legs),
        broker_ids=tuple(str(part["id"]) for part in [row, *(row.get("legs") or [])]
                         if part.get("id")),
        replaced_by=row.get("replaced_by") or None,
    )  # fmt: skip


def _consistent_status(status: str, filled: int, ordered: int) -> str:
    """The status that agrees with the filled quantity; at Alpaca one may lag behind the other.

    An order counts as filled only when its whole quantity is. Until then one that Alpaca calls
    filled may still fill, and must not be canceled or sent again.
    """
    if status == "filled" and filled < ordered:
        return "cancel_pending"
    if status in RESTING and 0 < ordered <= filled:
        return "filled"
    if filled and status in ("submitted", "accepted"):
        return "partially_filled"
    return status


def is_contract(symbol: str) -> bool:
    """Whether a symbol is an option's."""
    return parse_symbol(symbol) is not None


def _limit_price(row: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> float | None:
    price = row.get("limit_price")
    if price is None:
        return None
    sign = SIGNS.get(str(legs[0].get("side")), 1.0) if not row.get("legs") else 1.0
    return sign * finite(price)


def _contracts(row: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> dict[str, int] | None:
    """Signed ordered contracts by symbol; None without legs and for a fraction of a share."""
    quantity = finite(row.get("qty") or 0)
    spreads = int(quantity)
    if spreads != quantity:
        return None
    if not all(leg.get("symbol") and leg.get("side") in SIGNS for leg in legs):
        return None
    ratios = [int(SIGNS[leg["side"]] * finite(leg.get("ratio_qty") or 1)) for leg in legs]
    return {str(leg["symbol"]): ratio * spreads for leg, ratio in zip(legs, ratios, strict=True)}


def _net_price(row: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> float:
    prices = [leg.get("filled_avg_price") for leg in legs]
    if any(price is None for price in prices):
        return finite(row["filled_avg_price"])
    return round(
        sum(
            SIGNS[str(leg["side"])] * finite(leg.get("ratio_qty") or 1) * finite(price)
            for leg, price in zip(legs, prices, strict=True)
            if price is not None
        ),
        PRICE_DECIMALS,
    )


def account_of(row: Mapping[str, Any]) -> BrokerAccount:
    """The account from Alpaca's JSON; raises one of `UNREADABLE` for unexpected content."""
    number, power = row["account_number"], row.get("options_buying_power")
    if not isinstance(number, str) or not number.strip():
        raise ValueError(f"account_number is {number!r}")
    level = row.get("options_trading_level")
    return BrokerAccount(
        number=number,
        cash_usd=finite(row["cash"]),
        equity_usd=finite(row["equity"]),
        buying_power_usd=None if power is None else finite(power),
        options_level=None if level is None else int(level),
        blocked=bool(
            row.get("status", "ACTIVE") != "ACTIVE"
            or row.get("account_blocked")
            or row.get("trading_blocked")
            or row.get("trade_suspended_by_user")
        ),
    )


def clock_of(row: Mapping[str, Any]) -> BrokerClock:
    """The broker's clock from Alpaca's JSON; ValueError for a time outside the calendar."""
    now, opens, closes = (moment(row[name]) for name in ("timestamp", "next_open", "next_close"))
    is_open = row["is_open"]
    if not isinstance(is_open, bool):
        raise TypeError(f"is_open is {is_open!r}")
    if not FIRST_DAY <= now.astimezone(NEW_YORK).date() <= LAST_DAY:
        raise ValueError(f"the clock says {now}, outside the calendar")
    return BrokerClock(now, is_open, opens, closes)


def holding_of(row: Mapping[str, Any]) -> Holding:
    """A position; a short one has a negative quantity or the side `short` in Alpaca's JSON."""
    quantity = whole_if_whole(finite(row["qty"]))
    if str(row.get("side", "")).endswith("short"):
        quantity = -abs(quantity)
    return Holding(str(row["symbol"]), quantity, finite(row["avg_entry_price"]))


def readable(rows: Mapping[str, Any], shape: Callable[[Any], Shaped]) -> dict[str, Shaped]:
    """The readable prices by symbol; an unreadable one is left out and hides no other."""
    shaped: dict[str, Shaped] = {}
    for symbol, row in rows.items():
        with suppress(*UNREADABLE):
            shaped[symbol] = shape(row)
    return shaped


def quote_of(row: Mapping[str, Any]) -> Quote:
    """A quote in USD per share; a side without a quote is 0."""
    return Quote(finite(row["bp"] or 0.0), finite(row["ap"] or 0.0), moment(row["t"]))


def last_price_of(row: Mapping[str, Any]) -> LastPrice:
    """The last trade of a stock, in USD per share."""
    return LastPrice(finite(row["p"]), moment(row["t"]))


def activity_of(row: Mapping[str, Any]) -> Activity:
    """A fill, an assignment, exercise or expiry by the clearing house, or a dividend."""
    quantity = whole_if_whole(finite(row.get("qty") or 0))
    if str(row.get("side", "")).startswith("sell"):
        quantity = -abs(quantity)
    price = row.get("price")
    day, at = row.get("date"), row.get("transaction_time")
    kind = str(row["activity_type"])
    return Activity(
        activity_id=str(row["id"]),
        kind=kind,
        symbol=str(row.get("symbol", "")),
        quantity=quantity,
        price=None if price is None else finite(price),
        on=date.fromisoformat(day)
        if day
        else moment(row["transaction_time"]).astimezone(NEW_YORK).date(),
        order_id=row.get("order_id") or None,
        status=str(row.get("status") or "executed").lower(),
        previous_id=row.get("previous_id") or None,
        at=moment(at) if at else None,
        amount_usd=finite(row.get("net_amount") or 0.0) if kind == "DIV" else 0.0,
    )


def finite(value: Any) -> float:
    """A finite number from Alpaca's text; ValueError or TypeError for anything else."""
    if isinstance(value, bool):
        raise TypeError(f"{value!r} in place of a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} in place of a number")
    return number


def whole_if_whole(quantity: float) -> float:
    """A whole quantity as an int; shares may have fractions, which stay floats."""
    return int(quantity) if quantity == int(quantity) else quantity


def moment(text: str) -> datetime:
    """A time from Alpaca's text, cut to microseconds; ValueError without an offset from UTC."""
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        head = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    read = datetime.fromisoformat(head)
    if read.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return read
