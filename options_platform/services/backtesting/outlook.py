"""What to expect of the configured rules: trades a year, the time to 30 of them, cells that trade.

The rules are run over all stored predictions, since a stored backtest may be of other settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import Floats
from options_platform.domain.accounting.trading_record import FEWEST_TRADES
from options_platform.domain.backtest import run_backtest
from options_platform.domain.planning.cells import TRADED, cell_text, matrix_cells
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.statistics.trade_pace import (
    SESSIONS_A_YEAR,
    TimeTo,
    TradePace,
    share_of_starts,
    time_to,
    trade_pace,
)
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.backtesting.run import load_backtest
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.settings import Settings

RECENT_SESSIONS = 1_260
DAYS_A_YEAR = 365.25
STARTS = (1, 2, 3)
HINT = "More tickers are the way to more trades; a lower bar is not."


@dataclass(frozen=True)
class Outlook:
    """The pace of the rules over the sessions `first` to `last`, and what follows from it.

    `recent` is the pace of the last 1,260 sessions, `by_ticker` the entries a year of each ticker
    in the joint run. `closed` paper trades have ended; `until` is the time until `FEWEST_TRADES`
    have, in years, with the median time that a trade is held; `share_of_starts` the share of past
    sessions after which the missing ones were opened within 1, 2 and 3 years, None without so long
    a history. `cells` are those of `matrix_cells` over the recent sessions.
    """

    account_value_usd: float
    first: date
    last: date
    pace: TradePace
    recent: TradePace
    by_ticker: Mapping[str, float]
    closed: int
    until: TimeTo
    share_of_starts: Mapping[int, float | None]
    cells: pl.DataFrame

    @property
    def reached_on(self) -> date | None:
        """The day of the 30th closed trade at the mean pace; None where it may never come."""
        if not math.isfinite(self.until.years):
            return None
        return self.last + timedelta(days=self.until.years * DAYS_A_YEAR)

    @property
    def recent_span(self) -> str:
        """The length of the recent sessions, in words."""
        return _span(self.recent.sessions / SESSIONS_A_YEAR)

    @property
    def idle_cells(self) -> list[str]:
        """Why each cell of the matrix that did not trade in the recent sessions did not."""
        idle = self.cells.filter(pl.col("state") != TRADED)
        return [cell_text(cell) for cell in idle.iter_rows(named=True)]


def make_outlook(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Outlook:
    """The outlook of the settings' rules, tickers and account.

    Raises :class:`IncompleteDataError` without predictions, or if rows that plans need are missing,
    and :class:`UsageError` with predictions of fewer than two sessions.
    """
    data = load_backtest(warehouse, settings.tickers)
    settings = with_fits(settings, warehouse)
    plans, legs = build_plans(data.inputs, settings.plan)
    trades = run_backtest(plans, legs, data.market, settings.backtest_rules).trades
    sessions = data.market.sessions
    recent = sessions[-RECENT_SESSIONS:]
    entries = _entries(trades, sessions)
    pace = trade_pace(entries)
    closed = sum(p.closed_on is not None for p in ledger.positions()) if ledger.exists else 0
    missing = max(FEWEST_TRADES - closed, 0)
    held = trades.drop_nulls("closed_on")["days_held"].median()
    return Outlook(
        account_value_usd=settings.account_value_usd,
        first=sessions[0],
        last=sessions[-1],
        pace=pace,
        recent=trade_pace(entries[-RECENT_SESSIONS:]),
        by_ticker={
            ticker: trade_pace(_entries(trades.filter(pl.col("ticker") == ticker), sessions)).a_year
            for ticker in data.market.tickers
        },
        closed=closed,
        until=_until_closed(time_to(pace, missing), held if isinstance(held, float) else 0.0),
        share_of_starts={years: share_of_starts(entries, missing, years) for years in STARTS},
        cells=matrix_cells(data.inputs, plans, settings.plan.selection, recent[0]),
    )


def outlook_or_problem(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Outlook | str:
    """The outlook, or why there is none yet, as a sentence with the command that helps."""
    try:
        return make_outlook(settings, warehouse, ledger)
    except (IncompleteDataError, UsageError) as error:
        return f"How often the rules trade is not known yet: {error}."


def pace_text(outlook: Outlook) -> str:
    """How many trades a year to expect, as sentences."""
    pace = outlook.pace
    tickers = ", ".join(outlook.by_ticker)
    year = ""
    if pace.year_low is not None and pace.year_high is not None:
        year = f"; one year in five outside {pace.year_low:.0f} to {pace.year_high:.0f}"
    own = ", ".join(f"{ticker} {_rate(a_year)}" for ticker, a_year in outlook.by_ticker.items())
    recent = ""
    if outlook.recent.sessions < pace.sessions:
        recent = f", {_rate(outlook.recent.a_year)} a year in the last {outlook.recent_span}"
    return (
        f"{tickers} with {outlook.account_value_usd:,.0f} USD: about {_rate(pace.a_year)} trades a "
        f"year (95%: {_rate(pace.low)} to {_rate(pace.high)}{year}), by a backtest of "
        f"{outlook.first} to {outlook.last}{recent}. By ticker: {own}. {HINT}"
    )


def until_text(outlook: Outlook) -> str:
    """When the trades that the record of paper trading needs will have closed, as a sentence."""
    if outlook.closed >= FEWEST_TRADES:
        return f"{FEWEST_TRADES} closed paper trades are needed, and {outlook.closed} have closed."
    until, day = outlook.until, outlook.reached_on
    when = f"about {_span(until.years)}, on {day}" if day is not None else "it may never come"
    latest = _span(until.latest) if math.isfinite(until.latest) else "never"
    return (
        f"{FEWEST_TRADES} closed paper trades are needed, {outlook.closed} have closed; the rest "
        f"takes at this pace: {when} ({_span(until.earliest)} to {latest})."
    )


def outlook_fields(outlook: Outlook) -> dict[str, object]:
    """The outlook as fields for JSON: entries a year, years as numbers, null for never."""
    until = outlook.until
    return {
        "first": outlook.first,
        "last": outlook.last,
        "account_value_usd": outlook.account_value_usd,
        "all": vars(outlook.pace),
        "recent": vars(outlook.recent),
        "by_ticker": dict(outlook.by_ticker),
        "closed_paper_trades": outlook.closed,
        "needed_paper_trades": FEWEST_TRADES,
        "years_until": _finite(until.years),
        "years_until_earliest": _finite(until.earliest),
        "years_until_latest": _finite(until.latest),
        "reached_on": outlook.reached_on,
        "share_of_starts": dict(outlook.share_of_starts),
        "cells": outlook.cells.to_dicts(),
    }


def _entries(trades: pl.DataFrame, sessions: list[date]) -> Floats:
    """Number of trades opened in each session."""
    days = pl.DataFrame({"opened_on": sessions}, schema={"opened_on": pl.Date})
    counts = trades.group_by("opened_on").len()
    joined = days.join(counts, on="opened_on", how="left", maintain_order="left")
    return np.asarray(joined["len"].fill_null(0).to_numpy(), dtype=np.float64)


def _until_closed(opened: TimeTo, days_held: float) -> TimeTo:
    """The time until trades close, from the time until they are opened; 0 stays 0."""
    held = days_held / DAYS_A_YEAR
    times = (opened.years, opened.earliest, opened.latest)
    return TimeTo(*(years + held if years else 0.0 for years in times))


def _rate(a_year: float) -> str:
    return f"{a_year:.0f}" if a_year >= 10 else f"{a_year:.1f}"


def _span(years: float) -> str:
    """A time in words: months below two years."""
    months = round(12 * years)
    return f"{months} months" if months < 24 else f"{years:.1f} years"


def _finite(years: float) -> float | None:
    return years if math.isfinite(years) else None
