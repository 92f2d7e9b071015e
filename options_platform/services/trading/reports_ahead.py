"""The earnings report ahead of a ticker, as an account that trades knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.earnings.blackout import Known, ReportAhead, known_at
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.market.index_series import may_be_stock
from options_platform.errors import PlatformError
from options_platform.services.trading.prices.stored_closes import BUSY_SECONDS
from options_platform.settings import Settings


@dataclass(frozen=True)
class ReportsAhead:
    """What is known of reports at the moment `at`; without it, at the close that is asked about.

    `read` gives the rows of `earnings_known`. It is asked once, and only for tickers that are no
    funds: an account without stocks reads nothing.
    """

    settings: Settings
    read: Callable[[], pl.DataFrame]
    at: datetime | None = None
    _dates: dict[str, KnownDates] = field(default_factory=dict, compare=False, repr=False)

    def known(self, ticker: str, session: date) -> Known | None:
        """What is known of the reports after the close of a session; None of a fund."""
        if not may_be_stock(ticker, self.settings.plan.chain.surface.funds):
            return None
        if ticker not in self._dates:
            self._dates[ticker] = KnownDates(ticker, self._record, self.settings.earnings)
        dates = self._dates[ticker]
        reports = dates.on(session) if self.at is None else dates.at(self.at, session)
        return known_at(reports, session)

    def ahead(self, ticker: str, session: date) -> ReportAhead | None:
        """The report that the close of a session has ahead of it; None without one."""
        known = self.known(ticker, session)
        return None if known is None else known.ahead

    @cached_property
    def _record(self) -> pl.DataFrame:
        return self.read()


def stored_reports(
    settings: Settings, warehouse: Warehouse, at: datetime | None = None
) -> ReportsAhead:
    """The reports that a warehouse has recorded; see :class:`ReportsAhead`."""
    return ReportsAhead(settings, lambda: warehouse.read(EARNINGS_KNOWN), at)


def readable_reports(settings: Settings, at: datetime, warn: Callable[[str], None]) -> ReportsAhead:
    """As :func:`stored_reports`, from the home; none, with a warning, where it cannot be read.

    No stop waits for the warehouse longer than for prices.
    """

    def read() -> pl.DataFrame:
        try:
            return Warehouse(settings.warehouse_path, wait_seconds=BUSY_SECONDS).read(
                EARNINGS_KNOWN
            )
        except PlatformError as error:
            warn(f"no position is closed before an earnings report: {error}")
            return EARNINGS_KNOWN.empty()

    return ReportsAhead(settings, read, at)
