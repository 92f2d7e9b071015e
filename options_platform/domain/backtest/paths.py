"""What every planned trade would be worth on each session of its life, all at once.

Prices depend on no account, so they are computed for all trades in one pass, and the event loop
only looks them up. A path begins on the session after the plan and ends on the last session up
to the first expiry. Prices are in the basis of the planning day: a later split changes strikes
and contracts of listed options so that the position's value stays, which is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.chain import option_sign, quote, years_of
from options_platform.domain.fills import LEG_SIDES
from options_platform.domain.pricing import PUT, Floats, intrinsic_value

GREEKS = ("delta", "gamma", "theta", "vega")
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Legs:
    """The legs of each trade, shape [trades, legs]; `side` is 0 where there is none.

    `side` holds the ratio: +2 is two bought. `first_expiry` has shape [trades].
    """

    side: Floats
    sign: Floats
    strike: Floats
    expiry: NDArray[np.datetime64]
    first_expiry: NDArray[np.datetime64]


@dataclass(frozen=True)
class TradePaths:
    """Flat rows (trade by trade, session by session), USD a share.

    Trade t has the rows `first[t]` to `first[t] + length[t] - 1`, from session `entry[t]` on;
    length 0 if its data end before. `known` is False where the session has no bar or index; its
    values are those of the row before. `opening` is the net price of opening, `closing` what
    closing brings, `mark` at the mids, all with bought legs positive; `assigned` is whether a
    sold leg is exercised overnight, `assigned_closing` what closing brings in the session after
    that. `parts` splits the change of the mark since the row before into `GREEKS`.
    """

    legs: Legs
    entry: Ints
    first: Ints
    length: Ints
    known: Bools
    spot: Floats
    opening: Floats
    closing: Floats
    mark: Floats
    assigned: Bools
    assigned_closing: Floats
    leg_opening: Floats
    leg_closing: Floats
    greeks: dict[str, Floats]
    parts: dict[str, Floats]


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
    return Legs(side, sign, strike, expiry, expiry.min(axis=1))


def trade_paths(
    plans: pl.DataFrame, legs: pl.DataFrame, market: BacktestMarket, rules: BacktestRules
) -> TradePaths:
    """The path of every trade of `plans`; rows of `trade_plan` and `trade_plan_legs`."""
    made = trade_legs(plans, legs)
    planned = np.searchsorted(market.days, plans["date"].to_numpy().astype("datetime64[D]"))
    column = np.searchsorted(np.array(market.tickers), plans["ticker"].to_numpy().astype(str))
    entry = planned + 1
    end = np.searchsorted(market.days, made.first_expiry, side="right")
    length = np.maximum(end - entry, 0)
    first = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64)
    trade = np.repeat(np.arange(len(entry)), length)
    session = np.arange(len(trade)) - first[trade] + entry[trade]
    factor = market.factor[planned, column][trade]
    spot = market.close[session, column[trade]] * factor
    index = market.index[session, column[trade]]
    known = np.isfinite(spot) & np.isfinite(index) & (index > 0)
    row = _carried(known, first[trade])
    spot = np.where(known, spot, spot[row])
    priced = _price(made, trade, market.days[session], spot, index, known, rules)
    dividend = market.dividend[session, column[trade]] * factor
    assigned_legs = _assigned(made, trade, priced, dividend, rules)
    opening = _net(made.side[trade], priced.opening)
    closing = _net(made.side[trade], priced.closing)
    greeks = {name: values[row] for name, values in priced.greeks.items()}
    starts = np.zeros(len(trade), dtype=bool)
    starts[first[length > 0]] = True
    return TradePaths(
        legs=made,
        entry=entry,
        first=first,
        length=length,
        known=known,
        spot=spot,
        opening=opening[row],
        closing=closing[row],
        mark=_net(made.side[trade], priced.mid)[row],
        assigned=assigned_legs.any(axis=1) & known,
        assigned_closing=_after_assignment(made, trade, priced, assigned_legs, spot, dividend),
        leg_opening=priced.opening[row],
        leg_closing=priced.closing[row],
        greeks=greeks,
        parts=_attribution(made.side[trade], priced, spot, session, market, starts, row),
    )


@dataclass(frozen=True)
class _Priced:
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
    spot: Floats
    greeks: dict[str, Floats]


def _price(
    legs: Legs, trade: Ints, days: NDArray[np.datetime64], spot: Floats, index: Floats,
    known: Bools, rules: BacktestRules,
) -> _Priced:  # fmt: skip
    side, sign, strike = legs.side[trade], legs.sign[trade], legs.strike[trade]
    left = (legs.expiry[trade] - days[:, None]).astype(np.int64)
    alive = (left > 0) & (side != 0) & known[:, None]
    # What cannot be priced gets harmless inputs and is put aside below.
    safe_spot = np.where(alive, spot[:, None], 100.0)
    safe_strike = np.where(alive, strike, 100.0)
    safe_index = np.where(alive, index[:, None], 0.2)
    years = years_of(np.where(alive, left, 30))
    quotes = quote(safe_spot, safe_strike, years, safe_index, sign, rules.chain)
    intrinsic = np.where(side != 0, intrinsic_value(spot[:, None], strike, sign), 0.0)

    def or_intrinsic(values: Floats) -> Floats:
        return np.where(alive, values, intrinsic)

    bid, mid, ask = quotes.bid, quotes.mid, quotes.ask
    each = {name: np.where(alive, getattr(quotes.greeks, name), 0.0) for name in GREEKS}
    return _Priced(
        alive=alive,
        mid=or_intrinsic(mid),
        opening=or_intrinsic(rules.fills.leg_prices(side, bid, mid, ask)),
        closing=or_intrinsic(rules.fills.leg_prices(-side, bid, mid, ask)),
        iv=quotes.iv,
        vega=each["vega"],
        delta=each["delta"],
        intrinsic=intrinsic,
        years=years,
        index=safe_index,
        spot=safe_spot,
        greeks={name: _sum(side, values) for name, values in each.items()},
    )


def _sum(side: Floats, values: Floats) -> Floats:
    """Leg by leg, so that a row is the same in any batch."""
    total = side[:, 0] * values[:, 0]
    for leg in range(1, side.shape[1]):
        total = total + side[:, leg] * values[:, leg]
    return np.asarray(total, dtype=np.float64)


def _net(side: Floats, prices: Floats) -> Floats:
    """The net price of a spread, to a hundredth of a cent as brokers report it."""
    return np.asarray(np.round(_sum(side, prices), 4))


def _carried(known: Bools, begins: Ints) -> Ints:
    """For each row the last known one of its trade, or itself if there is none."""
    rows = np.arange(len(known))
    last = np.maximum.accumulate(np.where(known, rows, -1))
    return np.asarray(np.where(last >= begins, last, rows), dtype=np.int64)


def _assigned(
    legs: Legs, trade: Ints, priced: _Priced, dividend: Floats, rules: BacktestRules
) -> Bools:
    """Which legs are exercised by their holders after the close, [rows, legs]."""
    own = rules.assignment
    if not own.enabled:
        return np.zeros_like(priced.alive)
    side, sign, strike = legs.side[trade], legs.sign[trade], legs.strike[trade]
    short = priced.alive & (side < 0) & (priced.intrinsic > 0)
    no_time_value = priced.mid <= priced.intrinsic + own.max_extrinsic_usd + 1e-9
    deep = short & (np.abs(priced.delta) >= own.min_delta) & no_time_value
    tomorrow = np.append(dividend[1:], 0.0)
    tomorrow = np.where(np.append(trade[1:] == trade[:-1], False), tomorrow, 0.0)
    candidates = short & (sign > 0) & (tomorrow > 0)[:, None]
    at = np.nonzero(candidates)
    if len(at[0]):
        puts = quote(
            priced.spot[at], strike[at], priced.years[at], priced.index[at],
            np.full(len(at[0]), PUT), rules.chain,
        )  # fmt: skip
        deep[at] = deep[at] | (puts.mid < tomorrow[at[0]])
    return deep


def _after_assignment(
    legs: Legs, trade: Ints, priced: _Priced, assigned: Bools, spot: Floats, dividend: Floats
) -> Floats:
    """What closing brings on the session after an assignment.

    The exercised leg has become shares at its strike, bought back or sold at this close; who is
    short shares over an ex-dividend day owes the dividend.
    """
    sign, strike = legs.sign[trade], legs.strike[trade]
    yesterday = np.zeros_like(assigned)
    yesterday[1:] = assigned[:-1]
    shares = sign * (spot[:, None] - strike) + np.where(sign > 0, dividend[:, None], 0.0)
    return _net(legs.side[trade], np.where(yesterday, shares, priced.closing))


def _attribution(
    side: Floats, priced: _Priced, spot: Floats, session: Ints, market: BacktestMarket,
    starts: Bools, row: Ints,
) -> dict[str, Floats]:  # fmt: skip
    """The mark's change since the row before, by Taylor's formula with that row's greeks."""
    before = np.where(starts, np.arange(len(spot)), np.arange(len(spot)) - 1)
    move = spot - spot[before]
    days = (market.days[session] - market.days[session[before]]).astype(np.float64)
    greek = {name: values[row][before] for name, values in priced.greeks.items()}
    both = priced.alive & priced.alive[before]
    change = np.where(both, 100.0 * (priced.iv - priced.iv[before]) * priced.vega[before], 0.0)
    return {
        "delta": greek["delta"] * move,
        "gamma": 0.5 * greek["gamma"] * move * move,
        "theta": greek["theta"] * days,
        "vega": _sum(side, change),
    }
