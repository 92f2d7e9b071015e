"""The report's data page: coverage, freshness, quarantine and revisions of the stored data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from options_platform.domain.market.coverage import (
    coverage_by_month,
    freshness,
    gaps,
    quarantine_summary,
    revisions_summary,
)
from options_platform.reporting import figures
from options_platform.reporting.defects import price_defects, quote_defects

NEWEST = 12


@dataclass(frozen=True)
class StoredData:
    """The rows of the page: each field has the columns of the table of its name.

    `chains` is the newest option chain of each ticker with `date`, `ticker` and `quality`;
    `proxy` is true if the source provides other series in place of the tickers.
    """

    bars: pl.DataFrame
    vix: pl.DataFrame
    quarantine: pl.DataFrame
    revisions: pl.DataFrame
    corporate_actions: pl.DataFrame
    iv_history: pl.DataFrame
    chains: pl.DataFrame
    proxy: bool = False


def data_section(stored: StoredData, tickers: Sequence[str], newest: date) -> dict[str, Any]:
    """Coverage, freshness, gaps, defects, quarantine, revisions and chains, with two plots.

    Args:
        stored: the rows to show.
        tickers: the tickers of the settings.
        newest: the newest completed session of the settings' history.
    """
    bars, priced = stored.bars, bool(stored.bars["close"].count())
    revisions = stored.revisions.sort("seen_at", "date", descending=True)
    return {
        "coverage": _coverage(stored, tickers, newest) if bars.height else [],
        "calendar": _calendar(bars, tickers, newest) if priced else None,
        "plot": figures.data_uri(figures.price_history(bars)) if priced else None,
        "gaps": gaps(bars, tickers, newest).head(NEWEST).to_dicts(),
        "quarantine": quarantine_summary(stored.quarantine).to_dicts(),
        "revisions": revisions_summary(stored.revisions).to_dicts(),
        "newest_revisions": revisions.head(NEWEST).to_dicts(),
        "actions": _actions(stored.corporate_actions),
        "price_defects": price_defects(bars, proxy=stored.proxy),
        "quote_defects": quote_defects(stored.chains),
        "chains": _chains(stored.iv_history),
    }


def _coverage(stored: StoredData, tickers: Sequence[str], newest: date) -> list[dict[str, Any]]:
    bars = stored.bars.join(
        stored.vix.select("date", "ticker", "vix", "iv_symbol", "iv_close"),
        on=["date", "ticker"],
        how="left",
    )
    missing = pl.col("bad_reason") == "missing"
    rows = bars.group_by("ticker").agg(
        first=pl.col("date").min(),
        sessions=pl.len(),
        missing=missing.sum(),
        set_aside=(pl.col("bad_reason").is_not_null() & ~missing).sum(),
        without_vix=pl.col("vix").is_null().sum(),
        iv_symbol=pl.col("iv_symbol").drop_nulls().last(),
        sources=pl.col("source").unique().sort().str.join(", "),
    )
    fresh = freshness(stored.bars, tickers, newest)
    return fresh.join(rows, on="ticker", how="left", maintain_order="left").to_dicts()


def _calendar(bars: pl.DataFrame, tickers: Sequence[str], newest: date) -> str:
    days = bars["date"].to_list()
    months = coverage_by_month(bars, tickers, min(days), max(newest, *days))
    return figures.data_uri(figures.coverage_calendar(months, tickers))


def _actions(actions: pl.DataFrame) -> list[dict[str, Any]]:
    splits = (pl.col("split_ratio") != 1.0) & (pl.col("split_ratio") > 0)
    return (
        actions.group_by("ticker")
        .agg(
            dividends=(pl.col("dividend") > 0).sum(),
            dividends_usd=pl.col("dividend").sum(),
            splits=splits.sum(),
            last=pl.col("date").max(),
        )
        .sort("ticker")
        .to_dicts()
    )


def _chains(history: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        history.filter(pl.col("iv_30d").is_not_null())
        .sort("date")
        .group_by("ticker")
        .agg(
            sessions=pl.len(),
            first=pl.col("date").first(),
            last=pl.col("date").last(),
            iv_30d=pl.col("iv_30d").last(),
        )
        .sort("ticker")
        .to_dicts()
    )
