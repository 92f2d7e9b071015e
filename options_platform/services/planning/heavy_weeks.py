"""Which index funds have a heavy week of reports, in words."""

from __future__ import annotations

from datetime import date, datetime

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.earnings.heavy_week import FUNDS_OF_INDEX, heavy_week
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.settings import Settings


def heavy_weeks(
    settings: Settings, warehouse: Warehouse, day: date, at: datetime | None = None
) -> dict[str, str]:
    """By index fund of the settings, a sentence on the 5 sessions after the session `day`.

    By what was known at `at`, by default at its close. Empty without the weights of the index, or
    if what reports has less than `groups.heavy_week` of it.
    """
    weights = settings.groups.weights
    funds = [ticker for ticker in settings.tickers if ticker in FUNDS_OF_INDEX]
    if not funds or not weights:
        return {}
    record = warehouse.read(EARNINGS_KNOWN, tickers=[*weights])
    moment = at or close_time(day)
    reports = {
        ticker: KnownDates(ticker, record, settings.earnings).at(moment, day)
        for ticker in record["ticker"].unique().sort().to_list()
    }
    week = heavy_week(reports, weights, day, settings.groups.heavy_week)
    return {} if week is None else {fund: week.words(fund) for fund in funds}
