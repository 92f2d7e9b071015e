"""Gives the stored chains of a home to a backtest; chains of a proxy source are left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.domain.backtest.real_quotes import CHAIN_QUOTES
from options_platform.domain.chain import Chain, real_chain
from options_platform.errors import PricingError
from options_platform.settings.sources import proxy_sources

COLUMNS = [*(name for name in CHAIN_QUOTES if name != "last_day"), "dte", "source"]
# What prices rest on, without the time of the fetch.
HASHED = ["contract_symbol", "quality", "dte", "strike", "bid", "ask", "spot", "years", "iv"]
# Chains kept in memory for making plans, which asks for each of them a few times in a row.
KEPT_CHAINS = 500


class StoredQuotes:
    """The stored chains of some tickers, read when they are asked for.

    A damaged chain is left out, with a warning, as plans leave it out. Only the expiries of trades
    are kept in memory. A copy in another process reads them again.
    """

    def __init__(self, store: ChainStore, tickers: Sequence[str], start: date, end: date) -> None:
        self._store = store
        keys = store.stored(tickers=tickers, end=end)
        # A home holds one market, so one chain shows whether a ticker's chains are simulated.
        own = {ticker: [key for key in keys if key[1] == ticker] for ticker in tickers}
        proxies = {ticker for ticker in own if store.source_of(own[ticker]) in proxy_sources()}
        real = [key for key in keys if key[1] not in proxies]
        self._days = {
            ticker: np.array([day for day, name in real if name == ticker], dtype="datetime64[D]")
            for ticker in tickers
        }
        self._keys = frozenset(key for key in real if key[0] >= start)
        self._forget()

    def _forget(self) -> None:
        self._fingerprint: str | None = None
        self._read: dict[tuple[date, str], tuple[set[date], pl.DataFrame]] = {}
        self._chains: dict[tuple[date, str], Chain | None] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_store": self._store, "_keys": self._keys, "_days": self._days}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __bool__(self) -> bool:
        """Whether there is any stored chain that is not a proxy's."""
        return bool(self._keys)

    @property
    def fingerprint(self) -> str:
        """Hash (16 hex digits) of the stored quotes, whenever they were fetched."""
        if self._fingerprint is None:
            digest = hashlib.sha256()
            for day, ticker in sorted(self._keys):
                digest.update(f"{day}{ticker}".encode())
                _update(digest, self._store.readable((day, ticker), columns=HASHED))
            self._fingerprint = digest.hexdigest()[:16]
        return self._fingerprint

    def chain(self, day: date, ticker: str) -> Chain | None:
        """The good quotes of a stored chain; None without one, or if it is damaged or a proxy's."""
        key = day, ticker
        if key not in self._keys:
            return None
        if key not in self._chains:
            while len(self._chains) >= KEPT_CHAINS:
                del self._chains[next(iter(self._chains))]
            self._chains[key] = self._good(key)
        return self._chains[key]

    def _good(self, key: tuple[date, str]) -> Chain | None:
        rows = self._store.readable(key)
        if rows.is_empty() or rows["source"].is_in(proxy_sources()).any():
            return None
        try:
            return real_chain(rows)
        except PricingError:
            return None

    def days(self, ticker: str) -> NDArray[np.datetime64]:
        """The sessions of the ticker's stored chains up to the end, ascending."""
        return self._days.get(ticker, np.array([], dtype="datetime64[D]"))

    def quotes(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """Stored quotes in CHAIN_QUOTES of the wanted date, ticker and last_day."""
        frames = [pl.DataFrame(schema=CHAIN_QUOTES)]
        grouped = wanted.group_by("date", "ticker", maintain_order=True).agg("last_day")
        for day, ticker, last_days in grouped.iter_rows():
            if (day, ticker) in self._keys:
                frames.append(self._of_expiries((day, ticker), set(last_days)))
        return pl.concat(frames)

    def _of_expiries(self, key: tuple[date, str], last_days: set[date]) -> pl.DataFrame:
        read, rows = self._read.get(key, (set(), pl.DataFrame(schema=CHAIN_QUOTES)))
        if not last_days <= read:
            read = read | last_days
            stored = self._store.readable(key, columns=COLUMNS)
            real = stored.filter(~pl.col("source").is_in(proxy_sources()))
            rows = real.with_columns(
                last_day=pl.col("date") + pl.duration(days=pl.col("dte"))
            ).filter(pl.col("last_day").is_in(list(read)))
            rows = rows.select(CHAIN_QUOTES.names()).cast(dict(CHAIN_QUOTES))  # type: ignore[arg-type]
            self._read[key] = read, rows
        return rows.filter(pl.col("last_day").is_in(list(last_days)))


def _update(digest: hashlib._Hash, chain: pl.DataFrame) -> None:
    """Add the columns of a chain, whose rows are sorted by contract, to a hash."""
    for column in chain:
        if column.dtype == pl.String:
            digest.update("\n".join(column.fill_null("").to_list()).encode())
        else:
            digest.update(column.cast(pl.Float64).fill_null(float("nan")).to_numpy().tobytes())
