"""Minimum price steps of option quotes, as the exchanges had them.

Until the penny pilot every class was quoted in steps of 0.05 USD below a price of 3 USD and of 0.10
from there on. Classes came into the pilot in groups:

- 2007-02-02 MSFT and 2007-02-09 IWM: 0.01 below 3, 0.05 from there (brokers' schedule of the
  thirteen first classes; Federal Register 72 FR 4759). QQQ: 0.01 at every price; the schedule has
  no date of its own for it, and that of the last group is assumed.
- 2007-09-28 SPY, DIA, AAPL and AMZN, among 22 classes: 0.01 and 0.05 (72 FR 56396; the date is
  confirmed, the list is from a copy of the exchanges').
- 2010-02-01 SPY and IWM: 0.01 at every price (exchanges' notice of that date).
- 2009-11-02 to 2010-08-02, in four groups, the 300 next most traded classes: 0.01 and 0.05 (last
  group 75 FR 47670). Any other ticker is taken to be of the last group.

Some 3,000 classes of little volume still have the old steps; no list of them is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain.underlying import Underlying

STEP_CHANGES_AT = 3.0
"""USD a share; from this price on the step is `above`."""


@dataclass(frozen=True)
class Ticks:
    """The steps of a class from `since` on: below and from `STEP_CHANGES_AT`, USD a share."""

    since: date
    below: float
    above: float


PENNIES = (0.01, 0.05)
ALL_PENNIES = (0.01, 0.01)
FIRST = Ticks(date.min, 0.05, 0.10)
SCHEDULES: dict[str, tuple[Ticks, ...]] = {
    "QQQ": (FIRST, Ticks(date(2007, 2, 9), *ALL_PENNIES)),
    "IWM": (FIRST, Ticks(date(2007, 2, 9), *PENNIES), Ticks(date(2010, 2, 1), *ALL_PENNIES)),
    "SPY": (FIRST, Ticks(date(2007, 9, 28), *PENNIES), Ticks(date(2010, 2, 1), *ALL_PENNIES)),
    "DIA": (FIRST, Ticks(date(2007, 9, 28), *PENNIES)),
    "AAPL": (FIRST, Ticks(date(2007, 9, 28), *PENNIES)),
    "AMZN": (FIRST, Ticks(date(2007, 9, 28), *PENNIES)),
    "MSFT": (FIRST, Ticks(date(2007, 2, 2), *PENNIES)),
}
OTHERS = (FIRST, Ticks(date(2010, 8, 2), *PENNIES))


def tick_size(underlying: Underlying, price: Floats) -> Floats:
    """The step in which options on `underlying` are quoted at `price`; USD a share.

    `price` broadcasts against the rows of `underlying`, and so does the result.
    """
    below, above = tick_steps(underlying)
    return np.where(price < STEP_CHANGES_AT, below, above)


def tick_steps(underlying: Underlying) -> tuple[Floats, Floats]:
    """The steps below and from `STEP_CHANGES_AT` of each row of `underlying`; USD a share."""
    shape = np.broadcast_shapes(underlying.ticker.shape, underlying.session.shape)
    below, above = np.empty(shape), np.empty(shape)
    for position, name in enumerate(underlying.names):
        schedule = SCHEDULES.get(name, OTHERS)
        starts = np.array([ticks.since for ticks in schedule[1:]], dtype="datetime64[D]")
        valid = np.searchsorted(starts, underlying.session, side="right")
        rows = underlying.ticker == position
        below = np.where(rows, np.array([ticks.below for ticks in schedule])[valid], below)
        above = np.where(rows, np.array([ticks.above for ticks in schedule])[valid], above)
    return below, above
