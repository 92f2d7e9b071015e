"""The views of a ledger, made from it and the warehouse: fills, positions, portfolio."""

from __future__ import annotations

from datetime import date

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import FILLS, PORTFOLIO, POSITIONS, RAW_OHLCV, VIX
from options_platform.domain.accounting.portfolio import Portfolio, make_portfolio
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import BacktestMarket, make_market
from options_platform.domain.calendar.sessions import shift
from options_platform.services.market_data.yields_and_tenors import stored_tenors
from options_platform.settings import Settings

ACCOUNT = "account"


def ledger_snapshot(ledger: Ledger) -> LedgerSnapshot | None:
    """All that the ledger holds, as of one moment; None before anything was recorded."""
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


def first_session(held: LedgerSnapshot) -> date:
    """The session from which on the market is needed: the first marked, or a plan's before it."""
    days = [order.session for order in held.orders if order.filled_qty]
    days += [shift(position.opened_on, -1) for position in held.positions]
    marked: list[date] = held.marks["session"].to_list()
    return min([*days, *marked])


def market_of(held: LedgerSnapshot, warehouse: Warehouse) -> BacktestMarket | None:
    """The stored market from the session before the first entry; None without positions."""
    if not held.positions:
        return None
    first = first_session(held)
    tickers = sorted({position.ticker for position in held.positions})
    bars = warehouse.read(RAW_OHLCV, tickers=tickers, start=first)
    vix = warehouse.read(VIX, tickers=tickers, start=first)
    return make_market(bars, vix, tenors=stored_tenors(warehouse))


def ledger_portfolio(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Portfolio:
    """The three views as rows; empty where nothing was recorded yet."""
    held = ledger_snapshot(ledger)
    if held is None:
        return Portfolio(FILLS.empty(), POSITIONS.empty(), PORTFOLIO.empty())
    return make_portfolio(held, market_of(held, warehouse), settings.backtest_rules)


def store_portfolio(warehouse: Warehouse, account: str, views: Portfolio) -> None:
    """Write the views in place of the account's earlier rows, all in one transaction."""
    frames = [(FILLS, views.fills), (POSITIONS, views.positions), (PORTFOLIO, views.portfolio)]
    warehouse.replace(frames, ACCOUNT, account)


def stored_portfolio(warehouse: Warehouse, account: str) -> Portfolio:
    """The stored views of the account."""
    fills, positions, portfolio = (
        warehouse.read(table).filter(account=account) for table in (FILLS, POSITIONS, PORTFOLIO)
    )
    return Portfolio(fills, positions, portfolio)
