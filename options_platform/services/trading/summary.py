"""What an account has traded, in short: by strategy, its open positions with their plans, exits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.accounting.position_plan import PositionPlan, position_plan
from options_platform.domain.earnings.blackout_words import held_for_words, leaving_words
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.trading.exposures import newest_closes
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.services.planning.plan_tables import Market
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.settings import Settings


@dataclass(frozen=True)
class TradingSummary:
    """The trading of an account up to its newest mark, at `last`.

    `by_strategy` has a row for each rule set and strategy: rule_set, strategy, trades, open, won
    (of the closed ones), win_rate (null without any) and pnl_usd (fees deducted, open ones at their
    marks). `exits` has a row for each closed trade, the newest first: ticker, strategy, rule_set,
    opened_on, decided_on (null unless an order closed it), closed_on, exit_reason, entry_price,
    exit_price (null where no order closed it) and pnl_usd. `refused` counts by reason the entries
    that were not sent.
    """

    label: str
    first: date
    last: date
    start_usd: float
    equity_usd: float
    by_strategy: list[dict[str, Any]]
    open: list[PositionPlan]
    exits: list[dict[str, Any]]
    refused: dict[str, int]

    @property
    def trades(self) -> int:
        """How many positions were opened."""
        return sum(row["trades"] for row in self.by_strategy)

    @property
    def won(self) -> int:
        """How many closed trades made a profit."""
        return sum(row["won"] for row in self.by_strategy)


def trading_summary(
    settings: Settings, ledger: Ledger, market: Market, reports: ReportsAhead | None = None
) -> TradingSummary | None:
    """The summary of a ledger; None before its first mark.

    `market` are the newest stored closes, by which the model says how likely a profit is, and
    `reports` knows the earnings reports that positions leave for.
    """
    if not ledger.exists:
        return None
    with ledger.holding():
        marks = ledger.table("marks").sort("session")
        positions, orders = ledger.positions(), ledger.orders()
        start_usd = ledger.start_usd() or settings.account_value_usd
    if marks.is_empty():
        return None
    return TradingSummary(
        label=ledger.label,
        first=marks["session"][0],
        last=marks["session"][-1],
        start_usd=start_usd,
        equity_usd=marks["equity_usd"][-1],
        by_strategy=_by_strategy(positions),
        open=open_plans(settings, ledger, market, reports),
        exits=_exits(positions, orders),
        refused=dict(
            Counter(
                reason
                for order in orders
                if order.purpose == "entry" and order.status == "not_sent"
                for reason in (order.reason or "").split(",")
            ).most_common()
        ),
    )


def open_plans(
    settings: Settings, ledger: Ledger, market: Market, reports: ReportsAhead | None = None
) -> list[PositionPlan]:
    """The open positions of a ledger with their plans, the newest first.

    Each by the rules of the set that opened it; `market` and `reports` as in
    :func:`trading_summary`.
    """
    if not ledger.exists:
        return []
    with ledger.holding():
        positions, orders = ledger.positions(only_open=True), ledger.working_orders()
    # The newest have most of their plan ahead.
    positions.sort(key=lambda each: each.opened_on, reverse=True)
    at = newest_closes(market)
    leaving = {
        order.position_id: (order.reason or "").partition(":")[0]
        for order in orders
        if order.purpose == "exit"
    }
    return [
        position_plan(
            each,
            settings.of_set(each.rule_set).exits,
            settings.expiry,
            at.get(each.ticker),
            settings.plan.chain,
            leaving.get(each.position_id),
            None if reports is None else _before_report(settings, each, reports),
        )
        for each in positions
    ]


def _before_report(settings: Settings, position: Position, reports: ReportsAhead) -> str | None:
    """When the position leaves for a report, in words; None if it does not."""
    report = reports.ahead(position.ticker, position.marked_on)
    if position.strategy in EARNINGS_STRATEGIES:
        return held_for_words(report, position.expiry, settings.earnings_trades)
    return leaving_words(report, position.expiry, settings.blackout)


def _by_strategy(positions: list[Position]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Position]] = {}
    for position in positions:
        groups.setdefault((position.rule_set, position.strategy), []).append(position)
    rows = []
    for (rule_set, strategy), members in groups.items():
        closed = [each for each in members if each.closed_on is not None]
        won = sum(each.profit_usd > 0 for each in closed)
        rows.append(
            {
                "rule_set": rule_set,
                "strategy": strategy,
                "trades": len(members),
                "open": len(members) - len(closed),
                "won": won,
                "win_rate": won / len(closed) if closed else None,
                "pnl_usd": sum(each.profit_usd for each in members),
            }
        )
    return sorted(rows, key=lambda row: (-row["trades"], row["rule_set"], row["strategy"]))


def _exits(positions: list[Position], orders: list[Order]) -> list[dict[str, Any]]:
    """The closed trades, the newest first, with the close at which each exit was decided."""
    decided = {
        order.position_id: order.session
        for order in orders
        if order.purpose == "exit" and order.filled_qty
    }
    closed = [each for each in positions if each.closed_on is not None]
    closed.sort(key=lambda each: (each.closed_on, each.position_id), reverse=True)
    return [
        {
            "ticker": each.ticker,
            "strategy": each.strategy,
            "rule_set": each.rule_set,
            "opened_on": each.opened_on,
            "decided_on": decided.get(each.position_id),
            "closed_on": each.closed_on,
            "exit_reason": (each.exit_reason or "").partition(":")[0],
            "entry_price": each.entry_price,
            "exit_price": each.exit_price,
            "pnl_usd": each.profit_usd,
        }
        for each in closed
    ]
