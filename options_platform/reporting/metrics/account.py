"""Figures of the account: equity, risk against its limits, greeks, trades, halts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.reporting.metrics.exposition import Metric
from options_platform.services.accounting.portfolio_views import stored_portfolio
from options_platform.services.trading.home_copy import HomeCopy
from options_platform.services.trading.morning_brief import account_brief
from options_platform.services.trading.pauses import pause_of
from options_platform.settings import Settings

CLOSE = time(16)
GREEKS = ("delta", "gamma", "theta", "vega")


def account_metrics(settings: Settings, copy: HomeCopy) -> Iterator[Metric]:
    """The account at its newest mark; halts and trades up to the copy. None before a ledger."""
    ledger = copy.ledger
    if not ledger.exists:
        return
    halted, paused = ledger.halted() is not None, pause_of(ledger) is not None
    yield Metric("entries_halted", "1 while new entries are halted, else 0.").add(halted)
    yield Metric("entries_paused", "1 while new entries are paused, else 0.").add(paused)
    positions = ledger.positions()
    closed = Counter(
        "won" if each.profit_usd > 0 else "lost" for each in positions if each.closed_on is not None
    )
    trades = Metric("trades_closed_total", "Closed positions, by their result.", "counter")
    for result in ("won", "lost"):
        trades.add(closed[result], result=result)
    yield trades
    orders = Metric("orders", "Orders of the ledger, by purpose and newest status.")
    numbers = Counter((order.purpose, order.status) for order in ledger.orders())
    for (purpose, status), number in sorted(numbers.items()):
        orders.add(number, purpose=purpose, status=status)
    yield orders
    held = [each for each in positions if each.closed_on is None]
    brief = account_brief(settings, ledger, held)
    if brief is None:
        return
    of = f"at the close of the newest marked session of account {settings.account!r}"
    yield Metric("equity_usd", f"Equity {of}.").add(brief.equity_usd)
    yield Metric("start_equity_usd", "Equity that the account began with.").add(ledger.start_usd())
    yield Metric("profit_day_usd", f"Profit of one session, {of}.").add(brief.profit_day_usd)
    yield Metric("drawdown_ratio", f"Fall of equity from its peak, 0 to 1, {of}.").add(
        brief.below_peak
    )
    yield Metric("open_positions", "Positions that are open.").add(brief.open_positions)
    yield Metric("open_positions_limit", "Most positions that may be open.").add(
        brief.position_limit
    )
    yield Metric("working_entries", "Entries that may still fill.").add(brief.working_entries)
    risk = Metric("risk_usd", "Sum of the maximum losses, of open positions and of entries.")
    yield risk.add(brief.open_risk_usd, of="open").add(brief.working_risk_usd, of="working")
    yield Metric("risk_limit_usd", "Most that both may be together.").add(brief.limit_usd)
    marked = datetime.combine(brief.session, CLOSE, NEW_YORK)
    yield Metric("marked_session_timestamp_seconds", "Close of the newest marked session.").add(
        marked
    )
    yield from _greeks(settings, copy, min(settings.account_value_usd, brief.equity_usd))


def _greeks(settings: Settings, copy: HomeCopy, basis_usd: float) -> Iterator[Metric]:
    rows = stored_portfolio(copy.warehouse, settings.account).portfolio.sort("date")
    if rows.is_empty():
        return
    newest = rows.row(-1, named=True)
    now = Metric("greek_usd", "Greek of the account in USD, at the newest close with a portfolio.")
    most = Metric("greek_limit_usd", "Most that the greek may be, either way.")
    for name in GREEKS:
        now.add(newest[f"{name}_usd"], greek=name)
        most.add(getattr(settings.risk.greeks, f"{name}_pct") * basis_usd, greek=name)
    yield now
    yield most
