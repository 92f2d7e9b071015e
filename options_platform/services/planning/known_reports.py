"""What each close knew of the next earnings report, from the stored record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.domain.earnings.blackout import Known, known_by_session
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.planning.conditions.blackout import report_columns


def known_reports(
    warehouse: Warehouse,
    days: Mapping[str, Sequence[date]],
    rules: EarningsRules,
) -> dict[str, list[Known]]:
    """By ticker what the close of each of its `days` (sessions, ascending) knew."""
    record = warehouse.read(EARNINGS_KNOWN, tickers=[*days])
    return {
        ticker: known_by_session(KnownDates(ticker, record, rules), sessions)
        for ticker, sessions in days.items()
    }


def with_known_reports(
    rows: pl.DataFrame, warehouse: Warehouse, rules: EarningsRules
) -> pl.DataFrame:
    """`rows` (date, ticker) with the report ahead, as planning inputs have it."""
    if rows.is_empty():
        return rows.with_columns(**report_columns([]))
    keys = rows.select("date", "ticker").unique().sort("ticker", "date")
    days = dict(keys.group_by("ticker", maintain_order=True).agg("date").iter_rows())
    known = known_reports(warehouse, days, rules)
    columns = report_columns([each for ticker in days for each in known[ticker]])
    dated = keys.with_columns(**columns)
    return rows.join(dated, on=["date", "ticker"], how="left", maintain_order="left")
