"""Orders of the account that the broker has and the ledger does not, as the ledger records them.

A ledger from a backup is older than the account, and a person may replace an order at the broker.
An id of ours is a digest of what the order is for, so it proves that the order is ours; an order
that replaced one of ours is named by the broker.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.chain.occ_symbols import parse_symbol, share_symbol
from options_platform.domain.trading.orders import (
    ENTRY_ID,
    EXIT_ID,
    Order,
    OrderLeg,
    Purpose,
    bounds_of,
    client_order_id,
    exit_order_id,
    multiplier_of,
    shares_leg,
)
from options_platform.domain.trading.reports import BrokerOrder

ADOPTED = "ADOPTED"


def purpose_of(order_id: str) -> Purpose | None:
    """The purpose of an order by its id; None for an id that is not of our pattern."""
    if EXIT_ID.fullmatch(order_id):
        return "exit"
    return "entry" if ENTRY_ID.fullmatch(order_id) else None


def adopted_entry(report: BrokerOrder, account: str) -> Order | None:
    """The entry of `account` that the broker's order is, by its id; None if it is not ours.

    Its position is that of the first attempt's id. Its risk is that of its legs at its price; of
    legs without a bound, the price of the underlying at its highest strike.
    """
    named = ENTRY_ID.fullmatch(report.client_order_id)
    if named is None:
        return None
    session, ticker = _session_of(named[1]), named[2]
    rule_set, attempt = named[3] or DEFAULT_RULE_SET, int(named[4] or 1)
    if session is None:
        return None
    expected = client_order_id(account, session, ticker, "entry", attempt, rule_set)
    if expected != report.client_order_id:
        return None
    first = client_order_id(account, session, ticker, "entry", rule_set=rule_set)
    return _order_of(report, session, ticker, "entry", first, attempt)


def adopted_exit(report: BrokerOrder, tickers: Mapping[str, str]) -> Order | None:
    """The exit of one of the positions that the broker's order is, by its id; else None.

    `tickers` are those of the positions by position_id.
    """
    named = EXIT_ID.fullmatch(report.client_order_id)
    session = None if named is None else _session_of(named[1])
    if named is None or session is None:
        return None
    attempt = int(named[2] or 1)
    for position_id, ticker in tickers.items():
        if exit_order_id(position_id, session, attempt) == report.client_order_id:
            return _order_of(report, session, ticker, "exit", position_id, attempt)
    return None


def successor(replaced: Order, report: BrokerOrder, orders: Iterable[Order]) -> Order | None:
    """The order by which a person replaced one of ours, as its next attempt.

    None where the broker does not show what it trades.
    """
    same = (replaced.purpose, replaced.position_id, replaced.session)
    last = max(
        (o.attempt for o in orders if (o.purpose, o.position_id, o.session) == same),
        default=replaced.attempt,
    )
    return _order_of(
        report, replaced.session, replaced.ticker, replaced.purpose, replaced.position_id, last + 1
    )


def _session_of(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 (a date alone)
    except ValueError:
        return None


def _order_of(
    report: BrokerOrder,
    session: date,
    ticker: str,
    purpose: Purpose,
    position_id: str,
    attempt: int,
) -> Order | None:
    legs, spreads = legs_of(report.contracts or {}, ticker)
    if not legs or (purpose == "entry" and any(leg.is_shares for leg in legs)):
        # No entry of ours trades shares.
        return None
    price = report.limit_price if report.limit_price is not None else report.avg_price
    loss = profit = 0.0
    if purpose == "entry":
        bounds, units = bounds_of(legs), multiplier_of(legs) * spreads
        most = max((leg.strike for leg in legs), default=0.0)
        paid = price or 0.0
        loss = (paid - bounds.low if math.isfinite(bounds.low) else most) * units
        profit = (bounds.high - paid if math.isfinite(bounds.high) else most) * units
    return Order(
        client_order_id=report.client_order_id,
        session=session,
        ticker=ticker,
        purpose=purpose,
        position_id=position_id,
        plan_id=position_id,
        strategy=ADOPTED.lower(),
        legs=legs,
        contracts=spreads,
        limit_price=price,
        max_loss_usd=loss,
        max_profit_usd=profit,
        status="unknown",
        reason=ADOPTED,
        attempt=attempt,
    )


def legs_of(contracts: Mapping[str, int], ticker: str) -> tuple[tuple[OrderLeg, ...], int]:
    """The legs of an order that trades these contracts, in lowest terms, and its spreads.

    No legs and 0 where a symbol is neither a contract nor the ticker's shares.
    """
    counts: dict[OrderLeg, int] = {}
    for symbol, quantity in contracts.items():
        side = "buy" if quantity > 0 else "sell"
        if symbol == share_symbol(ticker) and quantity:
            counts[shares_leg(side)] = abs(quantity)  # type: ignore[arg-type]
            continue
        parts = parse_symbol(symbol)
        if parts is None or not quantity:
            return (), 0
        root, expiry, right, strike = parts
        leg = OrderLeg(side, right, strike, expiry)  # type: ignore[arg-type]
        if leg.symbol(ticker) != symbol:
            leg = OrderLeg(side, right, strike, expiry, 1, root)  # type: ignore[arg-type]
        counts[leg] = abs(quantity)
    if not counts:
        return (), 0
    spreads = math.gcd(*counts.values())
    legs = [OrderLeg(**{**vars(leg), "ratio": count // spreads}) for leg, count in counts.items()]
    return tuple(legs), spreads
