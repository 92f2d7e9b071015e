"""`feasibility`: how much money each strategy needs in the account, and how often it trades."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import print_json, print_table, ready_settings, say
from options_platform.contracts import TRADE_PLAN
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.planning.fees import fee_shares
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.risk import feasibility as judge
from options_platform.domain.trading.exposures import one_spread_rows
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.backtesting.outlook import (
    outlook_fields,
    outlook_or_problem,
    pace_text,
    until_text,
)
from options_platform.services.planning.plan_inputs import plan_inputs

COLUMNS = (
    "ticker",
    "strategy",
    "plans",
    "width",
    "max_loss_usd",
    "fees_share",
    "needed_for_sizing_usd",
    "needed_in_full_usd",
    "needed_for_limits_usd",
    "needed_for_greeks_usd",
    "account_needed_usd",
    "fits",
)

ANY_SPREAD_FITS = 1e12
CELL_COLUMNS = ("regime", "direction", "strategy", "rows", "called", "trades", "refusal",
                "refused", "state")  # fmt: skip


def feasibility(args: argparse.Namespace) -> int:
    """Plan the newest sessions again with one spread each; print what each strategy needs.

    Then the trades a year to expect, the cells of the matrix, and the time to 30 closed trades.

    Raises :class:`IncompleteDataError` before the first plan.
    """
    settings = ready_settings()
    if args.sessions < 1:
        raise UsageError("--sessions takes a number of sessions, at least 1")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    planned = warehouse.read(TRADE_PLAN, columns=["date"])["date"]
    last: date | None = planned.max()  # type: ignore[assignment]
    if last is None:
        raise IncompleteDataError("there are no plans yet; run: options-platform backfill")
    first: date = planned.filter(planned >= shift(last, 1 - args.sessions)).min()  # type: ignore[assignment]
    inputs = plan_inputs(warehouse, settings.tickers, first, last)
    # Plans that this account refuses, or makes narrower, are the ones of interest here.
    sizing = replace(
        settings.plan.sizing, account_value_usd=ANY_SPREAD_FITS, max_contracts=1, max_risk_usd=None
    )
    plans, _ = build_plans(inputs, replace(settings.plan, sizing=sizing))
    trades = plans.filter(pl.col("decision") == "trade")
    rows = one_spread_rows(trades).with_columns(fee_shares(trades, settings.plan.costs))
    confidence = dict(rows.group_by("strategy").agg(pl.col("confidence").median()).iter_rows())
    needs = judge(rows, settings.plan.sizing, settings.risk, confidence=confidence)
    counts = rows.group_by("ticker", "strategy").len("plans")
    needs = needs.join(counts, on=["ticker", "strategy"], maintain_order="left")
    outlook = outlook_or_problem(settings, warehouse, open_ledger(settings))
    if args.json:
        pace = None if isinstance(outlook, str) else outlook_fields(outlook)
        print_json(
            {"first": first, "last": last, "account_value_usd": settings.account_value_usd,
             "strategies": needs.to_dicts(), "pace": pace}
        )  # fmt: skip
        return 0
    say(
        f"Medians for one spread of each strategy planned from {first} to {last} on synthetic "
        f"chains; the account has {settings.account_value_usd:,.0f} USD."
    )
    print_table(needs.to_dicts(), COLUMNS)
    if isinstance(outlook, str):
        say(outlook)
        return 0
    say(pace_text(outlook))
    print_table(outlook.cells.to_dicts(), CELL_COLUMNS)
    say(until_text(outlook))
    return 0
