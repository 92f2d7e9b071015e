"""The views of a ledger: fills, positions and portfolio, computed with the stored market."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    FILLS,
    PORTFOLIO,
    PORTFOLIO_SETS,
    POSITIONS,
    RAW_OHLCV,
    VIX,
)
from options_platform.domain.accounting.portfolio import Portfolio, make_portfolio
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import BacktestMarket, make_market
from options_platform.domain.calendar.sessions import shift
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import stored_betas
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.settings import Settings

ACCOUNT = "account"


def ledger_snapshot(ledger: Ledger) -> LedgerSnapshot | None:
    """A consistent snapshot of the whole ledger; None before anything was recorded."""
    if not ledger.exists:
        return None
    with ledger.holding():
        return LedgerSnapshot(
            account=ledger.account,
            orders=tuple(ledger.orders()),
            positions=tuple(ledger.positions()),
            order_events=ledger.table("order_events"),
            account_events=ledger.table("account_events"),
            marks=ledger.table("marks"),
            start_usd=ledger.start_usd(),
            broken_marks=ledger.table("broken_marks"),
        )


def first_session(snapshot: LedgerSnapshot) -> date:
    """The first session whose market is needed: the first marked one or the first plan's."""
    days = [order.session for order in snapshot.orders if order.filled_qty]
    days += [shift(position.opened_on, -1) for position in snapshot.positions]
    marked: list[date] = snapshot.marks["session"].to_list()
    return min([*days, *marked])


def recorded_from(snapshot: LedgerSnapshot) -> datetime | None:
    """When the ledger's first event was recorded; None without any."""
    times = pl.concat([
        rows.select("recorded_at") for rows in (snapshot.order_events, snapshot.account_events)
    ])["recorded_at"]  # fmt: skip
    # The ledger stores times without a zone, in UTC.
    first: datetime | None = times.dt.replace_time_zone("UTC").min()  # type: ignore[assignment]
    return first


def market_of(snapshot: LedgerSnapshot, warehouse: Warehouse) -> BacktestMarket | None:
    """The stored market from the session before the first entry; None without positions."""
    if not snapshot.positions:
        return None
    first = first_session(snapshot)
    tickers = sorted({position.ticker for position in snapshot.positions})
    bars = warehouse.read(RAW_OHLCV, tickers=tickers, start=first)
    vix = warehouse.read(VIX, tickers=tickers, start=first)
    market = make_market(bars, vix, tenors=stored_tenors(warehouse))
    return market.with_betas(stored_betas(warehouse, tickers))


def ledger_portfolio(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Portfolio:
    """The three views of the ledger; empty before anything was recorded."""
    snapshot = ledger_snapshot(ledger)
    if snapshot is None:
        return Portfolio(FILLS.empty(), POSITIONS.empty(), PORTFOLIO.empty())
    rules = with_fits(settings, warehouse, recorded_from(snapshot)).backtest_rules
    return make_portfolio(snapshot, market_of(snapshot, warehouse), rules)


def store_portfolio(warehouse: Warehouse, account: str, views: Portfolio) -> None:
    """Store the views in one transaction, replacing the account's former rows."""
    frames = [
        (FILLS, views.fills),
        (POSITIONS, views.positions),
        (PORTFOLIO, views.portfolio),
        (PORTFOLIO_SETS, views.by_set),
    ]
    warehouse.replace(frames, ACCOUNT, account)


def stored_portfolio(warehouse: Warehouse, account: str) -> Portfolio:
    """The stored views of an account."""
    fills, positions, portfolio = (
        warehouse.read(table).filter(account=account) for table in (FILLS, POSITIONS, PORTFOLIO)
    )
    return Portfolio(fills, positions, portfolio)
