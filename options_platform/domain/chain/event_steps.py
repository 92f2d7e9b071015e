"""The variance of a stock's next report, as a step in its synthetic surface.

    w(k, T) = w_base(k, T) + event variance where the expiry is after the report's anchor

The 30-day index of a stock is modelled with the report in it, so that the base has the index
without: the variance is in the expiries that know the report, and not spread over all. The same
amount is added at every strike, so that total variance never falls from one expiry to the next.
A log contract over a month of whose variance a report has 30% is worth 2% more than the index.

The tenors of such a ticker are those of the VIX with half the logarithm of their ratio: a stock's
volatility reverts from its own level, of which half is the market's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain.underlying import TermStructure, Underlying
from options_platform.domain.pricing import DAYS_A_YEAR

INDEX_DAYS = 30.0
TERM_SHARE = 0.5
MOST_OF_INDEX = 0.9
"""A report has at most this share of the variance of the 30-day index."""
# Days are years x 365, so that an expiry on the anchor may come out a little later than it is.
SAME_DAY = 1e-3


@dataclass(frozen=True)
class Step:
    """The variance of each row's next report, and calendar days from its session to the anchor."""

    variance: Floats
    days: Floats

    def at(self, days: Floats) -> Floats:
        """What it adds to the total variance (volatility squared x years) at `days`."""
        return np.where(days > self.days + SAME_DAY, self.variance, 0.0)


@dataclass(frozen=True)
class TickerEvents:
    """The next report of a ticker whose volatility is modelled, as known on each of `sessions`.

    `sessions` ascend; `variance` is 0 and `anchor` null where no report is known.
    """

    sessions: tuple[date, ...]
    variance: tuple[float, ...]
    anchor: tuple[date | None, ...]

    @cached_property
    def arrays(self) -> tuple[NDArray[np.datetime64], Floats, NDArray[np.datetime64]]:
        """Sessions, variances and anchors."""
        return (
            np.array(self.sessions, dtype="datetime64[D]"),
            np.array(self.variance, dtype=np.float64),
            np.array([day or np.datetime64("NaT") for day in self.anchor], dtype="datetime64[D]"),
        )


def split(
    underlying: Underlying, events: Mapping[str, TickerEvents]
) -> tuple[Underlying, Step | None]:
    """`underlying` with the index and the tenors without reports, and the step of each row.

    Rows of tickers without `events` stay as they are; the step is None where all are such. A
    session that has no row of its own has the last one before: a report known then that is past
    has gone from the variance ahead, as from the index.
    """
    if not any(name in events for name in underlying.names):
        return underlying, None
    ticker, session = np.broadcast_arrays(underlying.ticker, underlying.session)
    variance, days = np.zeros(ticker.shape), np.full(ticker.shape, np.inf)
    inside, modelled = np.zeros(ticker.shape), np.zeros(ticker.shape, dtype=bool)
    for at, name in enumerate(underlying.names):
        if name not in events:
            continue
        rows = ticker == at
        known, values, anchors = events[name].arrays
        place = np.searchsorted(known, session[rows], side="right") - 1
        has_row = place >= 0
        place = np.maximum(place, 0)
        anchor, value = anchors[place], values[place]
        has_report = has_row & ~np.isnat(anchor)
        ahead = np.where(has_report, (anchor - session[rows]).astype(np.float64), np.inf)
        of_index = np.where(has_report, (anchor - known[place]).astype(np.float64), np.inf)
        modelled[rows] = True
        inside[rows] = np.where(of_index < INDEX_DAYS, value, 0.0)
        days[rows] = ahead
        variance[rows] = np.where(has_report & (ahead >= 0), value, 0.0)
    month = INDEX_DAYS / DAYS_A_YEAR
    index = np.asarray(underlying.index)
    most = MOST_OF_INDEX * index * index * month
    # A value that was carried may be too low for the report of its own session.
    variance = np.where(inside > most, np.minimum(variance, most), variance)
    base = np.sqrt(index * index - np.minimum(inside, most) / month)
    base = np.where(modelled, base, index)
    return replace(underlying, index=base, term=_term(underlying, base, modelled)), Step(
        variance, days
    )


def _term(underlying: Underlying, base: Floats, modelled: NDArray[np.bool_]) -> TermStructure:
    term, index = underlying.term, underlying.index

    def halved(quoted: Floats) -> Floats:
        ratio = quoted / index
        return np.where(modelled, base * np.power(ratio, TERM_SHARE), quoted)

    return TermStructure(
        halved(term.days_9), halved(term.days_93), halved(term.days_182), term.rate
    )
