"""What a plan's legs are quoted at: on a stored real chain, or on the synthetic one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.calendar.expiries import choose_expiries
from options_platform.domain.chain import (
    Chain,
    ChainRules,
    Quotes,
    TermStructure,
    option_sign,
    quote,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    years_of,
)
from options_platform.domain.chain.term_structure import row_term
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.strikes import StrikeRules
from options_platform.domain.pricing import black_scholes
from options_platform.domain.strategies.base import Strategy
from options_platform.domain.strategies.opening import open_spread
from options_platform.domain.strategies.spread import Spread
from options_platform.errors import PricingError

ChainOf = Callable[[date, str], Chain | None]
"""The stored real chain of a date and ticker; None where there is none."""

UNQUOTED_IV = 0.2


@dataclass(frozen=True)
class QuotedLegs:
    """Quotes of each leg, arrays over rows; `widths` has a column for each right.

    `open_interest` and `volume` are [rows, legs], NaN where not known. A row without quotes has
    prices of zero, which no spread can be traded at.
    """

    quotes: list[Quotes]
    widths: Floats
    open_interest: Floats
    volume: Floats


def listed_expiries(rows: pl.DataFrame, rules: SelectionRules) -> Any:
    """The expiry of each row by the exchange's calendar; NaT where none is in range."""
    return choose_expiries(
        rows["date"].to_numpy().astype("datetime64[D]"),
        rows["target_dte"].to_numpy().astype(np.int64),
        rules.min_dte,
        rules.max_dte,
        rows["ticker"].to_list(),
    )


def chain_expiries(rows: pl.DataFrame, chain_of: ChainOf, rules: SelectionRules) -> Any:
    """The expiry of each row among those of its chain: nearest to the target, ties later."""
    found = []
    for day, ticker, target in rows.select("date", "ticker", "target_dte").iter_rows():
        chain = chain_of(day, ticker)
        listed = chain.expiries if chain is not None else []
        days = {expiry: (expiry - day).days for expiry in listed}
        fit = [e for e, dte in days.items() if rules.min_dte <= dte <= rules.max_dte]
        best = min(fit, key=lambda e: (abs(days[e] - target), -days[e]), default=None)
        found.append(np.datetime64(best if best is not None else "NaT", "D"))
    return np.array(found, dtype="datetime64[D]")


def synthetic_quotes(
    rows: pl.DataFrame, dte: Any, strategy: Strategy, strikes: StrikeRules, chain: ChainRules
) -> QuotedLegs:
    """The legs on the synthetic chains of the rows."""
    spot, atm = rows["spot"].to_numpy(), rows["iv_close"].to_numpy() / 100.0
    years, term = years_of(dte), row_term(rows)
    prices, widths = _strikes(rows, spot, atm, years, strategy, strikes, chain, term)
    quotes = []
    for number, leg in enumerate(strategy.legs):
        sign = option_sign(np.full(rows.height, leg.right))
        quotes.append(quote(spot, prices[number], years, atm, sign, chain, term))
    unknown = np.full((rows.height, len(quotes)), np.nan)
    if strategy.naked:
        widths = np.full_like(widths, np.nan)
    return QuotedLegs(quotes, widths, unknown, unknown)


def chain_quotes(
    rows: pl.DataFrame,
    expiry: Any,
    strategy: Strategy,
    strikes: StrikeRules,
    rules: ChainRules,
    chain_of: ChainOf,
) -> QuotedLegs:
    """The legs on the stored real chains of the rows: deltas, widths and prices are theirs."""
    days = (expiry - rows["date"].to_numpy().astype("datetime64[D]")).astype(np.int64)
    spot, atm = rows["spot"].to_numpy(), rows["iv_close"].to_numpy() / 100.0
    width = width_of(rows, spot, atm, years_of(days), strikes)
    delta = _anchor_delta(rows, strategy, strikes)
    spreads: list[Spread | None] = []
    depth = np.full((2, rows.height, len(strategy.legs)), np.nan)
    for n, (day, ticker) in enumerate(rows.select("date", "ticker").iter_rows()):
        chain, end = chain_of(day, ticker), expiry[n].astype(object)
        try:
            assert chain is not None  # noqa: S101 (the rows are those that have one)
            spread = open_spread(
                strategy, chain, end, rules, delta=float(delta[n]), width=float(width[n]),
                # What has no permission never comes as far as its quotes.
                undefined_risk_allowed=strategy.naked,
            )  # fmt: skip
            for at, (leg, own) in enumerate(zip(strategy.legs, spread.legs, strict=True)):
                found = chain.contract(end, leg.right, own.strike)
                depth[:, n, at] = [_known(found["open_interest"]), _known(found["volume"])]
        except PricingError:
            spreads.append(None)
        else:
            spreads.append(spread)
    quotes = [
        _leg_quotes(
            spreads, at, option_sign(np.full(rows.height, leg.right)), years_of(days), rules
        )
        for at, leg in enumerate(strategy.legs)
    ]
    return QuotedLegs(quotes, _widths(rows.height, strategy, quotes), depth[0], depth[1])


def _widths(count: int, strategy: Strategy, quotes: list[Quotes]) -> Floats:
    """From the anchor to the wing of each right; NaN where a strategy has no wings."""
    if strategy.naked:
        return np.full((count, len(strategy.rights)), np.nan)
    widths = [
        np.abs(np.subtract(*(q.strike for leg, q in zip(strategy.legs, quotes, strict=True)
                             if leg.right == right)))
        for right in strategy.rights
    ]  # fmt: skip
    return np.stack(widths, axis=1)


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
    found = rows["regime"].replace_strict(deltas, return_dtype=pl.Float64)
    return np.asarray(found.to_numpy(), dtype=np.float64)


def _strikes(
    rows: pl.DataFrame,
    spot: Floats,
    atm: Floats,
    years: Floats,
    strategy: Strategy,
    rules: StrikeRules,
    chain: ChainRules,
    term: TermStructure,
) -> tuple[list[Floats], Floats]:
    """The strikes of each leg, and the width for each right as columns."""
    delta = _anchor_delta(rows, strategy, rules)
    step = strike_step(spot)
    distance = np.maximum(snap_strike(width_of(rows, spot, atm, years, rules), step), step)
    anchors: dict[str, Floats] = {}
    wings: dict[str, Floats] = {}
    for right in strategy.rights:
        sign = option_sign(np.full(rows.height, right))
        anchors[right] = (
            snap_strike(spot, step)
            if strategy.centred
            else strike_nearest_delta(spot, years, atm, sign, delta, chain, term)
        )
        wings[right] = np.maximum(anchors[right] + sign * distance, step)
    strikes = [(anchors if leg.role == "anchor" else wings)[leg.right] for leg in strategy.legs]
    widths = np.stack([np.abs(wings[r] - anchors[r]) for r in strategy.rights], axis=1)
    return strikes, widths


def width_of(
    rows: pl.DataFrame, spot: Floats, atm: Floats, years: Floats, rules: StrikeRules
) -> Floats:
    """The width that the rules ask for, USD a share."""
    if rules.width_mode == "percent":
        return spot * rules.width_pct
    if rules.width_mode == "expected_move":
        return np.asarray(rules.width_moves * spot * atm * np.sqrt(years))
    widths = rows["regime"].replace_strict(rules.width_usd, return_dtype=pl.Float64)
    return np.asarray(widths.to_numpy(), dtype=np.float64)
