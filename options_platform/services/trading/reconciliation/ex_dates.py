"""The ex-dates of the sessions that were traded, kept in the ledger.

A broker pays a dividend weeks after the ex-date that says whose it is, and whoever looks then may
not be able to read the market data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.chain.occ_symbols import share_symbol
from options_platform.domain.trading.reconciliation.dividends import LATEST_DAYS
from options_platform.services.planning.plan_tables import Market

NAME = "ex_dates"
KEPT = timedelta(days=2 * LATEST_DAYS)
"""For how long an ex-date is kept: longer than a payment may follow it."""

ExDates = dict[str, dict[date, float]]
"""Dividends, USD a share as traded, by symbol of the shares and ex-date."""


def stored_ex_dates(ledger: Ledger) -> ExDates:
    """The ex-dates that traded sessions have shown."""
    stored = json.loads(ledger.kept(NAME) or "{}")
    return {
        symbol: {date.fromisoformat(day): usd for day, usd in of_symbol.items()}
        for symbol, of_symbol in stored.items()
    }


def keep_ex_dates(ledger: Ledger, market: Market, days: Iterable[date], now: datetime) -> None:
    """Keep the ex-dates among these sessions; one that the market has no more is removed."""
    before = stored_ex_dates(ledger)
    after = {symbol: dict(of_symbol) for symbol, of_symbol in before.items()}
    for day in days:
        for ticker, close in market.get(day, {}).items():
            of_symbol = after.setdefault(share_symbol(ticker), {})
            of_symbol.pop(day, None)
            if close.dividend > 0:
                of_symbol[day] = close.dividend
    newest = max((day for of_symbol in after.values() for day in of_symbol), default=None)
    kept = {
        symbol: {day: usd for day, usd in of_symbol.items() if day >= newest - KEPT}
        for symbol, of_symbol in after.items()
        if newest is not None and of_symbol
    }
    if kept != before:
        text = json.dumps(
            {
                symbol: {day.isoformat(): usd for day, usd in sorted(of_symbol.items())}
                for symbol, of_symbol in sorted(kept.items())
                if of_symbol
            }
        )
        ledger.keep(NAME, text, now)
