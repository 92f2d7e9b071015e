"""Value of every planned trade on each session of its life, computed in one pass.

Prices do not depend on the account, so the event loop only looks them up. A path begins on the
session after the plan and ends on the last session up to the first expiry. Prices are on the basis
of the planning day: a later split changes strikes and contracts of listed options such that the
value of the position is unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.backtest.assignment import assigned_legs, closing_after_assignment
from options_platform.domain.backtest.leg_marks import modelled_marks, real_marks
from options_platform.domain.backtest.legs import (
    Bools,
    Ints,
    Legs,
    PricedLegs,
    leg_sum,
    net_price,
    trade_legs,
)
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.real_quotes import ModelledLegs
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.chain import NO_TERM, Underlying, quote, years_of
from options_platform.domain.chain.term_structure import term_of
from options_platform.domain.earnings.trade_exits import FOR_REPORT
from options_platform.domain.pricing import intrinsic_value
from options_platform.domain.trading.exits.ex_dividend import calls_to_close
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.pin_risk import PinRiskRules, near_the_money
from options_platform.domain.trading.fill_prices import AT_FAR_SIDE

NEVER = np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class TradePaths:
    """Flat rows, trade by trade and session by session; prices in USD a share.

    Trade t has rows `first[t]` to `first[t] + length[t] - 1`, starting with session `entry[t]`;
    length 0 if the data end before. `has_data` is False in a session without bar or index; its
    values are carried forward. `opening`, `closing` and `mark` are the net prices to open, to close
    and at the mids, bought legs positive. `assigned`: a short leg is exercised overnight;
    `assigned_legs`, shape [rows, legs]: which; `assigned_closing`: closing value in the session
    after. `before_ex_date`: a short call should be closed because of the dividend expected at this
    close. `at_pin_risk`: a short leg is too near the money for the days that it has left.
    `far_closing` is `closing` at the far side of the quotes, where an exit before a report ends;
    the same as `closing` where no report is known. `parts`:
    the change of the mark since the previous row, attributed to `GREEKS`. `source`, shape
    [rows, legs], `fillable` and `evidence` as in `PricedLegs`.
    """

    legs: Legs
    entry: Ints
    first: Ints
    length: Ints
    has_data: Bools
    spot: Floats
    opening: Floats
    closing: Floats
    mark: Floats
    assigned: Bools
    assigned_legs: Bools
    assigned_closing: Floats
    before_ex_date: Bools
    at_pin_risk: Bools
    far_closing: Floats
    leg_opening: Floats
    leg_closing: Floats
    leg_far_closing: Floats
    leg_assigned: Floats
    greeks: dict[str, Floats]
    parts: dict[str, Floats]
    source: Ints
    fillable: Bools
    evidence: Bools

    def closing_price(self, row: int, reason: str | None) -> float:
        """What closing for a reason brings, USD a share, bought legs positive."""
        return float((self.far_closing if reason in FOR_REPORT else self.closing)[row])


def trade_paths(
    plans: pl.DataFrame, legs: pl.DataFrame, market: BacktestMarket, rules: BacktestRules
) -> TradePaths:
    """The path of every trade in `plans`, from rows of `trade_plan` and `trade_plan_legs`."""
    all_legs = trade_legs(plans, legs)
    planned = np.searchsorted(market.days, plans["date"].to_numpy().astype("datetime64[D]"))
    column = np.searchsorted(np.array(market.tickers), plans["ticker"].to_numpy().astype(str))
    entry = planned + 1
    end = np.searchsorted(market.days, all_legs.first_expiry, side="right")
    length = np.maximum(end - entry, 0)
    first = np.cumsum(length) - length
    trade = np.repeat(np.arange(len(entry)), length)
    session = np.arange(len(trade)) - first[trade] + entry[trade]
    factor = market.factor[planned, column][trade]
    spot = market.close[session, column[trade]] * factor
    index = market.index[session, column[trade]]
    scale = factor / market.factor[session, column[trade]]
    has_data = np.isfinite(spot) & np.isfinite(index) & (index > 0)
    row = _carried(has_data, first[trade])
    spot = np.where(has_data, spot, spot[row])
    priced = _price(
        all_legs, trade, market, column[trade], session, spot, index, has_data, scale, rules
    )
    dividend = market.dividend[session, column[trade]] * factor
    exercised = assigned_legs(all_legs, trade, priced, dividend, rules)
    after = closing_after_assignment(all_legs, trade, priced, exercised, spot, dividend)
    opening = net_price(all_legs.side[trade], priced.opening)
    closing = net_price(all_legs.side[trade], priced.closing)
    greeks = {name: values[row] for name, values in priced.greeks.items()}
    starts = np.zeros(len(trade), dtype=bool)
    starts[first[length > 0]] = True
    exits = _exits_of(plans, rules)
    return TradePaths(
        legs=all_legs,
        entry=entry,
        first=first,
        length=length,
        has_data=has_data,
        spot=spot,
        opening=opening[row],
        closing=closing[row],
        mark=net_price(all_legs.side[trade], priced.mid)[row],
        assigned=exercised.any(axis=1) & has_data,
        assigned_legs=exercised,
        # Shares and what covered them are closed one by one, each at a price of its own.
        assigned_closing=net_price(all_legs.side[trade], np.round(after, 4)),
        before_ex_date=_before_ex_date(
            all_legs, trade, priced, market, session, column, factor, exits
        ),
        at_pin_risk=_at_pin_risk(all_legs, trade, priced, market.days[session], index, exits),
        far_closing=net_price(all_legs.side[trade], priced.far_closing)[row],
        leg_opening=priced.opening[row],
        leg_closing=priced.closing[row],
        leg_far_closing=priced.far_closing[row],
        leg_assigned=after,
        greeks=greeks,
        parts=_attribution(all_legs.side[trade], priced, spot, session, market, starts, row),
        source=priced.source,
        fillable=priced.fillable,
        evidence=priced.evidence,
    )


OwnExits = Sequence[tuple[ExitRules, Bools]]
"""The rules of exits, each with the trades, shape [trades], that it is for."""


def _exits_of(plans: pl.DataFrame, rules: BacktestRules) -> OwnExits:
    """By rule set, where several trade the account; empty without exits."""
    if not rules.sets:
        return [] if rules.exits is None else [(rules.exits, np.ones(plans.height, dtype=bool))]
    names = plans["rule_set"]
    each = [(rules.own(name).exits, names == name) for name in names.unique(maintain_order=True)]
    return [(exits, own.to_numpy()) for exits, own in each if exits is not None]


def _before_ex_date(
    legs: Legs, trade: Ints, priced: PricedLegs, market: BacktestMarket, session: Ints,
    column: Ints, factor: Floats, exits: OwnExits,
) -> Bools:  # fmt: skip
    coming, ahead = market.next_dividend, market.sessions_to_ex_date
    if not exits or coming is None or ahead is None:
        return np.zeros(len(trade), dtype=bool)
    at = session, column[trade]
    due = np.zeros(len(trade))
    for rules, of_trades in exits:
        own = of_trades[trade]
        due[own] = rules.ex_dividend.dividend_due(coming[at] * factor, ahead[at])[own]
    must_close = calls_to_close(
        legs.side[trade], legs.sign[trade], legs.strike[trade], priced.underlying.spot, priced.mid,
        due[:, None],
    )  # fmt: skip
    return np.asarray((must_close & priced.alive).any(axis=1))


def _at_pin_risk(
    legs: Legs,
    trade: Ints,
    priced: PricedLegs,
    day: NDArray[np.datetime64],
    index: Floats,
    exits: OwnExits,
) -> Bools:
    at_risk = np.zeros(len(trade), dtype=bool)
    for rules, of_trades in exits:
        if rules.pin_risk.sessions:
            near = _near_before_expiry(legs, trade, priced, day, index, rules.pin_risk)
            at_risk |= near & of_trades[trade]
    return at_risk


def _near_before_expiry(
    legs: Legs,
    trade: Ints,
    priced: PricedLegs,
    day: NDArray[np.datetime64],
    index: Floats,
    pin: PinRiskRules,
) -> Bools:
    at_risk = np.zeros(len(trade), dtype=bool)
    sold = legs.side < 0
    expiries, at = np.unique(legs.expiry[sold], return_inverse=True)
    asked_from = np.full(legs.expiry.shape, NEVER)
    first = [pin.asked_from(expiry) for expiry in expiries.tolist()]
    asked_from[sold] = np.array(first, dtype="datetime64[D]")[at]
    # Few rows are so near to an expiry.
    rows = np.flatnonzero(day >= asked_from.min(axis=1)[trade])
    own = trade[rows]
    near = near_the_money(
        legs.side[own], legs.strike[own], priced.underlying.spot[rows], index[rows, None],
        priced.years[rows], pin.moves,
    )  # fmt: skip
    asked = priced.alive[rows] & (asked_from[own] <= day[rows, None])
    at_risk[rows] = (asked & near).any(axis=1)
    return at_risk


def _price(
    legs: Legs, trade: Ints, market: BacktestMarket, column: Ints, session: Ints, spot: Floats,
    index: Floats, has_data: Bools, scale: Floats, rules: BacktestRules,
) -> PricedLegs:  # fmt: skip
    days = market.days[session]
    side, sign, strike = legs.side[trade], legs.sign[trade], legs.strike[trade]
    days_left = (legs.expiry[trade] - days[:, None]).astype(np.int64)
    alive = (legs.last_day[trade] > days[:, None]) & (side != 0) & has_data[:, None]
    # What cannot be priced gets harmless inputs; the results are discarded below.
    safe_spot = np.where(has_data, spot, 100.0)[:, None]
    safe_strike = np.where(alive, strike, safe_spot)
    safe_index = np.where(has_data, index, 0.2)[:, None]
    years = years_of(np.where(alive, days_left, 30))
    term = NO_TERM
    if market.term_ratios is not None and market.short_rate is not None:
        known = *market.term_ratios[:, session], market.short_rate[session]
        *tenors, short = (row[:, None] for row in known)
        term = term_of(safe_index, tenors, short)
    underlying = Underlying(
        names=tuple(market.tickers),
        ticker=column[:, None],
        session=days[:, None],
        spot=safe_spot,
        index=safe_index,
        term=term,
    )
    quotes = quote(underlying, safe_strike, years, sign, rules.chain)
    if market.chains is None or rules.chains == "synthetic":
        marks = modelled_marks(quotes, alive, rules)
    else:
        modelled = ModelledLegs(
            tuple(market.tickers), trade, column, days, scale, alive, sign, strike,
            legs.last_day[trade], quotes.greeks.delta, quotes.iv,
        )  # fmt: skip
        marks = real_marks(quotes, years, underlying, modelled, market.chains, rules)
    intrinsic = np.where(side != 0, intrinsic_value(spot[:, None], strike, sign), 0.0)

    def or_intrinsic(values: Floats) -> Floats:
        return np.where(alive, values, intrinsic)

    closing = or_intrinsic(marks.fill_prices(-side, rules.fills))
    far_closing = closing
    if market.reports and (rules.blackout.closes or rules.earnings_trades.enabled):
        far_closing = or_intrinsic(marks.fill_prices(-side, AT_FAR_SIDE))
    each = {name: np.where(alive, values, 0.0) for name, values in marks.greeks.items()}
    return PricedLegs(
        alive=alive,
        mid=or_intrinsic(marks.mid),
        opening=or_intrinsic(marks.fill_prices(side, rules.fills)),
        closing=closing,
        far_closing=far_closing,
        iv=marks.iv,
        vega=each["vega"],
        delta=each["delta"],
        intrinsic=intrinsic,
        years=years,
        underlying=underlying,
        greeks={name: leg_sum(side, values) for name, values in each.items()},
        source=marks.source,
        fillable=marks.fillable,
        evidence=marks.evidence,
    )


def _carried(has_data: Bools, begins: Ints) -> Ints:
    """For each row, the last row of its trade with data; the row itself if there is none."""
    rows = np.arange(len(has_data))
    last = np.maximum.accumulate(np.where(has_data, rows, -1))
    return np.asarray(np.where(last >= begins, last, rows), dtype=np.int64)


def _attribution(
    side: Floats, priced: PricedLegs, spot: Floats, session: Ints, market: BacktestMarket,
    starts: Bools, row: Ints,
) -> dict[str, Floats]:  # fmt: skip
    """Change of the mark since the previous row, by Taylor expansion with that row's greeks."""
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
        "vega": leg_sum(side, change),
    }
