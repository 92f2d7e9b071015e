"""The content of the section on several tickers at once."""

from __future__ import annotations

from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PORTFOLIO
from options_platform.errors import ContractError
from options_platform.reporting import figures
from options_platform.reporting.cross_ticker.plots import betas, together
from options_platform.settings import Settings

MARKET = "SPY"
READ_MARTS = (
    "correlation_matrix",
    "beta_through_time",
    "relative_strength",
    "dispersion",
    "implied_correlation",
    "report_comovement",
    "exposure_by_group",
)
"""The marts that the section reads."""
MOST_TICKERS, MOST_PAIRS = 15, 20
WEAK, STRONG = (255, 255, 255), (150, 196, 218)


def cross_ticker_section(settings: Settings, warehouse: Warehouse) -> dict[str, Any] | None:
    """What the section shows; None in a home of one ticker.

    `problem` says in a line why nothing is shown: the marts are not built, or no two tickers have
    60 sessions in common.
    """
    if len(settings.tickers) < 2:
        return None
    pairs = warehouse.read_mart(READ_MARTS[0])
    if pairs is None:
        return {"problem": "The marts are not built yet: they are after the next daily run."}
    if pairs.is_empty():
        return {"problem": "No two tickers have 60 sessions in common yet."}
    beta, strength, stocks, implied, comovement, exposure = (
        _rows(warehouse, name) for name in READ_MARTS[1:]
    )
    stocks, implied = _monthly(stocks), _monthly(implied)
    return {
        "problem": None,
        "newest": pairs["date"].max(),
        "matrix": matrix(_newest(pairs), settings),
        "market": MARKET,
        "strength": _strength(_newest(beta), _newest(strength)),
        "beta_plot": figures.data_uri(betas(_monthly(beta))) if beta.height > 1 else None,
        "dispersion": _last(stocks),
        "implied": _last(implied),
        "together_plot": figures.data_uri(together(stocks, implied)) if stocks.height > 1 else None,
        "comovement": _comovement(comovement),
        "pairs": comovement.height,
        "exposure": _exposure(exposure, warehouse.read(PORTFOLIO, columns=["account", "date"])),
    }


def _rows(warehouse: Warehouse, mart: str) -> pl.DataFrame:
    """The rows of the mart; all are built in one transaction, so none is missing here."""
    rows = warehouse.read_mart(mart)
    if rows is None:
        raise ContractError(f"marts.{mart} is missing; run options-platform daily to build it")
    return rows


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("date") == pl.col("date").max())


def _monthly(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last session of each month."""
    last = rows.group_by(pl.col("date").dt.truncate("1mo")).agg(pl.col("date").max().alias("last"))
    return rows.join(last, left_on="date", right_on="last", how="semi").sort("date")


def matrix(pairs: pl.DataFrame, settings: Settings) -> dict[str, Any]:
    """The correlations as a table of tickers, each cell with its value and colour.

    At most 15 tickers, in the order of the settings; `left_out` counts the others.
    """
    values = {(a, b): corr for a, b, corr in pairs.select("ticker", "other", "corr_60").iter_rows()}
    values |= {(b, a): corr for (a, b), corr in values.items()}
    present = {ticker for pair in values for ticker in pair}
    tickers = [ticker for ticker in settings.tickers if ticker in present]
    shown = tickers[:MOST_TICKERS]
    rows = [
        {"ticker": row, "cells": [_cell(values.get((row, column))) for column in shown]}
        for row in shown
    ]
    return {"tickers": shown, "rows": rows, "left_out": len(tickers) - len(shown)}


def _cell(corr: float | None) -> dict[str, Any]:
    share = min(1.0, abs(corr or 0.0))
    mixed = (round(a + share * (b - a)) for a, b in zip(WEAK, STRONG, strict=True))
    return {"corr": corr, "colour": "#{:02x}{:02x}{:02x}".format(*mixed)}


def _strength(beta: pl.DataFrame, strength: pl.DataFrame) -> list[dict[str, Any]]:
    if beta.is_empty() or strength.is_empty():
        return []
    joined = strength.join(beta, on=["date", "ticker"], how="left", maintain_order="left")
    return joined.sort("rank_60", "ticker", nulls_last=True).to_dicts()


def _last(rows: pl.DataFrame) -> dict[str, Any] | None:
    return rows.row(-1, named=True) if rows.height else None


def _comovement(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """The pairs that move most with the reports of the other, the surest first."""
    enough = rows.filter(pl.col("with_low").is_not_null())
    judged = enough.with_columns(
        is_more=pl.col("extra_low") > 0,
        is_with=(pl.col("with_low") > 0) | (pl.col("with_high") < 0),
    )
    # By the lower end, so that few reports do not make a pair the first.
    return judged.sort("with_low", descending=True).head(MOST_PAIRS).to_dicts()


def _exposure(rows: pl.DataFrame, marked: pl.DataFrame) -> list[dict[str, Any]]:
    """The groups with open positions at the newest close of each account."""
    newest = marked.group_by("account").agg(pl.col("date").max())
    shown = rows.join(newest, on=["account", "date"], how="semi")
    return shown.sort("account", "max_loss_usd", descending=[False, True]).to_dicts()
