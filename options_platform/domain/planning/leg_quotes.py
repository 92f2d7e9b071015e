"""What a plan's legs are quoted at: on a stored real chain, or on the synthetic one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain import (
    ChainRules,
    Quotes,
    Underlying,
    option_sign,
    quote,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    years_of,
)
from options_platform.domain.chain.term_structure import row_underlying
from options_platform.domain.planning.expiries import ChainOf, Dates, LegExpiries
from options_platform.domain.planning.strike_settings import BY_DELTA, BY_MOVES, StrikeRules
from options_platform.domain.pricing import black_scholes
from options_platform.domain.strategies.base import Leg, Right, Strategy
from options_platform.domain.strategies.opening import open_spread
from options_platform.domain.strategies.spread import Spread
from options_platform.domain.strategies.strike_choice import choose_strikes
from options_platform.errors import PricingError

UNQUOTED_IV = 0.2
WIDTH_WANTED = "width_wanted"
"""Column of rows that have a width of their own, USD a share, in place of the rules'."""
STEPS_OUT = "steps_out"
"""Column of rows that are planned some listed strikes further out, the same number in each."""


@dataclass(frozen=True)
class QuotedLegs:
    """Quotes of each leg, arrays over rows.

    `years`, the time to each leg's expiry, `open_interest` and `volume` are [rows, legs], the
    latter two NaN where not known. A row without quotes has prices of zero, which no spread can be
    traded at.
    """

    quotes: list[Quotes]
    years: Floats
    open_interest: Floats
    volume: Floats

    def each(self, name: str) -> Floats:
        """One column of the quotes, [rows, legs]."""
        return np.stack([getattr(own, name) for own in self.quotes], axis=1)


def synthetic_quotes(
    rows: pl.DataFrame,
    expiries: LegExpiries,
    strategy: Strategy,
    strikes: StrikeRules,
    chain: ChainRules,
) -> QuotedLegs:
    """The legs on the synthetic chains of the rows."""
    underlying = row_underlying(rows, rows["spot"].to_numpy())
    last = years_of(_dte(rows, expiries.last))
    listed = _GridStrikes(underlying, last, strike_step(underlying), chain)
    spot, atm = underlying.spot, underlying.index
    width = width_of(rows, spot, atm, years_of(_dte(rows, expiries.first)), strikes)
    delta, wing_delta = _anchor_delta(rows, strategy, strikes), _wing_delta(rows, strikes)
    prices = choose_strikes(strategy, listed, delta, width, wing_delta, _steps_out(rows))
    years = [years_of(_dte(rows, expiries.of(leg))) for leg in strategy.legs]
    quotes = [
        quote(underlying, price, left, _signs(rows, leg.right), chain)
        for leg, price, left in zip(strategy.legs, prices, years, strict=True)
    ]
    unknown = np.full((rows.height, len(quotes)), np.nan)
    return QuotedLegs(quotes, np.stack(years, axis=1), unknown, unknown)


def chain_quotes(
    rows: pl.DataFrame,
    expiries: LegExpiries,
    strategy: Strategy,
    strikes: StrikeRules,
    rules: ChainRules,
    chain_of: ChainOf,
) -> QuotedLegs:
    """The legs on the stored real chains of the rows: deltas, widths and prices are theirs."""
    spot, atm = rows["spot"].to_numpy(), rows["iv_close"].to_numpy() / 100.0
    width = width_of(rows, spot, atm, years_of(_dte(rows, expiries.first)), strikes)
    delta, wing_delta = _anchor_delta(rows, strategy, strikes), _wing_delta(rows, strikes)
    spreads: list[Spread | None] = []
    depth = np.full((2, rows.height, len(strategy.legs)), np.nan)
    for n, (day, ticker) in enumerate(rows.select("date", "ticker").iter_rows()):
        chain = chain_of(day, ticker)
        first, last = (dates[n].astype(object) for dates in (expiries.first, expiries.last))
        try:
            assert chain is not None  # noqa: S101 (the rows are those that have one)
            spread = open_spread(
                strategy, chain, last, rules, delta=float(delta[n]), width=float(width[n]),
                wing_delta=None if wing_delta is None else float(wing_delta[n]),
                near_expiry=first, steps_out=_steps_out(rows),
                # What has no permission never comes as far as its quotes.
                undefined_risk_allowed=True,
            )  # fmt: skip
            for at, (leg, own) in enumerate(zip(strategy.legs, spread.legs, strict=True)):
                end = expiries.of(leg)[n].astype(object)
                contract = chain.contract(end, leg.right, own.strike)
                depth[:, n, at] = [_known(contract["open_interest"]), _known(contract["volume"])]
        except PricingError:
            spreads.append(None)
        else:
            spreads.append(spread)
    years = [years_of(_dte(rows, expiries.of(leg))) for leg in strategy.legs]
    quotes = [
        _leg_quotes(spreads, at, _signs(rows, leg.right), years[at], rules)
        for at, leg in enumerate(strategy.legs)
    ]
    return QuotedLegs(quotes, np.stack(years, axis=1), depth[0], depth[1])


@dataclass(frozen=True)
class _GridStrikes:
    """The strikes of the synthetic chains, a row each; `years` to the expiry of the anchors."""

    underlying: Underlying
    years: Floats
    step: Floats
    rules: ChainRules

    def at_spot(self, right: Right) -> Floats:  # noqa: ARG002
        return snap_strike(self.underlying.spot, self.step)

    def nearest_delta(self, right: Right, delta: Floats) -> Floats:
        sign = option_sign(np.full(len(self.years), right))
        return strike_nearest_delta(self.underlying, self.years, sign, delta, self.rules)

    def at_distance(self, right: Right, distance: Floats) -> Floats:
        sign = option_sign(np.full(len(self.years), right))
        strikes = snap_strike(self.underlying.spot + sign * distance, self.step)
        return np.asarray(np.maximum(strikes, self.step))

    def further(self, right: Right, strike: Floats, steps: int) -> Floats:
        sign = option_sign(np.full(len(self.years), right))
        return np.asarray(np.maximum(strike + sign * steps * self.step, self.step))

    def away(self, leg: Leg, anchor: Floats, width: Floats) -> Floats:
        distance = np.maximum(snap_strike(abs(leg.widths_out) * width, self.step), self.step)
        sign = option_sign(np.full(len(self.years), leg.right)) * np.sign(leg.widths_out)
        return np.asarray(np.maximum(anchor + sign * distance, self.step))


def _steps_out(rows: pl.DataFrame) -> int:
    """By how many strikes the spreads of `rows` lie further out than their rules choose."""
    return int(rows[STEPS_OUT][0]) if STEPS_OUT in rows.columns else 0


def _dte(rows: pl.DataFrame, expiry: Dates) -> NDArray[np.int64]:
    return np.asarray((expiry - rows["date"].to_numpy().astype("datetime64[D]")).astype(np.int64))


def _signs(rows: pl.DataFrame, right: str) -> Floats:
    return option_sign(np.full(rows.height, right))


def _leg_quotes(
    spreads: list[Spread | None], at: int, sign: Floats, years: Floats, rules: ChainRules
) -> Quotes:
    def each(name: str, without: float) -> Floats:
        values = [without if s is None else getattr(s.legs[at], name) for s in spreads]
        return np.array(values, dtype=np.float64)

    spot = np.array([1.0 if s is None else s.spot for s in spreads])
    strike, iv = each("strike", 1.0), each("iv", UNQUOTED_IV)
    greeks = black_scholes(
        spot, strike, years, iv, rules.risk_free_rate, rules.dividend_yield, sign
    )
    return Quotes(strike, each("bid", 0.0), each("mid", 0.0), each("ask", 0.0), iv, greeks)


def _known(value: object) -> float:
    return float("nan") if value is None else float(str(value))


def _anchor_delta(rows: pl.DataFrame, strategy: Strategy, rules: StrikeRules) -> Floats:
    deltas = rules.long_delta if strategy.kind == "debit" else rules.short_delta
    by_regime = rows["regime"].replace_strict(deltas, return_dtype=pl.Float64)
    return np.asarray(by_regime.to_numpy(), dtype=np.float64)


def _wing_delta(rows: pl.DataFrame, rules: StrikeRules) -> Floats | None:
    """The absolute delta of each row's wings; None where widths are asked for."""
    if rules.width_mode != BY_DELTA:
        return None
    by_regime = rows["regime"].replace_strict(rules.wing_delta, return_dtype=pl.Float64)
    return np.asarray(by_regime.to_numpy(), dtype=np.float64)


def width_of(
    rows: pl.DataFrame, spot: Floats, atm: Floats, years: Floats, rules: StrikeRules
) -> Floats:
    """The width that the rules ask for, USD a share; the fixed one where they ask for a delta.

    Rows with `WIDTH_WANTED` have that.
    """
    if WIDTH_WANTED in rows.columns:
        return np.asarray(rows[WIDTH_WANTED].to_numpy(), dtype=np.float64)
    if rules.width_mode == "percent":
        return spot * rules.width_pct
    if rules.width_mode == BY_MOVES:
        return np.asarray(rules.width_moves * spot * atm * np.sqrt(years))
    widths = rows["regime"].replace_strict(rules.width_usd, return_dtype=pl.Float64)
    return np.asarray(widths.to_numpy(), dtype=np.float64)
