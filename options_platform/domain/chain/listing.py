"""Listed strikes of the synthetic chain, and the listed strike nearest to a delta.

Options on the funds SPY, QQQ, IWM and DIA have strikes one dollar apart since they are listed
(Cboe's product specifications). Above 200 USD the distance was five dollars, until 2014-08-28 for
SPY and DIA (79 FR 53799) and 2019-05-07 for QQQ and IWM (84 FR 23617 and notices of the exchanges).

Strikes of stocks are 2.50 USD apart up to a price of 25, 5 up to 200 and 10 above (the exchanges'
basic rule). Since 2009-03-17 those up to 50 are 1 USD apart (the one-dollar program, expanded to 55
stocks an exchange). Since 2012-11-08 short-term series have strikes 0.50 apart below 75, 1 up to
150 and 2.50 above (77 FR 68177); chains of AAPL, NVDA and GOOG of 2014, 2015 and 2026 have 5 above
150 in expiries of three to eight weeks. Assumed here are the former up to nine days before the
expiry, and 1 up to 150 and 5 above in all later ones.

Near the spot every strike given here was listed; further ones, mainly of expiries within two weeks,
were too. Far from the spot some classes list fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from options_platform.common import Floats
from options_platform.domain.chain.rules import ChainRules
from options_platform.domain.chain.surface import surface_iv, unmoved_atm_vol
from options_platform.domain.chain.underlying import Underlying
from options_platform.domain.pricing import DAYS_A_YEAR, black_scholes

RANGE_DEVIATIONS = 4.0
Steps = tuple[tuple[float, float], ...]
"""Highest spot and distance of strikes, USD, ascending."""


@dataclass(frozen=True)
class Spacing:
    """The distances of a class's strikes from `since` on."""

    since: date
    steps: Steps


FUND_FIRST: Steps = ((200.0, 1.0), (np.inf, 5.0))
FUND_LATER: Steps = ((1000.0, 1.0), (np.inf, 5.0))
SPY_AND_DIA = (Spacing(date.min, FUND_FIRST), Spacing(date(2014, 8, 28), FUND_LATER))
QQQ_AND_IWM = (Spacing(date.min, FUND_FIRST), Spacing(date(2019, 5, 7), FUND_LATER))
SPACINGS = {"SPY": SPY_AND_DIA, "DIA": SPY_AND_DIA, "QQQ": QQQ_AND_IWM, "IWM": QQQ_AND_IWM}
STOCK = (
    Spacing(date.min, ((25.0, 2.5), (200.0, 5.0), (np.inf, 10.0))),
    Spacing(date(2009, 3, 17), ((50.0, 1.0), (200.0, 5.0), (np.inf, 10.0))),
    Spacing(date(2012, 11, 8), ((150.0, 1.0), (np.inf, 5.0))),
)
SHORT_DAYS = 9.5
SHORT_STOCK = Spacing(date(2012, 11, 8), ((75.0, 0.5), (150.0, 1.0), (np.inf, 2.5)))
"""Strikes of a stock's expiries within nine days."""


def strike_step(underlying: Underlying, years: Floats | None = None) -> Floats:
    """Distance between listed strikes around the spot, USD; shape [rows].

    `years` to the expiry matter for stocks, whose next expiries have more strikes; by default it is
    a later one.
    """
    step = _usual_step(underlying)
    if years is None:
        return step
    stocks = np.array([name not in SPACINGS for name in underlying.names])[underlying.ticker]
    since = underlying.session >= np.datetime64(SHORT_STOCK.since)
    is_short = stocks & since & (years * DAYS_A_YEAR < SHORT_DAYS)
    return np.where(is_short, _step_at(underlying.spot, SHORT_STOCK.steps), step)


def _step_at(spot: Floats, steps: Steps) -> Floats:
    limits = np.array([limit for limit, _ in steps[:-1]])
    return np.asarray(np.array([step for _, step in steps])[np.searchsorted(limits, spot)])


def _usual_step(underlying: Underlying) -> Floats:
    shape = np.broadcast_shapes(
        underlying.ticker.shape, underlying.session.shape, underlying.spot.shape
    )
    step = np.empty(shape)
    for position, name in enumerate(underlying.names):
        spacings = SPACINGS.get(name, STOCK)
        starts = np.array([spacing.since for spacing in spacings[1:]], dtype="datetime64[D]")
        valid = np.searchsorted(starts, underlying.session, side="right")
        for at, spacing in enumerate(spacings):
            rows = (underlying.ticker == position) & (valid == at)
            step = np.where(rows, _step_at(underlying.spot, spacing.steps), step)
    return np.asarray(step, dtype=np.float64)


def snap_strike(strike: Floats, step: Floats) -> Floats:
    """The listed strike nearest to `strike`, at least one `step`; USD a share."""
    return np.asarray(np.maximum(np.round(strike / step), 1.0) * step, dtype=np.float64)


def strike_nearest_delta(
    underlying: Underlying, years: Floats, sign: Floats, delta: Floats, rules: ChainRules
) -> Floats:
    """The listed strike of the synthetic chain whose absolute delta is nearest to `delta`.

    Searches the listed strikes from one standard deviation (at least two strikes) in the money to
    four standard deviations out of the money. All arguments and the result have shape [rows].
    """
    spot, step = underlying.spot, strike_step(underlying, years)
    level = unmoved_atm_vol(underlying, years, rules.surface)
    atm = rules.surface.moved(level, underlying)
    reach = np.ceil(RANGE_DEVIATIONS * atm * np.sqrt(years) * spot / step)
    # At high volatility a delta of 0.45 is in the money, so search one deviation there as well.
    inside = np.maximum(np.ceil(reach / RANGE_DEVIATIONS), 2.0)
    offsets = np.arange(-int(np.max(inside, initial=2.0)), int(np.max(reach, initial=1.0)) + 1)
    # Out of the money is above the spot for calls, below it for puts.
    ladder = snap_strike(spot, step)[:, None] + (sign * step)[:, None] * offsets[None, :]
    ladder = np.maximum(ladder, step[:, None])
    columns, years, sign = underlying.column(), years[:, None], sign[:, None]
    rate, dividend = columns.term.rate_or(rules.risk_free_rate), rules.dividend_yield
    iv = surface_iv(
        columns, ladder, years, rules.surface, carry=rate - dividend, atm=level[:, None]
    )
    deltas = black_scholes(columns.spot, ladder, years, iv, rate, dividend, sign).delta
    distance = np.abs(np.abs(deltas) - delta[:, None])
    # A row must not search beyond its own range, however far the ranges of other rows reach.
    in_range = (offsets[None, :] <= reach[:, None]) & (offsets[None, :] >= -inside[:, None])
    distance = np.where(in_range, distance, np.inf)
    at = np.argmin(distance, axis=1)
    return np.asarray(np.take_along_axis(ladder, at[:, None], axis=1)[:, 0], dtype=np.float64)
