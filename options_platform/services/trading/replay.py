"""Replaying past sessions, in date order, into a ledger of its own that says so.

A replay shows what paper trading would have done with the stored plans. It never touches the
paper ledger, and replaying the same sessions again gives the same ledger.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.brokers import simulated
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import Ledger, replay_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import Progress
from options_platform.contracts import (
    PLAN_ALTERNATE_LEGS,
    PLAN_ALTERNATES,
    RAW_OHLCV,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.yields_and_tenors import stored_dividends, stored_tenors
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings


def replay(
    settings: Settings,
    warehouse: Warehouse,
    sessions: Sequence[date],
    now: datetime,
    progress: Progress | None = None,
) -> Ledger:
    """Trade the stored plans of `sessions` one after the other, in place of the last replay."""
    settings = with_fits(settings, warehouse)
    first, last = sessions[0], sessions[-1]
    tables = (TRADE_PLAN, TRADE_PLAN_LEGS, PLAN_ALTERNATES, PLAN_ALTERNATE_LEGS)
    plans, legs, alternates, their_legs = (
        warehouse.read(table, start=first, end=last) for table in tables
    )
    legs = pl.concat([legs, their_legs])
    market = market_closes(
        warehouse.read(RAW_OHLCV, start=first, end=last),
        warehouse.read(VIX, start=first, end=last),
        stored_tenors(warehouse),
        stored_dividends(warehouse, end=last),
    )
    target = replay_ledger(settings)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix="replay-") as scratch:
        folder = Path(scratch)
        ledger = replace(target, path=folder / target.path.name)
        broker = simulated.open_broker(settings, folder)
        trading = TradingSession(ledger, broker, settings)
        # These files are private: holding them throughout saves opening them for each step.
        with ledger.holding(), held(broker.path, wait_seconds=settings.warehouse_wait_seconds):
            for done, session in enumerate(sessions, start=1):
                today = pl.col("date") == session
                trading.run_session(
                    session, plans.filter(today), legs.filter(today), market, now,
                    alternates.filter(today),
                )  # fmt: skip
                if progress is not None:
                    progress("sessions replayed", done, len(sessions))
        shutil.move(ledger.path, target.path)
    return target
