"""Which expiries a plan's legs have, by the exchange's calendar or on a stored chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.domain.calendar.expiries import choose_expiries
from options_platform.domain.chain import Chain
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.strategies.base import Leg, Strategy

ChainOf = Callable[[date, str], Chain | None]
"""The stored real chain of a date and ticker; None where there is none."""

Dates = NDArray[np.datetime64]
LATEST = 10_000
NONE_LISTED = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class LegExpiries:
    """The expiries of each row's legs, shape [rows]; NaT in both where either is not listed.

    `first` is that of the near legs and ends the plan, `last` that of the others; they are the
    same where all legs expire together.
    """

    first: Dates
    last: Dates

    def of(self, leg: Leg) -> Dates:
        """When the leg of each row expires."""
        return self.first if leg.role == "near" else self.last


def listed_expiries(rows: pl.DataFrame, strategy: Strategy, rules: SelectionRules) -> LegExpiries:
    """By the exchange's calendar: the first nearest to the target within the rules' days."""
    days, tickers = rows["date"].to_numpy().astype("datetime64[D]"), rows["ticker"].to_list()
    target = rows["target_dte"].to_numpy().astype(np.int64)
    first = choose_expiries(days, target, rules.min_dte, rules.max_dte, tickers)
    if strategy.one_expiry:
        return LegExpiries(first, first)
    dte = np.where(np.isnat(first), 0, (first - days).astype(np.int64))
    last = choose_expiries(days, dte + strategy.days_between, 1, LATEST, tickers)
    return _both_listed(first, last)


def chain_expiries(
    rows: pl.DataFrame, chain_of: ChainOf, strategy: Strategy, rules: SelectionRules
) -> LegExpiries:
    """Among those of each row's chain: nearest to the target, ties later."""
    first, last = [], []
    for day, ticker, target in rows.select("date", "ticker", "target_dte").iter_rows():
        chain = chain_of(day, ticker)
        days = {expiry: (expiry - day).days for expiry in (chain.expiries if chain else [])}
        near = _nearest(days, target, rules.min_dte, rules.max_dte)
        wanted = 0 if near is None else days[near] + strategy.days_between
        far = None if near is None else _nearest(days, wanted, days[near] + 1, LATEST)
        first.append(NONE_LISTED if near is None else np.datetime64(near, "D"))
        last.append(NONE_LISTED if far is None else np.datetime64(far, "D"))
    firsts, lasts = (np.array(dates, dtype="datetime64[D]") for dates in (first, last))
    return LegExpiries(firsts, firsts) if strategy.one_expiry else _both_listed(firsts, lasts)


def _nearest(days: dict[date, int], target: int, low: int, high: int) -> date | None:
    fit = [expiry for expiry, dte in days.items() if low <= dte <= high]
    return min(fit, key=lambda e: (abs(days[e] - target), -days[e]), default=None)


def _both_listed(first: Dates, last: Dates) -> LegExpiries:
    whole = ~(np.isnat(first) | np.isnat(last)) & (last > first)
    return LegExpiries(*(np.where(whole, dates, NONE_LISTED) for dates in (first, last)))
