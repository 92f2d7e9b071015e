"""The month of a rehearsal: its sessions, and the stored data that it is played from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import EARNINGS_KNOWN, RAW_OHLCV, VIX
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.market_data.stored_chains import stored_chains
from options_platform.services.market_data.yields_and_tenors import (
    stored_dividends,
    stored_odd_splits,
    stored_tenors,
)
from options_platform.services.planning.plan_inputs import plan_inputs, require_premium_features
from options_platform.services.planning.plan_tables import Market, market_closes

WARM_UP_DAYS = 45
"""Calendar days before the month in which the rules trade undisturbed, to hold positions in it."""

FEWEST_WARM_UP_SESSIONS = 8
MONTH = re.compile(r"(\d{4})-(\d{2})")
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class RehearsalData:
    """What a rehearsal is played from.

    Attributes:
        month: such as 2020-03.
        warm_up: the sessions before the month, ascending.
        sessions: the sessions of the month, ascending.
        bars: date, ticker, open, high, low and close as traded (USD a share), and dividend, from
            the session before the warm-up on.
        closes: the same closes with their volatilities, by session and ticker.
        inputs: the inputs of the plans, rows as :func:`plan_inputs` gives them.
        chain_of: gives the stored real chains that plans rest on; None without any.
        record: rows of `earnings_known`, what was known of the reports of stocks.
    """

    month: str
    warm_up: tuple[date, ...]
    sessions: tuple[date, ...]
    bars: pl.DataFrame
    closes: Market
    inputs: pl.DataFrame
    chain_of: ChainOf | None = None
    record: pl.DataFrame = field(default_factory=EARNINGS_KNOWN.empty)

    @property
    def tickers(self) -> list[str]:
        """The tickers, sorted."""
        return sorted(self.bars["ticker"].unique().to_list())


def month_of(text: str) -> tuple[date, date]:
    """The first and the last day of a month such as 2020-03; :class:`UsageError` for other text."""
    parts = MONTH.fullmatch(text)
    if parts is None or not 1 <= int(parts[2]) <= 12:
        raise UsageError(f"{text!r} is no month such as 2020-03")
    first = date(int(parts[1]), int(parts[2]), 1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def load_month(
    warehouse: Warehouse,
    tickers: Sequence[str],
    month: str,
    chains: ChainStore | None = None,
    of_sets: Sequence[PlanRules] = (),
    earnings: EarningsRules | None = None,
) -> RehearsalData:
    """The stored data of a month and of the weeks before it; `of_sets` are the rules of the sets.

    `earnings` says how the dates of reports are read, by default as without settings.

    Raises :class:`UsageError` for a month that is malformed, not over, or not wholly stored, one
    without enough sessions before it, and one in which a ticker was split.
    """
    first, last = month_of(month)
    stored = warehouse.read(RAW_OHLCV, columns=["date"], tickers=tickers)["date"]
    if stored.is_empty():
        raise UsageError("the home has no bars to rehearse with; run: options-platform backfill")
    begins, ends = stored.min(), stored.max()
    if not (isinstance(begins, date) and isinstance(ends, date)):
        raise TypeError("the contract of raw_ohlcv has dates")
    days, before = [], []
    if begins < first <= ends:
        days = sessions(first, last)
        since = max(begins, first - timedelta(days=WARM_UP_DAYS))
        before = sessions(since, first - timedelta(days=1))
    if not days or days[-1] > ends or len(before) <= FEWEST_WARM_UP_SESSIONS:
        raise UsageError(
            f"{month} cannot be rehearsed: the home has bars from {begins} to {ends}, and the "
            f"whole month is needed with {FEWEST_WARM_UP_SESSIONS} sessions or more before it"
        )
    bars = warehouse.read(RAW_OHLCV, tickers=tickers, start=before[0], end=days[-1])
    _require_unsplit(bars, month)
    closes = market_closes(
        bars,
        warehouse.read(VIX, tickers=tickers, start=before[0], end=days[-1]),
        stored_tenors(warehouse),
        stored_dividends(warehouse, tickers, days[-1]),
        stored_odd_splits(warehouse, tickers),
    )
    try:
        require_premium_features(warehouse, tickers, before[0], days[-1], of_sets)
        inputs = plan_inputs(warehouse, tickers, before[0], days[-1], earnings=earnings)
    except IncompleteDataError as error:
        raise UsageError(f"{month} cannot be rehearsed: {error}") from error
    chain_of = None
    if chains is not None and chains.stored(tickers=tickers, start=before[0], end=days[-1]):
        chain_of = stored_chains(chains, tickers, before[0], days[-1])
    data = rehearsal_data(month, tickers, bars, closes, inputs, chain_of)
    return replace(data, record=warehouse.read(EARNINGS_KNOWN, tickers=tickers))


def rehearsal_data(
    month: str,
    tickers: Sequence[str],
    bars: pl.DataFrame,
    closes: Market,
    inputs: pl.DataFrame,
    chain_of: ChainOf | None = None,
) -> RehearsalData:
    """The data of a month from rows of `raw_ohlcv`, closes and planning inputs.

    Sessions before the first with a close of every ticker are left out. Raises :class:`UsageError`
    where a session of the month, or one before it, lacks a close.
    """
    first, last = month_of(month)
    every = sessions(min(bars["date"]), last)
    whole = [day for day in every if set(tickers) <= set(closes.get(day, {}))]
    missing = [day for day in every if day >= (whole or every)[0] and day not in whole]
    before = [day for day in whole if day < first]
    if not whole or missing or len(before) <= FEWEST_WARM_UP_SESSIONS:
        lacking = f"no close and volatility of every ticker on {missing[0]}" if missing else (
            f"closes and volatilities of {', '.join(tickers)} on only {len(before)} sessions before"
        )  # fmt: skip
        raise UsageError(f"{month} cannot be rehearsed: the home has {lacking}")
    traded = bars.filter(pl.col("date") >= before[0]).select(
        *KEY,
        *(pl.col(name) * pl.col("split_factor").fill_null(1.0) for name in PRICES),
        pl.col("dividend").fill_null(0.0) * pl.col("split_factor").fill_null(1.0),
    )
    # The first session is only the close that the first overnight move counts from.
    return RehearsalData(
        month, tuple(before[1:]), tuple(sessions(first, last)), traded, closes, inputs, chain_of
    )


def previous(session: date) -> date:
    """The session before."""
    return shift(session, -1)


def _require_unsplit(bars: pl.DataFrame, month: str) -> None:
    splits = bars.filter(pl.col("split_ratio").fill_null(1.0) != 1.0)
    if splits.height:
        day, ticker = splits.select(KEY).row(0)
        raise UsageError(
            f"{month} cannot be rehearsed with {ticker}, which was split on {day}: the fake broker "
            "adjusts no contracts"
        )
