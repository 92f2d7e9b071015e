"""What the pages of the dashboard read: one published copy of a home, and one of its accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN
from options_platform.domain.accounting.portfolio import Portfolio
from options_platform.domain.accounting.trading_record import (
    DRIFT_SCHEMA,
    Record,
    journal_of,
    targets_of,
)
from options_platform.domain.trading.positions import Position
from options_platform.services.accounting.portfolio_views import (
    ledger_portfolio,
    ledger_snapshot,
    market_of,
)
from options_platform.services.accounting.trading_record import paper_record
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.services.planning.plan_tables import Market
from options_platform.services.trading.home_copy import HomeCopy
from options_platform.services.trading.prices.stored_closes import stored_market
from options_platform.services.trading.replay import side_by_side
from options_platform.services.trading.reports_ahead import ReportsAhead, stored_reports
from options_platform.settings import Settings

OWN, REPLAY = "account", "replay"


@dataclass(frozen=True)
class View:
    """A home at one moment: its tables, and the account of trading or that of the replay.

    `shown` is `OWN` or `REPLAY`; `settings` are the home's, `query` what the page was asked for.
    """

    settings: Settings
    copy: HomeCopy
    now: datetime
    shown: str
    query: Mapping[str, str]

    @property
    def warehouse(self) -> Warehouse:
        """The tables of the copy."""
        return self.copy.warehouse

    @property
    def ledger(self) -> Ledger:
        """The ledger of the account that is shown."""
        return self.copy.replay if self.shown == REPLAY else self.copy.ledger

    @cached_property
    def trading(self) -> Settings:
        """The settings that the account trades by."""
        return side_by_side(self.settings) if self.shown == REPLAY else self.settings

    @cached_property
    def newest(self) -> date:
        """The newest session that can be planned."""
        return newest_date(self.settings, self.now)

    @cached_property
    def is_empty(self) -> bool:
        """Whether neither tables nor a ledger are stored."""
        has_tables = any(self.warehouse.has(table) for table in (RAW_OHLCV, TRADE_PLAN))
        return not (self.copy.ledger.exists or has_tables)

    @cached_property
    def positions(self) -> list[Position]:
        """Every position of the account; empty before the first."""
        return self.ledger.positions() if self.ledger.exists else []

    @cached_property
    def fitted(self) -> Settings:
        """The trading settings with the stored fits of the surface."""
        return with_fits(self.trading, self.warehouse)

    @cached_property
    def market(self) -> Market:
        """The newest stored closes."""
        return stored_market(self.warehouse)

    @cached_property
    def reports(self) -> ReportsAhead:
        """The earnings reports that are known now."""
        return stored_reports(self.trading, self.warehouse)

    @cached_property
    def portfolio(self) -> Portfolio:
        """Fills, positions and the account at each close, with greeks."""
        return ledger_portfolio(self.trading, self.warehouse, self.ledger)

    @cached_property
    def record(self) -> Record | None:
        """The account's trades beside the backtest of the same plans; None before the first.

        A replay has no comparison: its plans are not stored.
        """
        if self.shown == OWN:
            return paper_record(self.trading, self.warehouse, self.ledger)
        snapshot = ledger_snapshot(self.ledger)
        if snapshot is None or snapshot.marks.is_empty():
            return None
        rules = self.fitted.account_rules
        journal = journal_of(snapshot, market_of(snapshot, self.warehouse), rules)
        closed = journal.drop_nulls("closed_on")
        drift = pl.DataFrame(schema=DRIFT_SCHEMA)
        return Record(journal, targets_of(closed["pnl_usd"].to_numpy()), drift)


def account_shown(copy: HomeCopy, asked: str | None) -> str:
    """The account that was asked for; else that of trading, and the replay before it has traded."""
    if asked in (OWN, REPLAY):
        return asked
    has_traded = copy.ledger.exists and copy.ledger.positions()
    return REPLAY if copy.replay.exists and not has_traded else OWN


Format = Callable[[Any], str]
Columns = Mapping[str, tuple[str, Format]]


def grid(
    caption: str, rows: Sequence[Mapping[str, Any]], columns: Columns, empty: str = ""
) -> dict[str, Any]:
    """A table of a page: `columns` has by key the heading and how a value is written.

    `empty` says what to do where there are no rows.
    """
    numbers = {key for key in columns if any(isinstance(row.get(key), int | float) for row in rows)}
    return {
        "caption": caption,
        "headings": [(heading, key in numbers) for key, (heading, _) in columns.items()],
        "rows": [
            [(write(row.get(key)), key in numbers) for key, (_, write) in columns.items()]
            for row in rows
        ],
        "empty": empty,
    }
