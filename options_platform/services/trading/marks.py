"""Marking positions and the account at the close of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.exposures import broken_mark
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import multiplier_of
from options_platform.domain.trading.positions import Position, mark_account
from options_platform.services.trading.prices.live_quotes import priced_at_close


def mark_at_close(
    ledger: Ledger,
    session: date,
    closes: Mapping[str, MarketClose],
    start_usd: float,
    chain: ChainRules,
) -> None:
    """Record the marks of positions and account at the `closes` of a session, by ticker.

    `start_usd` is what the account began with. A position whose ticker has no close keeps its mark.
    """
    positions = ledger.positions()
    marked = [
        _marked(p, session, closes[p.ticker], chain)
        if p.closed_on is None and p.ticker in closes
        else p
        for p in positions
    ]
    ledger.record_marks(
        [new for new, old in zip(marked, positions, strict=True) if new != old],
        mark_account(session, start_usd, marked),
        [
            broken_mark(p, session, closes[p.ticker], chain)
            for p in marked
            if p.closed_on is None and p.broken_contracts and p.ticker in closes
        ],
    )


def _marked(position: Position, session: date, close: MarketClose, chain: ChainRules) -> Position:
    """A position at a close; whole spreads keep the mark of their expiry, shares go on.

    Contracts of an adjusted root keep their mark: the close does not say what they deliver.
    """
    price = priced_at_close(chain, session, close)
    marked = position
    value = price(position.legs)
    if session <= position.expiry and value is not None:
        marked = replace(marked, mark_price=value, marked_on=session)
    loose = price(position.loose) if position.loose else None
    if loose is not None:
        loose_usd = loose * multiplier_of(position.loose)
        marked = replace(marked, loose_value_usd=loose_usd, marked_on=session)
    return marked
