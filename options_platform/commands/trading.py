"""`reconcile`, `work`, `halt`, `resume` and `flatten`: trading by hand."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.home import require_home
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import print_json, print_table, reading_settings, say, warn
from options_platform.domain.risk import is_of_losses
from options_platform.domain.trading.exposures import DatedClose, newest_closes
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.errors import UsageError
from options_platform.formats import count
from options_platform.services.earnings.trade_evidence import with_proven
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.services.planning.plan_tables import Market
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.pauses import lift_pause
from options_platform.services.trading.prices.stored_closes import readable_prices, stored_market
from options_platform.services.trading.reconciliation.accepting import accept
from options_platform.services.trading.reconciliation.reconcile import NO_BROKER
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings

WORK_COLUMNS = ("client_order_id", "purpose", "contracts", "limit_price", "status", "filled_qty")
PAUSE_SECONDS = 5.0
BY_HAND = "by hand"


def reconcile(args: argparse.Namespace) -> int:
    """Update the ledger's working orders from the broker; 1 if ledger and broker still differ."""
    trading = _trading(_settings_of_home("nothing was reconciled"))
    now = datetime.now(UTC)
    with trading.exclusively():
        if args.accept:
            differences = accept(trading.reconciler, now, args.accept)
        else:
            differences = trading.reconciler.run(now)
    if args.json:
        print_json([asdict(difference) for difference in differences])
    else:
        _say_differences(differences)
    return 1 if differences else 0


def work(args: argparse.Namespace) -> int:
    """Reprice working orders step by step until none is working, or once.

    Returns 1 if the broker rejected an exit and no other order closes its position. Raises
    :class:`UsageError` for a broker that fills every order at the close.
    """
    settings = _settings_of_home("no order was repriced")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    closes = newest_closes(stored_market(warehouse))
    reports = stored_reports(settings, warehouse, datetime.now(UTC))
    settings = with_proven(with_fits(settings, warehouse), warehouse)
    settings = with_betas(settings, warehouse)
    trading = replace(_trading(settings, closes), reports=reports)
    worker = OrderWorker(trading)
    if trading.broker.takes_market_orders:
        raise UsageError(
            f"the broker {trading.broker.name} fills at the close; there is nothing to reprice "
            "before the next daily run"
        )
    working = worker.advance(datetime.now(UTC))
    while working and not args.once:
        publish_changes(settings.home, wait_seconds=0.0)
        time.sleep(PAUSE_SECONDS)
        working = worker.advance(datetime.now(UTC))
    rejected = worker.refused(datetime.now(UTC))
    rows = [_row(order) for order in (*working, *rejected)]
    if args.json:
        print_json(rows)
    elif rows:
        print_table(rows, WORK_COLUMNS)
    else:
        say("No order is working.")
    if not args.json:
        for order in working:
            if order.is_final:
                say(f"{order.client_order_id} is {order.status} and will be sent again.")
        for order in rejected:
            say(f"{order.client_order_id} was rejected: {order.reason}; its position stays open.")
        if rejected:
            say("The next daily run tries again; close now: options-platform flatten")
    return 1 if rejected else 0


def halt(args: argparse.Namespace) -> int:
    """Refuse new entries until resumed and cancel working ones; exits continue.

    Returns 1 if an entry may still fill.
    """
    reason = args.reason or BY_HAND
    settings = _settings_of_home("NOTHING WAS HALTED")
    trading = _trading(settings)
    may_fill = OrderWorker(trading).halt(datetime.now(UTC), reason)
    # A halt that was in force keeps its reason.
    args.reason = trading.ledger.halted()
    as_before = "" if args.reason == reason else ", as before"
    text = f"New orders are halted{as_before} ({args.reason}); exits continue.\n{_where(settings)}"
    _say_state(args, "halted", text)
    if not args.json:
        for order in may_fill:
            say(f"  {order.client_order_id} is {order.status} and may still fill")
    return 1 if may_fill else 0


def resume(args: argparse.Namespace) -> int:
    """Allow new orders again; the ledger keeps the halt and why it was lifted.

    A pause ends too, until a check sees the loss again. Raises :class:`UsageError` if losses
    halted new orders and no reason is given.
    """
    ledger = open_ledger(_settings_of_home("nothing was resumed"))
    halt = ledger.halted() if ledger.exists else None
    if halt is not None and is_of_losses(halt) and not args.reason:
        raise UsageError(
            f"losses have halted new orders ({halt}); give a reason to resume: "
            '--reason "what you checked"'
        )
    args.reason = args.reason or BY_HAND
    now = datetime.now(UTC)
    ledger.resume(args.reason, now)
    was_paused = ledger.exists and lift_pause(ledger, args.reason, now)
    if halt is None and not was_paused:
        args.reason = None
        return _say_state(args, "running", "Nothing was halted; new orders are allowed.")
    return _say_state(args, "running", "New orders are allowed again.")


def flatten(args: argparse.Namespace) -> int:
    """Halt, cancel every working order and close every position; 1 if a problem remains.

    A difference between ledger and broker is a problem: the account may hold contracts of which
    the ledger has no position. Raises :class:`UsageError` without confirmation.
    """
    settings = _settings_of_home("NOTHING WAS CLOSED OR HALTED")
    if not args.yes:
        _require_yes(_trading(settings))
    market, priced = readable_prices(settings, warn)
    trading = _trading(priced)
    ledger = trading.ledger
    closed_before = {p.position_id for p in _positions(ledger) if p.closed_on}
    problems = Flattening(trading, _newest_closes(market)).run(datetime.now(UTC))
    closed = [p for p in _positions(ledger) if p.closed_on and p.position_id not in closed_before]
    orders = [order for order in ledger.working_orders() if order.purpose == "exit"]
    open_positions, differences = ledger.positions(only_open=True), ledger.differences()
    problems += [f"{difference.code}: {difference.text}" for difference in differences]
    if args.json:
        print_json(
            {
                "closed": [position.position_id for position in closed],
                "open": [position.position_id for position in open_positions],
                "working_exits": [_row(order) for order in orders],
                "problems": problems,
            }
        )
    else:
        working = f"; {count(len(orders), 'order')} at work to close them" if open_positions else ""
        done, left = count(len(closed), "position"), len(open_positions) or "none"
        say(f"{done} closed, {left} open{working}.")
        say(_where(settings))
        for line in problems:
            say(f"  {line}")
        say("New entries are halted; allow them again: options-platform resume")
    return 1 if problems else 0


def _settings_of_home(undone: str) -> Settings:
    """The settings of a home that exists: elsewhere no order of the account can be found.

    Raises :class:`HomeError`, which begins with what was `undone`, for a folder that is none.
    """
    settings = reading_settings()
    require_home(settings, undone)
    return settings


def _where(settings: Settings) -> str:
    return f"Account {settings.account}, broker {settings.broker}, home {settings.home}"


def _say_differences(differences: Sequence[Difference]) -> None:
    if not differences:
        say("Ledger and broker agree.")
        return
    no_answer = any(difference.code == NO_BROKER for difference in differences)
    say("The broker does not answer:" if no_answer else "Ledger and broker differ:")
    for difference in differences:
        say(f"  {difference.code}: {difference.text}")
    if no_answer:
        say("New entries are stopped until it answers. Check the connection and the broker's keys,")
        say("then run again: options-platform reconcile")
    else:
        say("New entries are stopped; exits continue. If the broker is right, correct the ledger:")
        say('  options-platform reconcile --accept "why"')


def _positions(ledger: Ledger) -> list[Position]:
    return ledger.positions() if ledger.exists else []


def _row(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in WORK_COLUMNS}


def _require_yes(trading: TradingSession) -> None:
    question = (
        f"Close all positions at {trading.broker.name} and cancel every order? Type flatten: "
    )
    if not sys.stdin.isatty():
        raise UsageError("flatten needs a confirmation before it closes everything: --yes")
    if input(question).strip() != "flatten":
        raise UsageError("nothing was closed")


def _newest_closes(market: Market) -> Mapping[str, MarketClose]:
    return market[max(market)] if market else {}


def _say_state(args: argparse.Namespace, state: str, text: str) -> int:
    if args.json:
        print_json({"state": state, "reason": args.reason})
    else:
        for line in text.splitlines():
            say(line)
    return 0


def _trading(settings: Settings, closes: Mapping[str, DatedClose] | None = None) -> TradingSession:
    return TradingSession(
        open_ledger(settings), open_broker(settings), settings, closes=closes or {}
    )
