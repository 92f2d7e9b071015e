"""Bringing the dates of earnings reports up to date: past ones and those that are planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from options_platform.adapters.ports.market_data import gives_earnings
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.errors import SourceError
from options_platform.services.market_data.one_market import require_same_market
from options_platform.services.market_data.platform import Platform

AHEAD = timedelta(days=120)


@dataclass(frozen=True)
class EarningsUpdate:
    """What became of a run: the rows that were stored, and why others could not be.

    `unknown` says by ticker why its dates could not be had; `nothing_given` says that the source
    has none of any ticker, and is None where it has.
    """

    rows: pl.DataFrame
    unknown: Mapping[str, str] = field(default_factory=dict)
    nothing_given: str | None = None


def update_earnings(platform: Platform, selected: PartitionRange) -> EarningsUpdate:
    """Store the reports of the range and the planned ones of the four months after it.

    Those stored for these days before are replaced: a planned report that moved is gone. The
    stored ones of a ticker stay where the source gives none for these days. UsageError where the
    stored bars are of another market (`services.market_data.one_market`).
    """
    source = platform.source()
    require_same_market(platform.warehouse, source.info)
    if not gives_earnings(source):
        reason = f"source {source.info.name} gives no dates of earnings reports"
        return EarningsUpdate(EARNINGS.empty(), nothing_given=reason)
    until = selected.end + AHEAD
    today = platform.now().astimezone(NEW_YORK).date()
    written, unknown = [EARNINGS.empty()], {}
    for at, ticker in enumerate(selected.tickers):
        platform.progress("fetching earnings dates", at, len(selected.tickers))
        try:
            given = source.earnings(ticker, selected.start, until)
        except SourceError as error:
            unknown[ticker] = str(error)
            continue
        fetched_at = pl.lit(platform.now()).cast(EARNINGS.schema["fetched_at"])
        reported = pl.when(pl.col("date") <= today).then(pl.col("eps_reported"))
        rows = given.with_columns(fetched_at=fetched_at, eps_reported=reported)
        rows = rows.unique(EARNINGS.key, keep="first", maintain_order=True).select(
            EARNINGS.schema.names()
        )
        if rows.height:
            scope = PartitionRange(selected.start, until, (ticker,))
            platform.warehouse.write([(EARNINGS, rows)], scope=scope)
            written.append(rows)
    return EarningsUpdate(pl.concat(written), unknown)
