"""The content of the section on earnings reports."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import EARNINGS_EVENTS, EARNINGS_FORECAST, EARNINGS_KNOWN
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.earnings.anchors import sessions_to
from options_platform.domain.earnings.known_dates import KnownDates, next_report
from options_platform.reporting import figures
from options_platform.reporting.earnings.plots import implied_against_moves, moves_by_report
from options_platform.reporting.earnings.trades import report_trades_section
from options_platform.services.earnings.scores import (
    NAIVE,
    forecast_scores,
    implied_scores,
)
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.services.planning.heavy_weeks import heavy_weeks
from options_platform.settings import Settings

GAMMA, LEVEL = "gamma", 0.05
LAST_REPORTS = 8
FEWEST_PAIRS = 5
NAMES = {
    "gamma": "gamma regression",
    "ticker_mean": "mean of the ticker (naive)",
    "mean_8": "mean of its last 8",
    "vol_60": "60-day volatility x constant",
    "vix": "VIX x constant",
    "expected_move": "blend with what options price",
    "implied_move": "implied move (naive)",
    "implied_85": "0.85 x implied move",
}


def earnings_section(
    settings: Settings, warehouse: Warehouse, now: datetime
) -> dict[str, Any] | None:
    """What the section shows; None in a home without a past report of its tickers."""
    events = warehouse.read(EARNINGS_EVENTS, tickers=settings.tickers)
    if events.is_empty():
        return None
    newest = newest_date(settings, now)
    forecasts = warehouse.read(EARNINGS_FORECAST, tickers=settings.tickers, end=newest)
    calendar = report_calendar(settings, warehouse, newest, forecasts)
    scores = forecast_scores(warehouse, settings.tickers)
    paired = events.drop_nulls("implied_move")
    return {
        "newest": newest,
        "calendar": calendar,
        "heavy_weeks": [*heavy_weeks(settings, warehouse, newest).values()],
        "has_implied": any(row["implied_move"] is not None for row in calendar),
        "has_priced": paired.height > 0,
        "has_crush": events["iv_crush"].count() > 0,
        "tickers": moves_by_ticker(events),
        "moves_plot": figures.data_uri(moves_by_report(events)),
        "implied_plot": figures.data_uri(implied_against_moves(paired))
        if paired.height >= FEWEST_PAIRS
        else None,
        "scores": _scores(scores),
        "first": None if scores.is_empty() else forecasts["date"].min(),
        "gate": _gate(scores, forecasts),
        "implied_scores": _scores(implied_scores(warehouse, settings.tickers)),
        "histories": _histories(events),
        "trades": report_trades_section(settings, warehouse),
    }


def report_calendar(
    settings: Settings, warehouse: Warehouse, newest: date, forecasts: pl.DataFrame | None = None
) -> list[dict[str, Any]]:
    """The next report of each ticker as known at the newest session, with its newest forecast."""
    if forecasts is None:
        forecasts = warehouse.read(EARNINGS_FORECAST, tickers=settings.tickers, end=newest)
    record = warehouse.read(EARNINGS_KNOWN, tickers=settings.tickers)
    rows = []
    for ticker in record["ticker"].unique().sort().to_list():
        known = KnownDates(ticker, record, settings.earnings)
        report = next_report(known.at(close_time(newest), newest), newest)
        if report is None:
            continue
        made = forecasts.filter((pl.col("ticker") == ticker) & (pl.col("anchor") == report.anchor))
        forecast = made.sort("date").tail(1).to_dicts()
        empty = dict.fromkeys(EARNINGS_FORECAST.schema.names())
        rows.append(
            {
                **(forecast[0] if forecast else empty),
                "ticker": ticker,
                "report_date": report.day,
                "timing": report.timing,
                "status": report.status,
                "sessions_left": sessions_to(newest, report.anchor),
                "reaction": report.reaction,
            }
        )
    return sorted(rows, key=lambda row: (row["report_date"], row["ticker"]))


def moves_by_ticker(events: pl.DataFrame) -> list[dict[str, Any]]:
    """What the reports of each ticker were like."""
    size = pl.col("move").abs()
    return (
        events.sort("ticker", "date")
        .group_by("ticker", maintain_order=True)
        .agg(
            reports=pl.len(),
            mean=size.mean(),
            last=size.tail(LAST_REPORTS).mean(),
            largest=size.max(),
            up=(pl.col("move") > 0).mean(),
            priced=pl.col("implied_move").count(),
            implied=pl.col("implied_move").mean(),
            paid=size.filter(pl.col("implied_move").is_not_null()).sum()
            / pl.col("implied_move").sum(),
            crushes=pl.col("iv_crush").count(),
            crush=pl.col("iv_crush").mean(),
            fell=(pl.col("iv_crush").drop_nulls() < 0).mean(),
            doubted=pl.col("suspicious").count(),
        )
        .to_dicts()
    )


def _scores(scores: pl.DataFrame) -> list[dict[str, Any]]:
    rows = scores.sort("score").to_dicts()
    return [row | {"name": NAMES[row["forecast"]], "is_naive": row["gain"] is None} for row in rows]


def _gate(scores: pl.DataFrame, forecasts: pl.DataFrame) -> dict[str, Any] | None:
    """Which forecast is in use, and by what evidence; None before the regression forecasts."""
    fitted = forecasts.drop_nulls("p_value").sort("date")
    if fitted.is_empty():
        return None
    newest = fitted.row(-1, named=True)
    row = scores.filter(pl.col("forecast") == GAMMA).to_dicts()
    return {
        "model": newest["model"],
        "is_gamma": newest["model"] == GAMMA,
        "p_value": newest["p_value"],
        "level": LEVEL,
        "name": NAMES[newest["model"] or NAIVE],
        "n": row[0]["n"] if row else None,
    }


def _histories(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Each ticker's reports, the newest first."""
    parts = events.sort("ticker", "date", descending=[False, True]).partition_by(
        "ticker", maintain_order=True
    )
    return [
        {
            "ticker": part["ticker"][0],
            "rows": part.to_dicts(),
            "has_iv": part["iv_crush"].count() > 0,
            "has_implied": part["implied_move"].count() > 0,
        }
        for part in parts
    ]
