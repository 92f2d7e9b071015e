"""The SEC's EDGAR: past reports of companies by their filings, form 8-K with item 2.02.

A filing is accepted within minutes of the news, so it dates the report and gives its hour. There
are no planned reports, bars or indices. No key is needed, but the SEC wants to know who asks: the
setting `edgar_contact` has a name and an e-mail address. It allows ten requests a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.sources.edgar import filings
from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import RetryPolicy
from options_platform.adapters.sources.options import SourceOptions
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SourceError, UnknownSymbolError

COMPANIES = "https://www.sec.gov/files/company_tickers.json"
SUBMISSIONS = "https://data.sec.gov/submissions"
A_SECOND = 8


class EdgarSource:
    """Past earnings reports of companies, from the filings at the SEC."""

    info = SourceInfo(
        name="edgar",
        label="SEC EDGAR",
        proxy=False,
        tickers=None,
        indices=(),
        kinds=frozenset({"earnings"}),
    )

    def __init__(
        self,
        contact: str,
        *,
        cache_dir: Path,
        address: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`contact` is a name and an e-mail address; `address` a server in place of the SEC's.

        The file of the rate limit is in `cache_dir`. Raises SourceError without a contact.
        """
        if "@" not in contact:
            raise SourceError(
                "the SEC answers only those who say who asks: set edgar_contact to your name and "
                'e-mail address, e.g. edgar_contact = "Jane Doe jane@example.com"'
            )
        self._contact = contact
        self._address = address
        self._pace = Pace(
            cache_dir / "edgar-requests.json", A_SECOND, sleep=sleep, window_seconds=1.0
        )
        self._policy = RetryPolicy(sleep=sleep, clock=self._pace.working_seconds)
        self._session: Any = None
        self._numbers: dict[str, int] | None = None

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The reports filed from `start` to `end`; two requests, and one for each older page.

        Empty for a fund, which files none. Raises UnknownSymbolError for a ticker that no company
        has at present, SourceError without an answer.
        """
        what = f"edgar gave no filings of {require_ticker(ticker)} for {start} to {end}"
        if self._numbers is None:
            answer = self._policy.call(partial(self._ask, COMPANIES), what)
            self._numbers = self._policy.call(partial(filings.company_numbers, answer), what)
        number = self._numbers.get(ticker.replace(".", "-"))
        if number is None:
            raise UnknownSymbolError(
                f"{what}: no company has that ticker; one that changed it is listed under its "
                "present ticker, with all its filings"
            )
        found = self._policy.call(partial(self._reports, ticker, number, start), what)
        return found.filter(pl.col("date").is_between(start, end)).sort("date")

    def _reports(self, ticker: str, number: int, start: date) -> pl.DataFrame:
        newest = self._ask(f"{SUBMISSIONS}/CIK{number:010}.json")
        pages = filings.older_pages(newest, start)
        parts = [
            newest["filings"].get("recent"),
            *(self._ask(f"{SUBMISSIONS}/{page}") for page in pages),
        ]
        return pl.concat([filings.reports(ticker, part) for part in parts])

    def _ask(self, url: str) -> Any:
        from options_platform.adapters.sources.http.session import SourceSession

        if self._session is None:
            self._session = SourceSession(
                pace=self._pace, address=self._address, headers={"User-Agent": self._contact}
            )
        return self._session.get(url).json()


def open_source(options: SourceOptions) -> EdgarSource:
    """EDGAR with the contact of the options."""
    return EdgarSource(options.edgar_contact, cache_dir=options.cache_dir)
