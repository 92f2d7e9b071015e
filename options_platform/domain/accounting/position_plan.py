"""An open position with its plan: its legs, what it can make and lose, and when it is closed.

What the rules of exits close it at comes from the functions that close it; the probability of a
profit from the model that marks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import ChainRules, option_sign, quote, years_of
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.decision_words import legs_words
from options_platform.domain.strategies.spread import Spread, SpreadLeg
from options_platform.domain.trading.exits.exit_rules import (
    ExitRules,
    days_at_time_exit,
    exit_levels,
)
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import LEG_SIDES
from options_platform.domain.trading.positions import Position
from options_platform.formats import closing_price, count, net_price, number, pct, usd, words


@dataclass(frozen=True)
class PositionPlan:
    """When a position is closed, and what it makes where the underlying ends.

    `take_profit` and `stop_loss` are values of the position, USD a share, negative where closing
    costs money; None where no price reaches them. `time_on` is the close at which the calendar
    closes it, None if nothing does. `break_evens` are spots at the first expiry, ascending, without
    fees; `probability` is the risk-neutral one of a profit there, by the model at the newest close.
    Both are missing where legs were assigned, without a close, and once expired. `leaving` is the
    reason of the exit order that works, None without one; `before_report` says in words when it
    leaves for an earnings report.
    """

    position: Position
    take_profit: float | None
    stop_loss: float | None
    time_on: date | None
    break_evens: tuple[float, ...] = ()
    probability: float | None = None
    leaving: str | None = None
    before_report: str | None = None

    def title(self) -> str:
        """What it is, without its legs."""
        p = self.position
        return f"{p.ticker}: {p.contracts} x {words(p.strategy)} of rule set {p.rule_set}"

    def in_words(self) -> list[str]:
        """How it was opened, what it can make, and when it is closed: a sentence or two each."""
        return [self.holding_words(), self.bounds_words(), self.exit_words()]

    def holding_words(self) -> str:
        """Entry, legs and profit so far."""
        p = self.position
        return (
            f"Opened {p.opened_on} for {net_price(p.entry_price)} a share: "
            f"{legs_words([vars(leg) for leg in p.legs])}, expiring {p.expiry}. To close at "
            f"{p.marked_on}: {closing_price(p.mark_price)}, profit "
            f"{usd(p.profit_usd, signed=True)}."
        )

    def bounds_words(self) -> str:
        """The bounds of profit and loss, break-evens, and the probability of a profit."""
        p = self.position
        makes = (
            f"makes at most {usd(p.max_profit_usd)}"
            if math.isfinite(p.max_profit_usd)
            else "makes without bound"
        )
        text = f"Loses at most {usd(p.max_loss_usd)}, {makes}"
        if self.break_evens:
            text += f"; breaks even at {' and '.join(map(number, self.break_evens))}"
        if self.probability is not None:
            text += f"; {pct(self.probability, 0)} likely to end with a profit, by modelled prices"
        return f"{text}."

    def exit_words(self) -> str:
        """What closes it."""
        parts = []
        if self.take_profit is not None:
            parts.append(f"takes profit from {closing_price(self.take_profit)} to close")
        if self.stop_loss is not None:
            parts.append(f"stops at {closing_price(self.stop_loss)}")
        if self.time_on is not None:
            left = (self.position.expiry - self.time_on).days
            parts.append(f"time is up on {self.time_on}, {count(left, 'day')} before expiry")
        if self.before_report is not None:
            parts.append(self.before_report)
        rules = ", ".join(parts) or "none; it is held to expiry"
        leaves = f" Its exit works in the next session: {self.leaving}." if self.leaving else ""
        return f"Exits, judged at each close: {rules}.{leaves}"


def position_plan(
    position: Position,
    exits: ExitRules,
    expiry: ExpiryRules,
    at: DatedClose | None,
    chain: ChainRules,
    leaving: str | None = None,
    before_report: str | None = None,
) -> PositionPlan:
    """The plan of an open position by the rules of the set that opened it.

    `at` is the newest close of its ticker, None without one; `leaving` is the reason of the exit
    that works, if any, `before_report` as in :class:`PositionPlan`.
    """
    most = position.max_profit_usd / position.units
    worst = position.max_loss_usd / position.units
    levels = exit_levels(position.entry_price, worst, most, exits)
    is_taken, is_stopped = levels.take_profit <= most, levels.stop_loss <= worst
    if position.strategy in EARNINGS_STRATEGIES:
        is_taken = is_stopped = False
    spread = None if position.broken_contracts else modelled_spread(position, at, chain)
    return PositionPlan(
        position,
        position.entry_price + levels.take_profit if is_taken else None,
        position.entry_price - levels.stop_loss if is_stopped else None,
        expiry.last_decision(position.expiry)
        if position.strategy in EARNINGS_STRATEGIES
        else _time_on(position, exits, expiry),
        () if spread is None else spread.break_evens,
        None if spread is None else spread.probability_of_profit,
        leaving,
        before_report,
    )


def _time_on(position: Position, exits: ExitRules, expiry: ExpiryRules) -> date | None:
    """The first close at which the calendar alone closes the position."""
    last = expiry.last_decision(position.expiry)
    days = days_at_time_exit(position.entry_dte, exits)
    if days <= 0:
        return last
    first = shift(position.expiry - timedelta(days=days + 1), 1)
    return first if last is None else min(first, last)


def modelled_spread(position: Position, at: DatedClose | None, chain: ChainRules) -> Spread | None:
    """The spread at the newest close, with the volatilities of the model and its entry price.

    None where legs were assigned, without a close, and once expired.
    """
    legs = position.legs
    if at is None or at.session >= position.expiry or any(leg.is_shares for leg in legs):
        return None
    strikes = np.array([leg.strike for leg in legs])
    years = years_of(np.array([(leg.expiry - at.session).days for leg in legs]))
    signs = option_sign(np.array([leg.right for leg in legs]))
    underlying = at.close.underlying(at.session, len(legs))
    vols = quote(underlying, strikes, years, signs, chain).iv
    sides = [LEG_SIDES[leg.side] * leg.ratio for leg in legs]
    # Only the net price of the entry is known; which leg has it makes no difference to a payoff.
    paid = [position.entry_price / sides[0], *[0.0] * (len(legs) - 1)]
    rate = float(np.mean(underlying.term.rate_or(chain.risk_free_rate)))
    return Spread(
        position.strategy,
        at.close.spot,
        tuple(
            SpreadLeg(side, sign, strike, left, vol, price, price, price)
            for side, sign, strike, left, vol, price in zip(
                sides, signs.tolist(), strikes.tolist(), years.tolist(), vols.tolist(), paid,
                strict=True,
            )
        ),
        rate,
        chain.dividend_yield,
    )  # fmt: skip
