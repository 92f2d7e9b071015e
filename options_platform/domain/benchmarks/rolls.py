"""Roll days of one-month S&P 500 options, and the index and its volatility on them.

The options expire at the open of the third Friday (the session before, if that is a holiday), and
on the same day those of the next month are traded, at prices between 11:30 and 13:30.

The index is reckoned from SPY: ten times its price less the dividend that it has received and not
yet paid out, which would otherwise fall from its price on four of the twelve roll days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.expiries import monthly_expiries
from options_platform.domain.chain import TermStructure
from options_platform.domain.chain.term_structure import short_rates, term_of, term_ratios
from options_platform.domain.pricing import DAYS_A_YEAR

Dates = NDArray[np.datetime64]
INDEX_SCALE = 10.0
DAYS_SINCE_OPEN = {"open": 0.0, "midday": 3.25 / 24, "close": 6.5 / 24}
"""Hours of a session, as days since its open. Midday is the mean of open and close."""
QUARTER_DAYS = 91.0
SMALLEST_DIVIDEND = 0.01
"""USD; smaller steps of the adjusted price are rounding."""


@dataclass(frozen=True)
class Instants:
    """The index at one hour of given sessions; arrays of shape [rows].

    `since_open` is in days. `spot` is in index points, `total` the same with dividends reinvested,
    `index` the 30-day volatility index. `index`, `term` and `dividend_yield` are annualised
    fractions.
    """

    session: Dates
    since_open: float
    spot: Floats
    total: Floats
    index: Floats
    term: TermStructure
    dividend_yield: Floats

    def years_to_open(self, expiry: Dates) -> Floats:
        """Years of 365 days from each instant to the open of its `expiry`."""
        days = (expiry - self.session).astype("timedelta64[D]").astype(np.float64)
        return np.asarray((days - self.since_open) / DAYS_A_YEAR, dtype=np.float64)

    def at(self, rows: Any) -> Instants:
        """The given rows."""
        arrays = (self.spot[rows], self.total[rows], self.index[rows])
        term = self.term.each(lambda values: values[rows])
        return Instants(
            self.session[rows], self.since_open, *arrays, term, self.dividend_yield[rows]
        )


@dataclass(frozen=True)
class Period:
    """Options of one month each: traded at `start`, settled at the open of `expiry`.

    `opened` is the open of the roll day, when the options of the month before are settled.
    """

    opened: Instants
    start: Instants
    expiry: Dates

    def at(self, rows: Any) -> Period:
        """The given rows."""
        return Period(self.opened.at(rows), self.start.at(rows), self.expiry[rows])


def index_history(
    prices: pl.DataFrame, volatility: pl.DataFrame, yields: pl.DataFrame
) -> pl.DataFrame:
    """One row per session of the S&P 500 and its volatility indices.

    Args:
        prices: date, open, close and adj_close of SPY in USD. Its dividends are those by which
            adj_close is adjusted.
        volatility: date, vix_open, vix, vix9d, vix3m, vix6m in index points; null if missing.
        yields: date and yield_pct, percent a year, as in `short_rates`.

    Returns:
        date, open and close (index points), total_open and total_close (dividends reinvested),
        the columns of `volatility`, dividend_yield (of the 365 days before, annualised fraction)
        and short_rate (annualised fraction, null before the yields begin). Sessions without a
        price or a VIX are left out.
    """
    dividends = dividends_of(prices)
    rows = prices.join(volatility, on="date").drop_nulls(["open", "close", "vix_open", "vix"])
    rows = rows.sort("date")
    days = rows["date"].to_numpy().astype("datetime64[D]")
    unpaid, paid = _accrued(days, dividends), _paid_in_a_year(days, dividends)
    rows = rows.with_columns(
        total_open=INDEX_SCALE * pl.col("open") * pl.col("adj_close") / pl.col("close"),
        total_close=INDEX_SCALE * pl.col("adj_close"),
        dividend_yield=pl.Series(paid) / pl.col("close"),
        open=INDEX_SCALE * (pl.col("open") - pl.Series(unpaid)),
        close=INDEX_SCALE * (pl.col("close") - pl.Series(unpaid)),
    )
    rates = short_rates(rows["date"], yields).select("date", "short_rate")
    return rows.join(rates, on="date", how="left")


def dividends_of(prices: pl.DataFrame) -> pl.DataFrame:
    """ex_date and cash_amount (USD a share), from the steps of adj_close / close.

    A dividend d lowers every earlier adj_close by the factor 1 - d / close of the day before.
    """
    factor = pl.col("adj_close") / pl.col("close")
    paid = pl.col("close").shift() * (1.0 - factor.shift() / factor)
    amounts = prices.sort("date").select(ex_date="date", cash_amount=paid)
    return amounts.filter(pl.col("cash_amount") > SMALLEST_DIVIDEND)


def roll_days(first: date, last: date) -> Dates:
    """Roll days, ascending: from the one on or before `first` to the one on or before `last`."""
    rolls = np.array(monthly_expiries(), dtype="datetime64[D]")
    begin, end = np.searchsorted(rolls, np.array([first, last], dtype="datetime64[D]"), "right")
    return np.asarray(rolls[begin - 1 : end])


def instants(history: pl.DataFrame, sessions: Dates, hour: str) -> Instants:
    """The rows of `sessions` at an hour of `DAYS_SINCE_OPEN`.

    The ratios of the other volatility tenors to the VIX are those of the close. Raises ValueError
    for a session that `history` does not have.
    """
    wanted = pl.DataFrame({"date": sessions.astype("datetime64[D]")})
    rows = wanted.join(history, on="date", how="left", maintain_order="left")
    if rows["close"].null_count():
        missing = rows.filter(pl.col("close").is_null())["date"].to_list()
        raise ValueError(f"no price of the index on {', '.join(map(str, missing[:5]))}")

    def at_hour(opened: str, closed: str) -> Floats:
        first, last = (rows[name].cast(pl.Float64).to_numpy() for name in (opened, closed))
        share = {"open": 0.0, "midday": 0.5, "close": 1.0}[hour]
        return np.asarray((1.0 - share) * first + share * last, dtype=np.float64)

    index = at_hour("vix_open", "vix") / 100.0
    rate = rows["short_rate"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Instants(
        session=sessions,
        since_open=DAYS_SINCE_OPEN[hour],
        spot=at_hour("open", "close"),
        total=at_hour("total_open", "total_close"),
        index=index,
        term=term_of(index, term_ratios(rows), rate),
        dividend_yield=rows["dividend_yield"].to_numpy(),
    )


def roll_periods(history: pl.DataFrame, rolls: Dates, hour: str = "midday") -> Period:
    """The months that begin on `rolls`, shape [rolls]; options are traded at `hour`."""
    expiries = np.array(monthly_expiries(), dtype="datetime64[D]")
    expiry = expiries[np.searchsorted(expiries, rolls, side="right")]
    return Period(instants(history, rolls, "open"), instants(history, rolls, hour), expiry)


def _accrued(days: Dates, dividends: pl.DataFrame) -> Floats:
    """USD a share received and not yet paid out, in proportion to the days of the quarter."""
    if dividends.is_empty():
        return np.zeros(len(days))
    ex_dates = dividends["ex_date"].to_numpy().astype("datetime64[D]")
    amounts = dividends["cash_amount"].to_numpy()
    following = np.searchsorted(ex_dates, days, side="right")
    before = ex_dates[np.maximum(following - 1, 0)]
    amount = amounts[np.minimum(following, len(amounts) - 1)]
    after = ex_dates[np.minimum(following, len(ex_dates) - 1)]
    quarter = np.where(following < len(ex_dates), (after - before).astype(np.float64), QUARTER_DAYS)
    elapsed = np.maximum((days - before).astype(np.float64), 0.0)
    return np.asarray(amount * elapsed / np.maximum(quarter, 1.0), dtype=np.float64)


def _paid_in_a_year(days: Dates, dividends: pl.DataFrame) -> Floats:
    ex_dates = dividends["ex_date"].to_numpy().astype("datetime64[D]")
    sums = np.concatenate([[0.0], np.cumsum(dividends["cash_amount"].to_numpy())])
    until = np.searchsorted(ex_dates, days, side="right")
    since = np.searchsorted(ex_dates, days - np.timedelta64(365, "D"), side="right")
    return np.asarray(sums[until] - sums[since], dtype=np.float64)
