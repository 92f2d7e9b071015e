"""Alpaca's JSON to and from the platform's orders, holdings and activities."""

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
    # Ended once the order that took its place is known.
    "replaced": "cancel_pending",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
"""Alpaca's states of an order and ours."""

UNREADABLE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What reading an answer of another shape raises."""

MOST_LEGS = 4
OPENS = {"buy": "buy_to_open", "sell": "sell_to_open"}
SIGNS = {"buy": 1.0, "sell": -1.0}
PRICE_DECIMALS = 6
"""Decimals of Alpaca's average prices: fewer would lose cents of many shares."""
CLOSES = {"buy": "buy_to_close", "sell": "sell_to_close"}


def request_of(order: Order, expected: Mapping[str, int] | None = None) -> Any:
    """The request that sends `order`: a limit order for the day, of one leg or of several.

    Its ratios have to be in lowest terms, as Alpaca counts spreads by them. `expected` are the
    contracts that the account should hold by symbol, by the ledger: a leg of an exit says that it
    closes where they cover it, so that Alpaca refuses to open anything by it. Where they do not,
    since another spread holds the other side of the contract, Alpaca decides. Shares are ordered
    by the piece, without an intent.

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
            # What is left of a spread may be worth nothing, and no contract trades below a tick.
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
    held = expected.get(leg.symbol(order.ticker), 0)
    covered = held * change < 0 and abs(held) >= abs(change)
    return PositionIntent(CLOSES[leg.side]) if covered else None


def listed(found: Any) -> list[Any]:
    """The answer, if it is a list; TypeError for any other, such as an empty object."""
    if not isinstance(found, list):
        raise TypeError(f"{type(found).__name__} instead of a list")
    return found


def order_of(found: Mapping[str, Any], fee_usd: float) -> BrokerOrder:
    """An order of Alpaca's; `fee_usd` is what a contract and side costs.

    The average price is the net of the legs' own, since it carries their signs.
    """
    status = STATES.get(str(found["status"]))
    if status is None:
        raise ValueError(f"unknown order status {found['status']!r}")
    shares = found.get("symbol") and not found.get("legs") and not is_contract(found["symbol"])
    filled = int(finite(found["filled_qty"] or 0))
    status = _borne_out(status, filled, int(finite(found["qty"] or 0)))
    legs = found.get("legs") or [found]
    contracts = (
        0 if shares else filled * sum(int(finite(leg.get("ratio_qty") or 1)) for leg in legs)
    )
    return BrokerOrder(
        client_order_id=str(found["client_order_id"]),
        status=status,
        filled_qty=filled,
        avg_price=_net_price(found, legs) if filled else None,
        fees_usd=fee_usd * contracts,
        reason=found.get("reject_reason") or None,
        contracts=_contracts(found, legs),
        limit_price=_limit_price(found, legs),
        broker_ids=tuple(str(one["id"]) for one in [found, *(found.get("legs") or [])]
                         if one.get("id")),
        replaced_by=found.get("replaced_by") or None,
    )  # fmt: skip


def _borne_out(status: str, filled: int, ordered: int) -> str:
    """The state that the quantities bear out: one runs ahead of the other at times.

    Filled it is once all of it is; until then what is called filled may fill, and is not to be
    canceled or sent again.
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


def _limit_price(found: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> float | None:
    price = found.get("limit_price")
    if price is None:
        return None
    sign = SIGNS.get(str(legs[0].get("side")), 1.0) if not found.get("legs") else 1.0
    return sign * finite(price)


def _contracts(found: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> dict[str, int] | None:
    """None where Alpaca does not show the legs, and for a fraction of a share."""
    quantity = finite(found.get("qty") or 0)
    spreads = int(quantity)
    if spreads != quantity:
        return None
    if not all(leg.get("symbol") and leg.get("side") in SIGNS for leg in legs):
        return None
    ratios = [int(SIGNS[leg["side"]] * finite(leg.get("ratio_qty") or 1)) for leg in legs]
    return {str(leg["symbol"]): ratio * spreads for leg, ratio in zip(legs, ratios, strict=True)}


def _net_price(found: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> float:
    prices = [leg.get("filled_avg_price") for leg in legs]
    if any(price is None for price in prices):
        return finite(found["filled_avg_price"])
    return round(
        sum(
            SIGNS[str(leg["side"])] * finite(leg.get("ratio_qty") or 1) * finite(price)
            for leg, price in zip(legs, prices, strict=True)
            if price is not None
        ),
        PRICE_DECIMALS,
    )


def account_of(found: Mapping[str, Any]) -> BrokerAccount:
    """The account."""
    number, power = found["account_number"], found.get("options_buying_power")
    if not isinstance(number, str) or not number.strip():
        raise ValueError(f"account_number is {number!r}")
    level = found.get("options_trading_level")
    return BrokerAccount(
        number=number,
        cash_usd=finite(found["cash"]),
        equity_usd=finite(found["equity"]),
        buying_power_usd=None if power is None else finite(power),
        options_level=None if level is None else int(level),
        blocked=bool(
            found.get("account_blocked")
            or found.get("trading_blocked")
            or found.get("trade_suspended_by_user")
        ),
    )


def clock_of(found: Mapping[str, Any]) -> BrokerClock:
    """The broker's time."""
    now, opens, closes = (moment(found[name]) for name in ("timestamp", "next_open", "next_close"))
    is_open = found["is_open"]
    if not isinstance(is_open, bool):
        raise TypeError(f"is_open is {is_open!r}")
    if not FIRST_DAY <= now.astimezone(NEW_YORK).date() <= LAST_DAY:
        raise ValueError(f"the clock says {now}, outside the calendar")
    return BrokerClock(now, is_open, opens, closes)


def holding_of(found: Mapping[str, Any]) -> Holding:
    """A position; Alpaca gives short ones a negative quantity, or a side of `short`."""
    quantity = whole_if_whole(finite(found["qty"]))
    if str(found.get("side", "")).endswith("short"):
        quantity = -abs(quantity)
    return Holding(str(found["symbol"]), quantity, finite(found["avg_entry_price"]))


def readable(given: Mapping[str, Any], shape: Callable[[Any], Shaped]) -> dict[str, Shaped]:
    """The prices by symbol that can be read; one that cannot is absent, and hides no other."""
    shaped: dict[str, Shaped] = {}
    for symbol, one in given.items():
        with suppress(*UNREADABLE):
            shaped[symbol] = shape(one)
    return shaped


def quote_of(found: Mapping[str, Any]) -> Quote:
    """A quote; a side that nobody quotes is 0."""
    return Quote(finite(found["bp"] or 0.0), finite(found["ap"] or 0.0), moment(found["t"]))


def last_price_of(found: Mapping[str, Any]) -> LastPrice:
    """A stock's last trade."""
    return LastPrice(finite(found["p"]), moment(found["t"]))


def activity_of(found: Mapping[str, Any]) -> Activity:
    """A fill, or what the clearing house did."""
    quantity = whole_if_whole(finite(found.get("qty") or 0))
    if str(found.get("side", "")).startswith("sell"):
        quantity = -abs(quantity)
    price = found.get("price")
    day = found.get("date")
    return Activity(
        activity_id=str(found["id"]),
        kind=str(found["activity_type"]),
        symbol=str(found.get("symbol", "")),
        quantity=quantity,
        price=None if price is None else finite(price),
        on=date.fromisoformat(day)
        if day
        else moment(found["transaction_time"]).astimezone(NEW_YORK).date(),
        order_id=found.get("order_id") or None,
        status=str(found.get("status") or "executed").lower(),
        previous_id=found.get("previous_id") or None,
    )


def finite(value: Any) -> float:
    """A number of Alpaca's, which come as text; ValueError or TypeError for what is none."""
    if isinstance(value, bool):
        raise TypeError(f"{value!r} in place of a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} in place of a number")
    return number


def whole_if_whole(quantity: float) -> float:
    """A quantity as a whole number where it is one: shares may be fractions."""
    return int(quantity) if quantity == int(quantity) else quantity


def moment(text: str) -> datetime:
    """A time of Alpaca's, which may have nanoseconds; ValueError without an offset."""
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        head = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    read = datetime.fromisoformat(head)
    if read.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return read
