"""Legs of trades as arrays, and net values of spreads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import last_trading_days
from options_platform.domain.chain import Underlying, option_sign
from options_platform.domain.trading.fill_prices import LEG_SIDES
from options_platform.domain.trading.orders import OrderLeg

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Legs:
    """The legs of each trade, shape [trades, legs]; `side` is 0 where a trade has fewer legs.

    `side` is the signed ratio: +2 for two bought contracts. `sign` is +1 for calls, -1 for puts;
    `strike` in USD a share. `last_day` is the last session up to `expiry`; it is earlier than the
    expiry if a closure was announced after the plan. `first_expiry` has shape [trades].
    """

    side: Floats
    sign: Floats
    strike: Floats
    expiry: NDArray[np.datetime64]
    last_day: NDArray[np.datetime64]
    first_expiry: NDArray[np.datetime64]


@dataclass(frozen=True)
class PricedLegs:
    """Priced legs, shape [rows, legs]; prices in USD a share, the intrinsic value at expiry.

    `alive` is False for expired or absent legs and on rows without data. `opening` and `closing`
    are the fill model's prices. `underlying` has shape [rows, 1], with harmless values on rows
    without data. `greeks` are net of all legs, shape [rows]. `source` says where each price is
    from, as in `real_quotes`. `fillable`, shape [rows]: whether the legs can be traded on this
    session; `evidence`, shape [rows]: whether the marks show a profit or loss on which an exit may
    rest. `strike` is that of the contracts of the session, on the basis of the planning day;
    `splits`, shape [rows]: how many contracts whole splits have made of a planned one.
    """

    alive: Bools
    mid: Floats
    opening: Floats
    closing: Floats
    far_closing: Floats
    iv: Floats
    vega: Floats
    delta: Floats
    intrinsic: Floats
    years: Floats
    underlying: Underlying
    greeks: dict[str, Floats]
    source: Ints
    fillable: Bools
    evidence: Bools
    strike: Floats
    splits: Floats


def trade_legs(plans: pl.DataFrame, legs: pl.DataFrame) -> Legs:
    """The legs of `plans` (rows of `trade_plan`, in this order) as arrays."""
    at = pl.DataFrame({"plan_id": plans["plan_id"], "trade": np.arange(plans.height)})
    rows = legs.join(at, on="plan_id").sort("trade", "leg")
    leg_number = rows.select(pl.int_range(pl.len()).over("trade").alias("n"))["n"].to_numpy()
    trade = rows["trade"].to_numpy()
    shape = (plans.height, int(leg_number.max(initial=0)) + 1)
    side, sign, strike = np.zeros(shape), np.ones(shape), np.ones(shape)
    expiry = np.full(shape, np.datetime64("2200-01-01", "D"))
    sides = rows["side"].replace_strict(LEG_SIDES, return_dtype=pl.Float64).to_numpy()
    side[trade, leg_number] = sides * rows["ratio"].to_numpy()
    sign[trade, leg_number] = option_sign(rows["right"].to_numpy())
    strike[trade, leg_number] = rows["strike"].to_numpy()
    expiry[trade, leg_number] = rows["expiry"].to_numpy().astype("datetime64[D]")
    last_day = expiry.copy()
    last_day[trade, leg_number] = last_trading_days(rows["expiry"]).to_numpy()
    return Legs(side, sign, strike, expiry, last_day, expiry.min(axis=1))


def is_bounded(legs: Legs) -> Bools:
    """Which trades can lose no more than their stated maximum loss, shape [trades].

    Their legs expire together, and no fewer are bought than sold of each right.
    """
    together = np.where(legs.side != 0, legs.expiry, legs.first_expiry[:, None])
    one_expiry = (together == legs.first_expiry[:, None]).all(axis=1)
    calls = np.where(legs.sign > 0, legs.side, 0.0).sum(axis=1)
    puts = np.where(legs.sign < 0, legs.side, 0.0).sum(axis=1)
    return np.asarray(one_expiry & (calls >= 0) & (puts >= 0))


def order_legs(legs: Legs, trade: int) -> tuple[OrderLeg, ...]:
    """The legs of one trade as an order for one spread has them."""
    return tuple(
        OrderLeg(
            "buy" if legs.side[trade, n] > 0 else "sell",
            "call" if legs.sign[trade, n] > 0 else "put",
            float(legs.strike[trade, n]),
            legs.expiry[trade, n].astype(object),
            abs(int(legs.side[trade, n])),
        )
        for n in np.flatnonzero(legs.side[trade]).tolist()
    )


def leg_sum(side: Floats, values: Floats) -> Floats:
    """Sum of side x value over the legs, in fixed order so that a row is the same in any batch."""
    total = side[:, 0] * values[:, 0]
    for leg in range(1, side.shape[1]):
        total = total + side[:, leg] * values[:, leg]
    return np.asarray(total, dtype=np.float64)


def net_price(side: Floats, prices: Floats, splits: Floats) -> Floats:
    """Net price of a spread, USD a share, rounded to a hundredth of a cent as brokers report it.

    They report it of the contracts that `splits` (shape [rows]) have made of the planned ones.
    """
    return to_hundredth_cents(leg_sum(side, prices), splits)


def to_hundredth_cents(prices: Floats, splits: Floats) -> Floats:
    """Prices, on the basis of the planning day, rounded to a hundredth of a cent after `splits`."""
    return np.asarray(np.round(prices / splits, 4) * splits, dtype=np.float64)
