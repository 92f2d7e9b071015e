"""What to expect of the configured rules: trades a year, the time to 30 of them, cells that trade.

The rules are run over all stored predictions, since a stored backtest may be of other settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, Floats
from options_platform.domain.accounting.trading_record import FEWEST_TRADES
from options_platform.domain.backtest import run_backtest
from options_platform.domain.calendar.expiries import FIRST_OPTIONS
from options_platform.domain.planning.cells import TRADED, cell_text, confident_calls, matrix_cells
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.statistics.trade_pace import (
    SESSIONS_A_YEAR,
    PastStarts,
    TimeTo,
    TradePace,
    past_starts,
    share_of_starts,
    time_to,
    trade_pace,
)
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.backtesting.membership import of_members
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

    Only sessions count in which every ticker could trade, that is from the last ticker's first one
    on; `by_ticker` is the entries a year of each ticker in the joint run, over the sessions in
    which it could trade itself, None if there is none. `recent` is the pace of the last 1,260
    sessions. `closed` paper trades have ended; `until` is the time until `FEWEST_TRADES` have, in
    years at the mean pace, with the median time that a trade is held, and `starts` the same from
    each past session on; `share_of_starts` the share of past sessions after which the missing ones
    were opened within 1, 2 and 3 years, None without so long a history. `cells` are those of
    `matrix_cells` over the recent sessions. Of the last year's `neutral_calls`, the directional
    calls of the neutral regime, `confident_calls` were sure enough to trade on.
    """

    account_value_usd: float
    first: date
    last: date
    pace: TradePace
    recent: TradePace
    by_ticker: Mapping[str, float | None]
    closed: int
    until: TimeTo
    starts: PastStarts
    share_of_starts: Mapping[int, float | None]
    cells: pl.DataFrame
    neutral_calls: int
    confident_calls: int

    @property
    def recent_span(self) -> str:
        """The length of the recent sessions, in words."""
        return _span(self.recent.sessions / SESSIONS_A_YEAR)

    @property
    def idle_cells(self) -> list[str]:
        """Why each cell of the matrix that did not trade in the recent sessions did not."""
        idle = self.cells.filter(pl.col("state") != TRADED)
        return [cell_text(cell) for cell in idle.iter_rows(named=True)]

    @property
    def confidence_text(self) -> str:
        """How many calls of the last year reached the level that the neutral regime asks for."""
        return (
            f"{self.confident_calls} of {self.neutral_calls} directional calls of the neutral "
            f"regime in the last {SESSIONS_A_YEAR} sessions reached the level of confidence"
        )

    @property
    def entries_text(self) -> str:
        """How many of the plans of each cell the account's rules let in, as one phrase."""
        planned = self.cells.filter(pl.col("trades") > 0).iter_rows(named=True)
        return "; ".join(cell_text(cell) for cell in planned) or "no plan asked for a trade"


def make_outlook(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Outlook:
    """The outlook of the settings' rules, tickers and account.

    The rules run as in a backtest, on stored chains where there are any.

    Raises :class:`IncompleteDataError` without predictions, if rows that plans need are missing, or
    if the tickers could never trade in the same session, and :class:`UsageError` with predictions
    of fewer than two sessions.
    """
    store = ChainStore(settings.chains_path)
    settings = with_fits(settings, warehouse)
    data = load_backtest(warehouse, settings.tickers, chains=store, earnings=settings.earnings)
    data = of_members(data, settings)
    chain_of = data.market.chain_of(settings.backtest_rules.chains)
    plans, legs = build_plans(data.inputs, settings.plan, chain_of)
    trades = run_backtest(plans, legs, data.market, settings.backtest_rules).trades
    tradable = _tradable(data.inputs)
    sessions = _joint_sessions(tradable)
    recent = sessions[-RECENT_SESSIONS:]
    entries = _entries(trades, sessions)
    closed = sum(p.closed_on is not None for p in ledger.positions()) if ledger.exists else 0
    missing = max(FEWEST_TRADES - closed, 0)
    median_days = trades.drop_nulls("closed_on")["days_held"].median()
    held = median_days / DAYS_A_YEAR if isinstance(median_days, float) else 0.0
    last_year = data.inputs.filter(pl.col("date") >= sessions[-SESSIONS_A_YEAR:][0])
    neutral_calls, confident = confident_calls(last_year, settings.plan.selection)
    return Outlook(
        account_value_usd=settings.account_value_usd,
        first=sessions[0],
        last=sessions[-1],
        pace=trade_pace(entries),
        recent=trade_pace(entries[-RECENT_SESSIONS:]),
        by_ticker={
            ticker: _ticker_pace(trades, tradable, ticker) for ticker in data.market.tickers
        },
        closed=closed,
        until=_until_closed(time_to(trade_pace(entries), missing), held),
        starts=_starts_closed(past_starts(entries, missing), held),
        share_of_starts={years: share_of_starts(entries, missing, years) for years in STARTS},
        cells=matrix_cells(data.inputs, plans, trades, settings.plan.selection, recent[0]),
        neutral_calls=neutral_calls,
        confident_calls=confident,
    )


def outlook_or_problem(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Outlook | str:
    """The outlook, or why there is none yet, as a sentence with the command that helps."""
    try:
        return make_outlook(settings, warehouse, ledger)
    except (IncompleteDataError, UsageError) as error:
        return f"How often the rules trade is not known yet: {error}"


def pace_text(outlook: Outlook) -> str:
    """How many trades a year to expect, as sentences."""
    pace = outlook.pace
    tickers = ", ".join(outlook.by_ticker)
    year = ""
    if pace.year_low is not None and pace.year_high is not None:
        year = f"; one year in five outside {pace.year_low:.0f} to {pace.year_high:.0f}"
    own = ", ".join(
        f"{ticker} {'not known yet' if a_year is None else _rate(a_year)}"
        for ticker, a_year in outlook.by_ticker.items()
    )
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
    until, starts = outlook.until, outlook.starts
    mean = "it may never come"
    if math.isfinite(until.years):
        mean = f"the rest takes about {_span(until.years)}"
    return (
        f"{FEWEST_TRADES} closed paper trades are needed, {outlook.closed} have closed. At the "
        f"mean pace {mean} (95% interval of the mean: {_span(until.earliest)} to "
        f"{_span(until.latest)}). {_starts_text(starts)}"
    )


def _starts_text(starts: PastStarts) -> str:
    """How long it took from past sessions on, as sentences."""
    if not math.isfinite(starts.low):
        return f"From none of {starts.starts:,} past sessions was it reached in the backtest."
    unknown = "longer than the backtest tells"
    median, high = (
        _span(years) if math.isfinite(years) else unknown for years in (starts.median, starts.high)
    )
    within = ""
    if starts.within_year is not None:
        within = f"; {starts.within_year:.0%} of them had so many opened within a year"
    return (
        f"From {starts.starts:,} past sessions on: median {median}, 10% to 90% of the starts "
        f"{_span(starts.low)} to {high}{within}; {starts.unreached:,} did not get there before the "
        "backtest ended."
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
        "starts": {
            name: _finite(value) if isinstance(value, float) else value
            for name, value in vars(outlook.starts).items()
        },
        "share_of_starts": dict(outlook.share_of_starts),
        "cells": outlook.cells.to_dicts(),
        "neutral_calls": outlook.neutral_calls,
        "confident_calls": outlook.confident_calls,
    }


def _tradable(inputs: pl.DataFrame) -> pl.DataFrame:
    """date and ticker of the sessions in which a ticker had a prediction and listed options."""
    first_options = pl.col("ticker").replace_strict(
        FIRST_OPTIONS, default=date.min, return_dtype=pl.Date
    )
    could_trade = pl.col("direction").is_not_null() & (pl.col("date") >= first_options)
    return inputs.filter(could_trade).select(KEY).sort(KEY)


def _joint_sessions(tradable: pl.DataFrame) -> list[date]:
    """The sessions in which all tickers could trade that ever could."""
    tickers = tradable["ticker"].unique().sort().to_list()
    counts = tradable.group_by("date").len().filter(pl.col("len") == len(tickers))
    if counts.is_empty():
        raise IncompleteDataError(
            f"there is no session with predictions and listed options of {', '.join(tickers)} "
            "together; run: options-platform backfill"
        )
    return counts["date"].sort().to_list()


def _ticker_pace(trades: pl.DataFrame, tradable: pl.DataFrame, ticker: str) -> float | None:
    """Entries a year of a ticker, over its own tradable sessions; None without any."""
    sessions = tradable.filter(ticker=ticker)["date"].to_list()
    if not sessions:
        return None
    return trade_pace(_entries(trades.filter(pl.col("ticker") == ticker), sessions)).a_year


def _entries(trades: pl.DataFrame, sessions: list[date]) -> Floats:
    """Number of trades that were planned in each session and opened."""
    days = pl.DataFrame({"planned_on": sessions}, schema={"planned_on": pl.Date})
    counts = trades.group_by("planned_on").len()
    joined = days.join(counts, on="planned_on", how="left", maintain_order="left")
    return np.asarray(joined["len"].fill_null(0).to_numpy(), dtype=np.float64)


def _until_closed(opened: TimeTo, held: float) -> TimeTo:
    """The time until trades close, from the time until they are opened; 0 stays 0."""
    times = (opened.years, opened.earliest, opened.latest)
    return TimeTo(*(years + held if years else 0.0 for years in times))


def _starts_closed(opened: PastStarts, held: float) -> PastStarts:
    """The same of past starts; `within_year` stays that of the openings."""
    low, median, high = (
        years + held if years else 0.0 for years in (opened.low, opened.median, opened.high)
    )
    return replace(opened, low=low, median=median, high=high)


def _rate(a_year: float) -> str:
    return f"{a_year:.0f}" if a_year >= 10 else f"{a_year:.1f}"


def _span(years: float) -> str:
    """A time in words: months below two years, never if it is infinite."""
    if not math.isfinite(years):
        return "never"
    months = round(12 * years)
    return f"{months} months" if months < 24 else f"{years:.1f} years"


def _finite(years: float) -> float | None:
    return years if math.isfinite(years) else None
