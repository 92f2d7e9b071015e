"""Replaying past sessions, in date order, into a ledger of its own that says so.

A replay shows what paper trading would have done with the plans of these sessions. It never touches
the paper ledger, and replaying the same sessions again gives the same ledger.
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
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.ledger import Ledger, replay_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import DEFAULT_RULE_SET, Progress
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.formats import pct, usd
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import of_session, stored_betas
from options_platform.services.market_data.stored_chains import stored_chains
from options_platform.services.market_data.yields_and_tenors import (
    stored_dividends,
    stored_odd_splits,
    stored_tenors,
)
from options_platform.services.planning.later_plans import PLAN_TABLES, PlanFrames
from options_platform.services.planning.plan_inputs import plan_inputs, require_premium_features
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.reports_ahead import stored_reports
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings

SHARES = {DEFAULT_RULE_SET: 0.6, "premium_ladder": 0.4}
"""The shipped rule sets in one account, as the demo replays them: shares of the account."""

POSITIONS, POSITIONS_PER_TICKER = 10, 4
"""Room for the positions of both sets: the defaults are for one. Limits of loss stay as set."""


def side_by_side(settings: Settings) -> Settings:
    """The settings with all shipped rule sets in one account, unless they choose sets themselves.

    A choice is `budgets`, or a `rule_set` that is not the default.
    """
    if settings.budgets or settings.rule_set != DEFAULT_RULE_SET:
        return settings
    risk = replace(
        settings.risk,
        max_positions=max(POSITIONS, settings.risk.max_positions),
        max_positions_per_ticker=max(POSITIONS_PER_TICKER, settings.risk.max_positions_per_ticker),
    )
    return replace(settings, budgets=dict(SHARES), risk=risk)


def account_words(settings: Settings) -> str:
    """The rule sets that share the account and how many positions it may hold; empty for one set.

    Without a full stop, as the part of a sentence.
    """
    if not settings.budgets:
        return ""
    shares = ", ".join(f"{name} {pct(share, 0)}" for name, share in settings.budgets.items())
    risk = settings.risk
    return (
        f"the rule sets {shares} of one account of {usd(settings.account_value_usd)}, at most "
        f"{risk.max_positions} positions, {risk.max_positions_per_ticker} a ticker"
    )


def stored_plans(warehouse: Warehouse, first: date, last: date) -> PlanFrames:
    """The stored plans of the sessions from `first` to `last`."""
    plans, legs, alternates, their_legs = (
        warehouse.read(table, start=first, end=last) for table in PLAN_TABLES
    )
    return plans, legs, alternates, their_legs


def plans_anew(settings: Settings, warehouse: Warehouse, first: date, last: date) -> PlanFrames:
    """The plans of all sets that the settings trade, made from the stored inputs as every night.

    Raises :class:`IncompleteDataError` if inputs of plans are missing.
    """
    settings.require_rule_sets()
    fitted = with_fits(settings, warehouse)
    of_sets = [fitted.of_set(name).plan for name in fitted.traded_sets]
    require_premium_features(warehouse, settings.tickers, first, last, of_sets)
    inputs = plan_inputs(warehouse, settings.tickers, first, last, earnings=settings.earnings)
    store = ChainStore(settings.chains_path)
    chain_of = stored_chains(store, settings.tickers, first, last)
    plans, alternates = plans_of_sets(inputs, of_sets, chain_of)
    return (*plans, *alternates)


def replay(
    settings: Settings,
    warehouse: Warehouse,
    sessions: Sequence[date],
    now: datetime,
    progress: Progress | None = None,
    made: PlanFrames | None = None,
) -> Ledger:
    """Trade the plans of `sessions` one after the other, in place of the last replay.

    They are `made`, by default the stored ones.
    """
    settings = with_fits(settings, warehouse)
    first, last = sessions[0], sessions[-1]
    plans, legs, alternates, their_legs = made or stored_plans(warehouse, first, last)
    legs = pl.concat([legs, their_legs])
    market = market_closes(
        warehouse.read(RAW_OHLCV, start=first, end=last),
        warehouse.read(VIX, start=first, end=last),
        stored_tenors(warehouse),
        stored_dividends(warehouse, end=last),
        stored_odd_splits(warehouse),
    )
    target = replay_ledger(settings)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix="replay-") as scratch:
        folder = Path(scratch)
        ledger = replace(target, path=folder / target.path.name)
        broker = simulated.open_broker(settings, folder)
        reports = stored_reports(settings, warehouse)
        betas = stored_betas(warehouse, settings.tickers, end=last)
        trading = TradingSession(ledger, broker, settings, reports=reports)
        # These files are private: holding them throughout saves opening them for each step.
        with ledger.holding(), broker.holding():
            for done, session in enumerate(sessions, start=1):
                today = pl.col("date") == session
                own = replace(trading, settings=of_session(settings, betas, session))
                own.run_session(
                    session, plans.filter(today), legs.filter(today), market, now,
                    alternates.filter(today),
                )  # fmt: skip
                if progress is not None:
                    progress("sessions replayed", done, len(sessions))
        shutil.move(ledger.path, target.path)
    return target
