"""Accounting rules that the views of the order ledger must satisfy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from options_platform.domain.accounting.portfolio import Portfolio
from options_platform.domain.accounting.position_days import PARTS
from options_platform.domain.checks.tables import SHOWN, Finding

CENT = 0.005


@dataclass(frozen=True)
class PortfolioRule:
    """A named rule about one of the three views, the asset `asset`."""

    asset: str
    name: str
    description: str
    find: Callable[[Portfolio], Finding]


def _finding(rows: pl.DataFrame, *shown: str) -> Finding:
    examples = [
        ", ".join(f"{name} {value}" for name, value in zip(shown, row, strict=True))
        for row in rows.select(shown).head(SHOWN).iter_rows()
    ]
    return Finding(rows.height, tuple(examples))


def _beyond_order(views: Portfolio) -> Finding:
    filled = views.fills.group_by("account", "client_order_id", maintain_order=True).agg(
        filled=pl.col("contracts").sum(), ordered=pl.col("ordered").first()
    )
    wrong = filled.filter(pl.col("filled") > pl.col("ordered"))
    return _finding(wrong, "client_order_id", "filled", "ordered")


def _closed_beyond_entry(views: Portfolio) -> Finding:
    """Counts whole spreads only: fills of single legs and shares belong to broken spreads."""
    sign = pl.when(pl.col("purpose") == "entry").then(1).otherwise(-1)
    of_spreads = views.fills.filter(pl.col("purpose").is_in(["entry", "exit"]))
    remaining = of_spreads.group_by("account", "position_id", maintain_order=True).agg(
        left=(sign * pl.col("contracts")).sum()
    )
    return _finding(remaining.filter(pl.col("left") < 0), "position_id", "left")


def _days_do_not_add_up(views: Portfolio) -> Finding:
    ends = (
        views.positions.sort("date")
        .group_by("account", "position_id", maintain_order=True)
        .agg(days=pl.col("pnl_day_usd").sum(), total=pl.col("pnl_usd").last())
    )
    wrong = ends.filter((pl.col("days") - pl.col("total")).abs() > CENT)
    return _finding(wrong, "position_id", "days", "total")


def _unattributed(views: Portfolio) -> Finding:
    parts = pl.sum_horizontal(*PARTS, "other_pnl_usd")
    rows = views.positions.with_columns(parts=parts)
    wrong = rows.filter(~((pl.col("parts") - pl.col("pnl_day_usd")).abs() <= CENT))
    return _finding(wrong, "date", "position_id", "parts", "pnl_day_usd")


def _unbalanced(views: Portfolio) -> Finding:
    equity = pl.col("cash_usd") + pl.col("positions_usd")
    wrong = views.portfolio.filter(~((equity - pl.col("equity_usd")).abs() <= CENT))
    return _finding(wrong, "date", "cash_usd", "positions_usd", "equity_usd")


def _unexplained(views: Portfolio) -> Finding:
    """The cumulative daily P&L of all positions must equal the ledger's total P&L."""
    days = views.positions.group_by("account", "date").agg(day=pl.col("pnl_day_usd").sum())
    rows = (
        views.portfolio.join(days, on=["account", "date"], how="left")
        .sort("date")
        .with_columns(
            positions=pl.col("day").fill_null(0.0).cum_sum().over("account"),
            ledger=pl.col("realised_usd") + pl.col("unrealised_usd"),
        )
    )
    wrong = rows.filter(~((pl.col("positions") - pl.col("ledger")).abs() <= CENT))
    return _finding(wrong, "date", "positions", "ledger")


def _sets_do_not_add_up(views: Portfolio) -> Finding:
    sums = views.by_set.group_by("account", "date").agg(sets=pl.col("pnl_usd").sum())
    rows = views.portfolio.join(sums, on=["account", "date"], how="left").with_columns(
        pl.col("sets").fill_null(0.0), ledger=pl.col("realised_usd") + pl.col("unrealised_usd")
    )
    wrong = rows.filter(~((pl.col("sets") - pl.col("ledger")).abs() <= CENT))
    return _finding(wrong, "date", "sets", "ledger")


PORTFOLIO_RULES = (
    PortfolioRule("fills", "within_orders", "no order is filled beyond its size", _beyond_order),
    PortfolioRule(
        "fills", "within_entries", "no more contracts are closed than were opened",
        _closed_beyond_entry,
    ),
    PortfolioRule(
        "positions", "days_add_up", "the daily P&L of a position adds up to its P&L, to the cent",
        _days_do_not_add_up,
    ),
    PortfolioRule(
        "positions", "attributed", "greek parts and the rest add up to the day's P&L, to the cent",
        _unattributed,
    ),
    PortfolioRule(
        "portfolio", "accounts_balance",
        "the ledger's cash plus the newly marked positions equal its equity, to the cent",
        _unbalanced,
    ),
    PortfolioRule(
        "portfolio", "profits_explained",
        "the P&L of all positions equals the ledger's, realised and unrealised, to the cent",
        _unexplained,
    ),
    PortfolioRule(
        "portfolio", "sets_add_up",
        "the P&L of all rule sets equals the ledger's, realised and unrealised, to the cent",
        _sets_do_not_add_up,
    ),
)  # fmt: skip
