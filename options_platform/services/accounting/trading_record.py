"""The record of an account's trading, from its ledger and the warehouse."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS, VIX
from options_platform.domain.accounting.trading_record import Record, make_record
from options_platform.domain.backtest import AssignmentRules, make_market
from options_platform.services.accounting.portfolio_views import (
    first_session,
    ledger_snapshot,
    recorded_from,
)
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.yields_and_tenors import (
    stored_dividends,
    stored_odd_splits,
    stored_tenors,
)
from options_platform.services.planning.known_reports import known_reports
from options_platform.services.planning.later_plans import PLAN_TABLES, PlanFrames
from options_platform.settings import Settings
from options_platform.settings.brokers import broker_entry


def paper_record(
    settings: Settings,
    warehouse: Warehouse,
    ledger: Ledger,
    made: PlanFrames | None = None,
) -> Record | None:
    """The record of the ledger's account; None before the first traded session.

    `made` are the plans that it has traded, by default the stored ones.
    """
    snapshot = ledger_snapshot(ledger)
    if snapshot is None or snapshot.marks.is_empty():
        return None
    first = first_session(snapshot)
    bars = warehouse.read(RAW_OHLCV, start=first)
    if bars.is_empty():
        return make_record(snapshot, TRADE_PLAN.empty(), TRADE_PLAN_LEGS.empty(), None,
                           settings.backtest_rules)  # fmt: skip
    # Paper trading earns no interest.
    market = make_market(
        bars,
        warehouse.read(VIX, start=first),
        tenors=stored_tenors(warehouse),
        dividends=stored_dividends(warehouse),
        splits=stored_odd_splits(warehouse),
    )
    days = dict.fromkeys(market.tickers, market.sessions)
    market = market.with_reports(known_reports(warehouse, days, settings.earnings))
    plans, legs, alternates, their_legs = made or (
        warehouse.read(table, start=first) for table in PLAN_TABLES
    )
    rules = with_fits(settings, warehouse, recorded_from(snapshot)).account_rules
    if not broker_entry(settings.broker).assigns_as_backtest:
        rules = replace(rules, assignment=AssignmentRules(enabled=False))
    legs = pl.concat([legs, their_legs])
    return make_record(snapshot, plans, legs, market, rules, alternates)
