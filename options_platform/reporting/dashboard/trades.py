"""Trades: a list to search and filter, on the price, with slippage and beside the backtest."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.contracts import RAW_OHLCV
from options_platform.domain.accounting.trading_record import SAME
from options_platform.reporting.charts.trades import price_with_trades
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import (
    closing,
    exact,
    gain,
    interval,
    money,
    price,
    score,
    text,
    whole,
)

MOST = 200
CHOICES = ("ticker", "strategy", "rule_set", "exit_reason")
RESULTS = {"open": "open", "won": "won", "lost": "lost"}


def trades(view: View) -> dict[str, Any]:
    """The content of the page; `journal` is None before the first traded session."""
    record = view.record
    if record is None:
        return {"journal": None}
    journal = record.journal.sort("opened_on", "position_id", descending=True).with_columns(
        pl.col("exit_reason").str.split(":").list.first()
    )
    chosen = _chosen(journal, view.query)
    ticker = view.query.get("ticker") or (chosen["ticker"][0] if chosen.height else None)
    return {
        "journal": _journal(chosen.head(MOST)),
        "count": chosen.height,
        "all": journal.height,
        "most": MOST,
        "pnl_usd": chosen["pnl_usd"].sum(),
        "slippage_usd": chosen["slippage_usd"].sum(),
        "fees_usd": chosen["fees_usd"].sum(),
        "choices": {
            name: sorted(journal[name].drop_nulls().unique().to_list()) for name in CHOICES
        },
        "results": RESULTS,
        "asked": {name: view.query.get(name, "") for name in (*CHOICES, "search", "result")},
        "price": None if ticker is None else _price(view, str(ticker), chosen),
        "ticker": ticker,
        "targets": _targets(record.targets),
        "states": dict(record.drift.group_by("state").len().sort("state").iter_rows()),
        "drift": _drift(record.drift.filter(pl.col("state") != SAME).head(MOST)),
    }


def _chosen(journal: pl.DataFrame, query: Any) -> pl.DataFrame:
    """The rows that fit what was asked for; an unknown value fits none."""
    for name in CHOICES:
        if query.get(name):
            journal = journal.filter(pl.col(name) == query[name])
    is_open, profit = pl.col("closed_on").is_null(), pl.col("pnl_usd")
    of_result = {"open": is_open, "won": ~is_open & (profit > 0), "lost": ~is_open & (profit <= 0)}
    if query.get("result") in of_result:
        journal = journal.filter(of_result[query["result"]])
    if words := query.get("search", "").strip().lower():
        texts = [pl.col(name).cast(pl.String).fill_null("") for name in (
            "position_id", "plan_id", "ticker", "strategy", "opened_on", "closed_on", "exit_reason",
        )]  # fmt: skip
        named = pl.concat_str(texts, separator=" ").str.to_lowercase()
        named = named.str.replace_all("_", " ", literal=True)
        journal = journal.filter(named.str.contains(words.replace("_", " "), literal=True))
    return journal


def _journal(rows: pl.DataFrame) -> dict[str, Any]:
    return grid(
        "Trades, the newest first",
        rows.to_dicts(),
        {"ticker": ("Ticker", exact), "strategy": ("Strategy", text),
         "rule_set": ("Rule set", exact), "opened_on": ("Opened", exact),
         "closed_on": ("Closed", exact), "exit_reason": ("Exit", text),
         "pnl_usd": ("Profit, USD", gain), "contracts": ("Spreads", whole),
         "planned_price": ("Planned", price), "entry_price": ("Entry", price),
         "exit_price": ("To close", closing), "fees_usd": ("Fees, USD", money),
         "slippage_usd": ("Slippage, USD", money)},
        "No trade fits. Clear the filter to see all.",
    )  # fmt: skip


def _price(view: View, ticker: str, chosen: pl.DataFrame) -> Any:
    """The closes of a ticker around its trades that were chosen."""
    of_ticker = chosen.filter(pl.col("ticker") == ticker)
    if of_ticker.is_empty():
        return None
    first = of_ticker["opened_on"].min()
    bars = view.warehouse.read(
        RAW_OHLCV,
        columns=["date", "ticker", "close"],
        tickers=[ticker],
        start=first,  # type: ignore[arg-type]
    )
    return price_with_trades(bars.drop_nulls("close").sort("date"), of_ticker)


def _targets(targets: pl.DataFrame) -> dict[str, Any]:
    rows = [row | {"interval": interval(row["low"], row["high"], 3)} for row in targets.to_dicts()]
    return grid(
        "Closed trades against their targets, with 95% intervals",
        rows,
        {"metric": ("Metric", text), "value": ("Value", score), "interval": ("Interval", exact),
         "target": ("Target", score), "state": ("State", text)},
    )  # fmt: skip


def _drift(drift: pl.DataFrame) -> dict[str, Any]:
    return grid(
        "Trades that differ from the backtest of the same plans",
        drift.to_dicts(),
        {"ticker": ("Ticker", exact), "state": ("State", text), "opened_on": ("Opened", exact),
         "opened_on_backtest": ("In the backtest", exact), "exit_reason": ("Exit", text),
         "exit_reason_backtest": ("In the backtest", text),
         "pnl_difference_usd": ("Difference, USD", gain)},
        "None differs, or there is nothing to compare with yet.",
    )  # fmt: skip
