"""The content of the section on trades of reports: what each strategy's record is, and its trades.

What the calendar, the moves and the forecasts were is in :mod:`.section`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    BACKTEST_SOURCES,
    BACKTEST_TRADES,
    EARNINGS_EVENTS,
    EARNINGS_FORECAST,
)
from options_platform.domain.earnings.evidence import LEVEL
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.statistics.fixed_looks import LOOKS, LOSS_EVERY
from options_platform.services.earnings.trade_evidence import INVENTED, trade_verdicts
from options_platform.settings import Settings

NEWEST = 12
"""So many trades are listed one by one."""
TRADE = ["run", "fill_model", "plan_id"]


def report_trades_section(settings: Settings, warehouse: Warehouse) -> dict[str, Any] | None:
    """What the section shows; None while trades of reports are off and none is stored.

    `strategies` has a row for each strategy: its verdict by the evidence gate, and of all its
    trades in the stored backtest, those at modelled prices included, `tested`, `at_quotes` (from
    entry to exit at stored quotes), and `share`, `won` and `worst` (fractions of the capital at
    risk; null without a trade). `newest` lists trades with the move of their report.
    """
    trades = _backtested(settings, warehouse)
    if trades.is_empty() and not settings.earnings_trades.enabled:
        return None
    tested = {row["strategy"]: row for row in _by_strategy(trades).to_dicts()}
    empty = {"tested": 0, "at_quotes": 0, "share": None, "won": None, "worst": None}
    verdicts = trade_verdicts(settings, warehouse)
    return {
        "enabled": settings.earnings_trades.enabled,
        "is_invented": settings.source in INVENTED,
        "fill": settings.fills.model,
        "looks": LOOKS,
        "loss_every": LOSS_EVERY,
        "level": LEVEL,
        "strategies": [
            {"strategy": name} | asdict(verdicts[name]) | (empty | tested.get(name, {}))
            for name in EARNINGS_STRATEGIES
        ],
        "total": trades.height,
        "newest": _newest(trades, warehouse),
    }


def _backtested(settings: Settings, warehouse: Warehouse) -> pl.DataFrame:
    """The closed trades of each strategy's own run, with their `share` and `chain_source`."""
    is_own = pl.col("run").is_in(EARNINGS_STRATEGIES)
    of_runs = is_own & (pl.col("fill_model") == settings.fills.model)
    sources = warehouse.read(BACKTEST_SOURCES).filter(of_runs)
    trades = warehouse.read(BACKTEST_TRADES).filter(of_runs, pl.col("closed_on").is_not_null())
    return trades.join(
        sources.select(*TRADE, "chain_source"), on=TRADE, how="left", maintain_order="left"
    ).with_columns(share=pl.col("pnl_usd") / pl.col("max_loss_usd"))


def _by_strategy(trades: pl.DataFrame) -> pl.DataFrame:
    return trades.group_by("strategy").agg(
        tested=pl.len(),
        at_quotes=(pl.col("chain_source") == "real").sum(),
        share=pl.col("share").mean(),
        won=(pl.col("pnl_usd") > 0).mean(),
        worst=pl.col("share").min(),
    )


def _newest(trades: pl.DataFrame, warehouse: Warehouse) -> list[dict[str, Any]]:
    """The newest trades, the last first, with what was priced, forecast and done by the report."""
    shown = trades.sort("closed_on", "ticker", "strategy").tail(NEWEST)
    if shown.is_empty():
        return []
    tickers = shown["ticker"].unique().to_list()
    forecasts = warehouse.read(EARNINGS_FORECAST, tickers=tickers)
    events = warehouse.read(EARNINGS_EVENTS, tickers=tickers)
    planned = forecasts.select("ticker", "implied_move", "expected_move", planned_on="date")
    reacted = events.select("ticker", "report_date", "move", reaction="date").sort("reaction")
    rows = (
        shown.join(planned, on=["ticker", "planned_on"], how="left")
        .sort("opened_on")
        .join_asof(
            reacted,
            left_on="opened_on",
            right_on="reaction",
            by="ticker",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("closed_on", "ticker", "strategy", descending=[True, False, False])
    )
    return rows.to_dicts()
