"""The section on paper trading: record, targets, equity, drift and the newest trades."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.accounting.exit_decisions import AT_CLOSE_ONLY, with_decisions
from options_platform.domain.accounting.portfolio import Portfolio
from options_platform.domain.accounting.position_days import PARTS
from options_platform.domain.accounting.trading_record import SAME, Record
from options_platform.errors import IncompleteDataError
from options_platform.reporting import backtest_figures as drawn
from options_platform.reporting import figures
from options_platform.services.accounting.portfolio_views import ledger_portfolio
from options_platform.services.accounting.trading_record import paper_record
from options_platform.settings import Settings

SHOWN_TRADES = 12
METRICS = {"trades": "ended trades", "win_rate": "win rate", "profit_factor": "profit factor"}


def paper_section(
    settings: Settings, warehouse: Warehouse, ledger: Ledger
) -> dict[str, Any] | None:
    """The content of the section; None before the first traded session.

    If stored rows are missing, the section has only the key `problem` with the message.
    """
    try:
        record = paper_record(settings, warehouse, ledger)
        if record is None:
            return None
        return record_section(record, ledger_portfolio(settings, warehouse, ledger))
    except IncompleteDataError as error:
        return {"problem": str(error)}


def record_section(record: Record, views: Portfolio) -> dict[str, Any]:
    """Rows and plots of a record with at least one marked session."""
    account = views.portfolio.sort("date")
    newest = account.row(-1, named=True)
    sessions, equity = account["date"].to_list(), account["equity_usd"].to_numpy()
    today = views.positions.filter(
        (pl.col("date") == newest["date"]) & (pl.col("contracts") > 0)
    ).sort("ticker", "position_id")
    states = record.drift.group_by("state").len("trades").sort("state")
    return {
        "problem": None,
        "first": sessions[0],
        "newest": newest,
        "targets": [{**row, "metric": METRICS[row["metric"]]} for row in record.targets.to_dicts()],
        "slippage_usd": record.journal["slippage_usd"].sum(),
        "against_model_usd": record.journal["against_model_usd"].sum(),
        "pnl_usd": record.closed["pnl_usd"].sum(),
        "by_set": _by_set(record, views),
        "positions": today.to_dicts(),
        "attribution": {
            name.removesuffix("_pnl_usd"): views.positions[name].sum()
            for name in (*PARTS, "other_pnl_usd")
        },
        "trades": with_decisions(
            record.closed.reverse().head(SHOWN_TRADES),
            views.positions,
            "position_id",
            reasons=AT_CLOSE_ONLY,
        ).to_dicts(),
        "states": states.to_dicts(),
        "later": record.later,
        "drift": record.drift.filter(pl.col("state") != SAME).head(SHOWN_TRADES).to_dicts(),
        "plots": {
            "equity": figures.data_uri(figures.equity(account.rename({"date": "session"}))),
            "drawdown": figures.data_uri(drawn.drawdowns(sessions, {drawn.MODEL: equity})),
        },
    }


def _by_set(record: Record, views: Portfolio) -> list[dict[str, Any]]:
    """What each rule set has made and holds; nothing where one alone has traded."""
    newest = views.by_set.group_by("rule_set").agg(pl.all().sort_by("date").last())
    held = newest.select("rule_set", "pnl_day_usd", "max_loss_usd", "open_positions")
    rows = record.by_set.join(held, on="rule_set", how="left", maintain_order="left").to_dicts()
    return rows if len(rows) > 1 else []
