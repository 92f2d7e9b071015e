"""Provides stored option chains to the domain, one at a time, and never those of a proxy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.domain.chain import Chain, real_chain
from options_platform.errors import PricingError
from options_platform.settings.sources import proxy_sources


def stored_chains(
    store: ChainStore, tickers: Sequence[str], start: date, end: date
) -> Callable[[date, str], Chain | None]:
    """A function that returns the stored chain of a date and ticker in the range.

    It reads a chain at its first call. It returns None for a chain that is not stored, is
    damaged, has no good quote, or comes from a proxy source, such as a simulated one.
    """
    keys = set(store.stored(tickers=tickers, start=start, end=end))

    @cache
    def chain_of(day: date, ticker: str) -> Chain | None:
        if (day, ticker) not in keys:
            return None
        try:
            rows = store.readable((day, ticker))
            is_left_out = rows.is_empty() or rows["source"].is_in(proxy_sources()).any()
            return None if is_left_out else real_chain(rows)
        except PricingError:
            return None

    return chain_of
