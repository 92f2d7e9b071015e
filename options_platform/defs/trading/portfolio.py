"""`fills`, `positions` and `portfolio`: views of the ledger, rebuilt completely in one step."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.contracts import FILLS, LEDGER_VIEWS, PORTFOLIO, POSITIONS, Table
from options_platform.defs.jobs import ORDERS_GROUP
from options_platform.defs.shared.asset_options import OWNERS
from options_platform.defs.shared.context import table_schema
from options_platform.domain.accounting.portfolio import Portfolio
from options_platform.reporting import portfolio_figures
from options_platform.reporting.figures import data_uri
from options_platform.services.accounting.portfolio_views import ledger_portfolio, store_portfolio
from options_platform.services.market_data.platform import Platform

PLOTTED_SESSIONS = 252
DEPS: dict[str, tuple[str, ...]] = {
    FILLS.name: ("paper_orders",),
    POSITIONS.name: ("raw_ohlcv", "vix", FILLS.name),
    PORTFOLIO.name: (POSITIONS.name,),
}


def make_portfolio_views() -> dg.AssetsDefinition:
    """The three assets; one step makes them, so that they show the ledger at one moment."""

    @dg.multi_asset(name="ledger_views", specs=[_spec(table) for table in LEDGER_VIEWS])
    def ledger_views(platform: dg.ResourceParam[Platform]) -> Iterator[dg.MaterializeResult]:
        settings = platform.settings
        views = ledger_portfolio(settings, platform.warehouse, open_ledger(settings))
        store_portfolio(platform.warehouse, settings.account, views)
        for table in LEDGER_VIEWS:
            rows: pl.DataFrame = getattr(views, table.name)
            metadata: dict[str, Any] = {
                "dagster/row_count": rows.height,
                "account": settings.account,
            }
            if table is PORTFOLIO:
                metadata |= _newest(views)
            if table is POSITIONS:
                metadata["opened_after_newest_close"] = views.without_rows
            yield dg.MaterializeResult(asset_key=table.name, metadata=metadata)

    return ledger_views


def _newest(views: Portfolio) -> Mapping[str, Any]:
    """The account at the newest close as metadata; empty before the first."""
    if views.portfolio.is_empty():
        return {}
    row = views.portfolio.sort("date").row(-1, named=True)
    shown = ("equity_usd", "pnl_day_usd", "drawdown", "open_positions", "halted")
    return {
        "session": row["date"].isoformat(),
        **{name: row[name] for name in shown},
        **_plots(views.portfolio.sort("date").tail(PLOTTED_SESSIONS)),
    }


def _plots(rows: pl.DataFrame) -> Mapping[str, dg.MetadataValue]:
    """The account's plots over its newest sessions; none before there are two."""
    if rows.height < 2:
        return {}
    drawn = {
        "equity": portfolio_figures.equity(rows),
        "drawdown": portfolio_figures.drawdown(rows),
        "delta": portfolio_figures.delta(rows),
        "other_greeks": portfolio_figures.other_greeks(rows),
    }
    return {name: dg.MetadataValue.md(f"![{name}]({data_uri(png)})") for name, png in drawn.items()}


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        group_name=ORDERS_GROUP,
        kinds={"duckdb", "polars"},
        owners=OWNERS,
        deps=list(DEPS[table.name]),
        metadata={
            "dagster/column_schema": table_schema(table),
            "dagster/table_name": f"warehouse.main.{table.name}",
        },
    )
