"""`earnings`: the calendar of reports, as it is known now or was known at a moment.

Beside the next report stands the newest forecast of its move that was made by then.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from options_platform.commands.common import (
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.contracts import EARNINGS_FORECAST, EARNINGS_KNOWN, RAW_OHLCV
from options_platform.domain.calendar.sessions import NEW_YORK, close_time
from options_platform.domain.earnings.anchors import sessions_to
from options_platform.domain.earnings.blackout import known_at
from options_platform.domain.earnings.blackout_words import blackout_words
from options_platform.domain.earnings.evidence import LEVEL
from options_platform.domain.earnings.known_dates import (
    ASSUMED,
    KnownDates,
    Report,
    as_frame,
    next_report,
)
from options_platform.domain.market.bars import require_ticker
from options_platform.domain.market.index_series import may_be_stock
from options_platform.domain.statistics.fixed_looks import LOOKS, LOSS_EVERY
from options_platform.formats import pct
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.services.planning.heavy_weeks import heavy_weeks
from options_platform.settings import Settings
from options_platform.settings.sources import proxy_sources

if TYPE_CHECKING:
    from options_platform.adapters.storage.warehouse import Warehouse

COLUMNS = (
    "date", "timing", "status", "anchor", "reaction", "timing_source", "knowledge", "source",
)  # fmt: skip
NEXT_COLUMNS = ("ticker", "date", "timing", "status", "anchor", "sessions_left", "knowledge")
MEANS = ("mean", "mean_with_losses")
TRADE_COLUMNS = ("strategy", "status", "trades", "look", *MEANS, "p_value", "p_holm")
FORECAST_COLUMNS = ("expected_move", "q90", "implied_move", "expected_crush")


def earnings(args: argparse.Namespace) -> int:
    """Print the reports of a ticker, or the next one of every ticker of the settings."""
    settings = reading_settings()
    if args.trades:
        return _print_trades(args, settings)
    warehouse = read_home(settings).warehouse
    settings = of_stored_source(settings, warehouse)
    moment, day, newest = _view(args.as_of, settings, warehouse)
    tickers = [require_ticker(args.ticker)] if args.ticker else settings.tickers
    record = warehouse.read(EARNINGS_KNOWN, tickers=tickers)
    reports = {t: KnownDates(t, record, settings.earnings).at(moment, day) for t in tickers}
    forecasts = warehouse.read(EARNINGS_FORECAST, tickers=tickers, end=newest)
    if args.ticker:
        _print_all(args, reports[tickers[0]])
        forecast = _forecast_of(forecasts, args.ticker, next_report(reports[tickers[0]], day))
        if forecast is not None and not args.json:
            say(_in_words(forecast))
    else:
        _print_next(args, reports, day, forecasts)
    if not args.json:
        _say_blackout(settings, reports, day)
        if not args.ticker:
            for sentence in heavy_weeks(settings, warehouse, day, moment).values():
                say(sentence)
    if not args.json and any(r.knowledge == ASSUMED for known in reports.values() for r in known):
        say(
            f"No source was asked before {moment:%Y-%m-%d %H:%M} UTC. It is assumed that the "
            f"dates of the next {settings.earnings.assumed_known_days} days were known then."
        )
    return 0


class _View(NamedTuple):
    """From where the calendar is seen."""

    moment: datetime
    """By when dates were known."""
    day: date
    """From when on reports lie ahead."""
    newest: date
    """The newest session with a forecast."""


def _view(as_of: datetime | None, settings: Settings, warehouse: Warehouse) -> _View:
    """The view at `as_of`, by default the present.

    An invented market ends with what the home has of it, whatever the calendar says of today: it
    is seen from the close of its newest stored session.
    """
    if as_of is None and settings.source in proxy_sources():
        bars = warehouse.read(RAW_OHLCV, columns=["date"])
        if stored := bars["date"].unique().to_list():
            return _View(close_time(max(stored)), max(stored), max(stored))
    moment = as_of or datetime.now(UTC)
    newest = newest_date(settings, moment)
    if as_of is None and settings.end is not None:
        # A history that has ended is seen from its last session.
        return _View(moment, newest, newest)
    return _View(moment, moment.astimezone(NEW_YORK).date(), newest)


def _print_trades(args: argparse.Namespace, settings: Settings) -> int:
    """Print the verdict of the evidence gate on each earnings strategy."""
    from options_platform.services.earnings.trade_evidence import trade_verdicts

    warehouse = read_home(settings).warehouse
    settings = of_stored_source(settings, warehouse)
    verdicts = trade_verdicts(settings, warehouse)
    rows: list[dict[str, Any]] = [{"strategy": n} | asdict(v) for n, v in verdicts.items()]
    if args.json:
        print_json(rows)
        return 0
    for row in rows:
        row |= {name: None if row[name] is None else pct(row[name]) for name in MEANS}
        row |= {name: f"{row[name]:.3f}" for name in ("p_value", "p_holm")}
    print_table(rows, TRADE_COLUMNS)
    state = "on, for paper money until a strategy is proven"
    say(f"Earnings trades are {state if settings.earnings_trades.enabled else 'off'}.")
    say(
        f"A record is looked at with {', '.join(map(str, LOOKS))} trades on real quotes. With one "
        f"added loss of all that was at risk for every {LOSS_EVERY} trades its mean must be above "
        f"zero, with p below {LEVEL:g} after Holm's correction. Even then it is the record of few "
        "tickers in one market."
    )
    return 0


def _print_all(args: argparse.Namespace, reports: Sequence[Report]) -> None:
    rows = as_frame(reports).to_dicts()
    if args.json:
        print_json(rows)
    elif rows:
        print_table(rows, COLUMNS)
    else:
        say(
            f"no report of {args.ticker} is known: a fund reports nothing; the dates of a stock "
            "come with: options-platform daily"
        )


def _print_next(
    args: argparse.Namespace,
    reports: dict[str, tuple[Report, ...]],
    day: date,
    forecasts: pl.DataFrame,
) -> None:
    rows = []
    for ticker, known in reports.items():
        report = next_report(known, day)
        forecast = _forecast_of(forecasts, ticker, report) or {}
        expected = {name: forecast.get(name) for name in FORECAST_COLUMNS}
        rows.append(_next_row(ticker, report, day) | expected)
    if args.json:
        print_json(rows)
        return
    rows.sort(key=lambda row: (row["date"] is None, row["date"], row["ticker"]))
    shown = [name for name in FORECAST_COLUMNS if any(row[name] is not None for row in rows)]
    for row in rows:
        row |= {name: None if row[name] is None else pct(row[name]) for name in shown}
    print_table(rows, (*NEXT_COLUMNS, *shown))
    if not any(row["date"] for row in rows):
        say(
            "No next report is known: a fund reports nothing; the dates of a stock come with: "
            "options-platform daily"
        )


def _say_blackout(settings: Settings, reports: dict[str, tuple[Report, ...]], day: date) -> None:
    """What the blackout makes of the next report of each stock."""
    funds = settings.plan.chain.surface.funds
    for ticker, known in reports.items():
        if may_be_stock(ticker, funds):
            say(blackout_words(ticker, known_at(known, day), settings.blackout))


def _next_row(ticker: str, report: Report | None, day: date) -> dict[str, Any]:
    if report is None:
        return dict.fromkeys(NEXT_COLUMNS) | {"ticker": ticker}
    row = as_frame([report]).to_dicts()[0]
    left = sessions_to(day, report.anchor)
    return {name: row.get(name) for name in NEXT_COLUMNS} | {
        "ticker": ticker, "sessions_left": left,
    }  # fmt: skip


def _forecast_of(
    forecasts: pl.DataFrame, ticker: str, report: Report | None
) -> dict[str, Any] | None:
    """The newest forecast of that report; None without one."""
    if report is None:
        return None
    of_report = (pl.col("ticker") == ticker) & (pl.col("anchor") == report.anchor)
    rows = forecasts.filter(of_report, pl.col("expected_move").is_not_null()).sort("date")
    return rows.row(-1, named=True) if rows.height else None


def _in_words(forecast: dict[str, Any]) -> str:
    parts = [f"expected |move| {pct(forecast['expected_move'])}"]
    if forecast["q90"] is not None:
        parts.append(f"one in ten above {pct(forecast['q90'])}")
    if forecast["implied_move"] is not None:
        parts.append(f"options price {pct(forecast['implied_move'])}")
    if forecast["expected_crush"] is not None:
        parts.append(f"IV expected to change by {pct(forecast['expected_crush'])}")
    return (
        f"Forecast of {forecast['date']} for the report of {forecast['report_date']}: "
        f"{', '.join(parts)}."
    )
