"""The stored chains as the domain asks for them: one at a time, and never that of a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.domain.chain import Chain, real_chain
from options_platform.errors import PricingError
from options_platform.settings.sources import PROXY_SOURCES


def stored_chains(
    store: ChainStore, tickers: Sequence[str], start: date, end: date
) -> Callable[[date, str], Chain | None]:
    """What gives the stored chain of a date and ticker in the range, read when it is asked for.

    None where none is stored, where the stored one has no good quote, and where it comes from a
    stand-in: a simulated chain is no real one.
    """
    keys = set(store.stored(tickers=tickers, start=start, end=end))

    @cache
    def chain_of(day: date, ticker: str) -> Chain | None:
        if (day, ticker) not in keys:
            return None
        try:
            found = store.read([(day, ticker)])
            is_proxy = found["source"].is_in(PROXY_SOURCES).any()
            return None if is_proxy else real_chain(found)
        except PricingError:
            return None

    return chain_of
