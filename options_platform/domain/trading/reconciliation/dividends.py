"""Dividends on the shares that assignments and exercises have left in positions.

Whoever is short of shares on an ex-date owes the dividend, whoever holds them receives it. A broker
states it for all shares of the account (DIV), on the ex-date or weeks later, when it is paid; by
then the position may be closed, and its profit changes once more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from options_platform.domain.chain.occ_symbols import parse_symbol, share_symbol
from options_platform.domain.trading.orders import SHARES
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reports import Activity

DIVIDEND = "DIV"

LATEST_DAYS = 92
"""By how many days a payment may follow the delivery of the shares."""


@dataclass(frozen=True)
class DeliveredShares:
    """Shares that came to a position for `contracts` of `symbol`, by an OPASN or an OPEXC."""

    position_id: str
    kind: str
    symbol: str
    contracts: int
    on: date

    @property
    def shares(self) -> int:
        """How many shares came; below 0 where they were delivered to others."""
        parts = parse_symbol(self.symbol)
        if parts is None:
            return 0
        # The holder of a call buys, and so does the seller of a put that is assigned.
        buys = (parts[2] == "call") == (self.kind == "OPEXC")
        return SHARES * self.contracts * (1 if buys else -1)


def entitled(
    activity: Activity,
    deliveries: Iterable[DeliveredShares],
    positions: Iterable[Position],
    beside: Mapping[str, int],
) -> dict[str, int]:
    """By position_id how many shares a dividend is on, those delivered last first.

    `beside` are the shares that a person holds, by symbol: the dividend on as many is theirs, and
    so is that on shares which no position has had.
    """
    owed = math.copysign(1, activity.amount_usd) < 0
    own = beside.get(activity.symbol, 0)
    theirs = abs(own) if (own < 0) == owed else 0
    left = abs(round(activity.quantity)) - theirs
    tickers = {p.position_id: p.ticker for p in positions}
    earliest = activity.on - timedelta(days=LATEST_DAYS)
    counts: dict[str, int] = {}
    for each in sorted(deliveries, key=lambda one: one.on, reverse=True):
        ticker = tickers.get(each.position_id)
        is_it = ticker is not None and share_symbol(ticker) == activity.symbol
        in_time = earliest <= each.on <= activity.on
        count = min(left, abs(each.shares)) if (each.shares < 0) == owed else 0
        if is_it and in_time and count > 0:
            left -= count
            counts[each.position_id] = counts.get(each.position_id, 0) + count
    return counts


def due_usd(activity: Activity, shares: Mapping[str, int]) -> float:
    """What of a dividend is due on these shares, USD; 0 for one that was canceled."""
    if not activity.quantity:
        return 0.0
    return round(activity.amount_usd * sum(shares.values()) / abs(activity.quantity), 2)


def dividend_paid(
    cash_usd: float, shares: Mapping[str, int], positions: Iterable[Position]
) -> Settlement:
    """The settlement of `cash_usd` more of a dividend, below 0 where it is owed, by shares."""
    total = sum(shares.values())
    changed = [
        replace(p, loose_cash_usd=p.loose_cash_usd + cash_usd * shares[p.position_id] / total)
        for p in positions
        if p.position_id in shares
    ]
    return Settlement(tuple(changed), {}, cash_usd)
