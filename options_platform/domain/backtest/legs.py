"""The legs of trades as arrays, and sums over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import last_trading_days
from options_platform.domain.chain import TermStructure, option_sign
from options_platform.domain.trading.fills import LEG_SIDES

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Legs:
    """The legs of each trade, shape [trades, legs]; `side` is 0 where there is none.

    `side` holds the ratio: +2 is two bought. `last_day` is the last session up to the expiry,
    which is another day where a closure was announced after the plan. `first_expiry` has shape
    [trades].
    """

    side: Floats
    sign: Floats
    strike: Floats
    expiry: NDArray[np.datetime64]
    last_day: NDArray[np.datetime64]
    first_expiry: NDArray[np.datetime64]


@dataclass(frozen=True)
class PricedLegs:
    """Arrays [rows, legs], but `greeks`, which are net, [rows]; zero or intrinsic at expiry."""

    alive: Bools
    mid: Floats
    opening: Floats
    closing: Floats
    iv: Floats
    vega: Floats
    delta: Floats
    intrinsic: Floats
    years: Floats
    index: Floats
    term: TermStructure
    spot: Floats
    greeks: dict[str, Floats]


def trade_legs(plans: pl.DataFrame, legs: pl.DataFrame) -> Legs:
    """The legs of `plans` (rows of `trade_plan`, in their order) as arrays."""
    at = pl.DataFrame({"plan_id": plans["plan_id"], "trade": np.arange(plans.height)})
    rows = legs.join(at, on="plan_id").sort("trade", "leg")
    number = rows.select(pl.int_range(pl.len()).over("trade").alias("n"))["n"].to_numpy()
    trade = rows["trade"].to_numpy()
    shape = (plans.height, int(number.max(initial=0)) + 1)
    side, sign, strike = np.zeros(shape), np.ones(shape), np.ones(shape)
    expiry = np.full(shape, np.datetime64("2200-01-01", "D"))
    sides = rows["side"].replace_strict(LEG_SIDES, return_dtype=pl.Float64).to_numpy()
    side[trade, number] = sides * rows["ratio"].to_numpy()
    sign[trade, number] = option_sign(rows["right"].to_numpy())
    strike[trade, number] = rows["strike"].to_numpy()
    expiry[trade, number] = rows["expiry"].to_numpy().astype("datetime64[D]")
    last_day = expiry.copy()
    last_day[trade, number] = last_trading_days(rows["expiry"]).to_numpy()
    return Legs(side, sign, strike, expiry, last_day, expiry.min(axis=1))


def leg_sum(side: Floats, values: Floats) -> Floats:
    """Leg by leg, so that a row is the same in any batch."""
    total = side[:, 0] * values[:, 0]
    for leg in range(1, side.shape[1]):
        total = total + side[:, leg] * values[:, leg]
    return np.asarray(total, dtype=np.float64)


def net_price(side: Floats, prices: Floats) -> Floats:
    """The net price of a spread, to a hundredth of a cent as brokers report it."""
    return np.asarray(np.round(leg_sum(side, prices), 4))
