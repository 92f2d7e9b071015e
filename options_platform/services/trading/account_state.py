"""What alerts are judged from, read from the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.refreshing import last_failure
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import newest_session, shift
from options_platform.domain.trading.alerts import AccountState, Alert, account_alerts
from options_platform.domain.trading.closing import shares_held
from options_platform.domain.trading.equity_refusals import EquityRefusals, equity_refusals
from options_platform.errors import LedgerError
from options_platform.services.market_data.inventory import without_bars
from options_platform.services.market_data.market_priced import price_note
from options_platform.services.trading.moved_reports import moved_reports
from options_platform.services.trading.pauses import pause_of
from options_platform.services.trading.sets_in_account import sets_in_account
from options_platform.services.trading.stop_look_store import valued_by_model
from options_platform.settings import Settings

WAIT_SECONDS = 5.0
RECENT_SESSIONS = 5
MONTH_SESSIONS = 21
UNUSABLE = "ledger"


def alerts_of(
    settings: Settings, ledger: Ledger, now: datetime, *, warehouse: Warehouse | None = None
) -> list[Alert]:
    """The conditions that hold now; that the ledger cannot be used is one of them.

    `warehouse` is where the tables are read, by default the home's warehouse itself. Raises
    :class:`WarehouseBusyError` while another process holds a store that is read.
    """
    stored = warehouse or Warehouse(settings.warehouse_path, wait_seconds=WAIT_SECONDS)
    try:
        state = replace(
            account_state(ledger, now),
            data_end=settings.end,
            without_bars=_without_bars(settings, stored),
            market_priced=_market_priced(settings, stored),
            refused=refused_by_equity(settings, ledger),
            lost_sets=_lost_sets(settings, ledger),
            moved_reports=_moved_reports(settings, ledger, stored, now),
        )
    except LedgerError as error:
        return [Alert(UNUSABLE, f"{ledger.account}: the ledger cannot be used", str(error))]
    return [*account_alerts(state, now, settings.alerts), *_unpublished(settings, ledger.account)]


def _moved_reports(
    settings: Settings, ledger: Ledger, warehouse: Warehouse, now: datetime
) -> dict[str, str]:
    """What moved into the life of each open position, by its id and the day of the report."""
    short = replace(ledger, wait_seconds=WAIT_SECONDS)
    held = short.positions(only_open=True) if ledger.exists else []
    return moved_reports(settings, held, warehouse, now)


def _without_bars(settings: Settings, warehouse: Warehouse) -> list[tuple[str, date | None]]:
    """Tickers without a bar of the newest stored session, and their last."""
    if not settings.warehouse_path.exists():
        return []
    absent = without_bars(warehouse, settings)
    return list(absent.select("ticker", "last").iter_rows())


def _unpublished(settings: Settings, account: str) -> list[Alert]:
    """That the last run could not publish its tables: all that is shown is older than they are."""
    failure = last_failure(settings.home)
    if failure is None:
        return []
    text = f"since {failure.at:%Y-%m-%d %H:%M} UTC what is shown may be old: {failure.why}"
    return [Alert("unpublished", f"{account}: the tables could not be published", text)]


def _lost_sets(settings: Settings, ledger: Ledger) -> dict[str, str]:
    """By name what is wrong with the sets that trade, or have open positions."""
    short = replace(ledger, wait_seconds=WAIT_SECONDS)
    held = short.positions(only_open=True) if ledger.exists else []
    rows = sets_in_account(settings, held)
    return {row["rule_set"]: row["note"] for row in rows if row["note"] is not None}


def _market_priced(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """The tickers that the newest plans trade on an index that is not their own, with the error."""
    if not settings.warehouse_path.exists():
        return {}
    columns = ["date", "ticker", "decision", "iv_symbol", "iv_basis"]
    plans = warehouse.read(TRADE_PLAN, columns=columns, tickers=settings.tickers)
    newest = plans.filter(pl.col("date") == pl.col("date").max())
    traded = newest.filter((pl.col("decision") == "trade") & (pl.col("iv_basis") == "market"))
    return {
        ticker: price_note(ticker, symbol)
        for ticker, symbol in traded.select("ticker", "iv_symbol").iter_rows()
    }


def refused_by_equity(settings: Settings, ledger: Ledger) -> EquityRefusals | None:
    """The entries of the 21 sessions up to the last mark that were too large for the account."""
    if not ledger.exists:
        return None
    short = replace(ledger, wait_seconds=WAIT_SECONDS)
    marks = short.table("marks").sort("session")
    if marks.is_empty():
        return None
    since = shift(marks["session"][-1], 1 - MONTH_SESSIONS)
    recent = [order for order in short.orders() if order.session >= since]
    equities = dict(marks.select("session", "equity_usd").iter_rows())
    return equity_refusals(recent, equities, settings.account_value_usd)


def account_state(ledger: Ledger, now: datetime) -> AccountState:
    """The state of the ledger's account; orders are those of the newest sessions."""
    nothing = AccountState(ledger.account, None, (), (), (), None)
    if not ledger.exists:
        return nothing
    since = shift(newest_session(now), -RECENT_SESSIONS)
    short = replace(ledger, wait_seconds=WAIT_SECONDS)
    with short.holding():
        paused = pause_of(short)
        return replace(
            nothing,
            halted=short.halted(),
            differences=tuple(short.differences()),
            orders=tuple(order for order in short.orders() if order.session >= since),
            equities_usd=tuple(short.equities_since_reset()),
            newest_run=short.last_marked(),
            paused=None if paused is None else paused.reason,
            unsure=valued_by_model(short, now),
            assigned=shares_held(short.positions(only_open=True)),
        )
