"""Opening a strategy on a chain, real or synthetic: its legs by delta, width and expiry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from options_platform.domain.chain import Chain, ChainRules
from options_platform.domain.pricing import CALL, DAYS_A_YEAR, PUT
from options_platform.domain.strategies.base import Leg, Right, Strategy
from options_platform.domain.strategies.spread import Spread, SpreadLeg
from options_platform.domain.strategies.strike_choice import choose_strikes
from options_platform.errors import PricingError


def open_spread(
    strategy: Strategy,
    chain: Chain,
    expiry: date,
    rules: ChainRules,
    *,
    delta: float,
    width: float,
    wing_delta: float | None = None,
    near_expiry: date | None = None,
    undefined_risk_allowed: bool = False,
    steps_out: int = 0,
) -> Spread:
    """The strategy's legs on `chain`, all expiring on `expiry` but `near` legs.

    Anchors have the nearest listed delta (the listed strike nearest to the spot where the
    strategy is centred), wings the listed strike nearest to `width` USD further out, or with
    `wing_delta` the one with the nearest delta. With `steps_out` all of them lie so many listed
    strikes further from the money.

    Raises :class:`PricingError` where the chain lacks a strike, the risk has no bound and
    `undefined_risk_allowed` does not say so, or a calendar has no nearer expiry.
    """
    if not strategy.defined_risk and not undefined_risk_allowed:
        raise PricingError(
            f"{strategy.name} can lose without bound; allow it (undefined_risk_allowed), or take a "
            "strategy with wings"
        )
    if not strategy.one_expiry and (near_expiry is None or near_expiry >= expiry):
        raise PricingError(f"{strategy.name} needs a near_expiry before {expiry}")
    listed = ChainStrikes(chain, expiry, near_expiry)
    strikes = choose_strikes(strategy, listed, delta, width, wing_delta, steps_out)
    legs = tuple(
        _leg(chain, leg, listed.expiry_of(leg), strike)
        for leg, strike in zip(strategy.legs, strikes, strict=True)
    )
    return Spread(strategy.name, chain.spot, legs, rules.risk_free_rate, rules.dividend_yield)


@dataclass(frozen=True)
class ChainStrikes:
    """The strikes of one chain; any may raise :class:`PricingError` where it lacks one."""

    chain: Chain
    expiry: date
    near_expiry: date | None

    def expiry_of(self, leg: Leg) -> date:
        """When the leg expires."""
        return self.near_expiry if leg.role == "near" and self.near_expiry else self.expiry

    def at_spot(self, right: Right) -> float:
        """The one nearest to the spot."""
        distance = (pl.col("strike") - self.chain.spot).abs()
        return float(self.chain.side(self.expiry, right).sort(distance, "strike")["strike"][0])

    def nearest_delta(self, right: Right, delta: float) -> float:
        """The one whose quote has the delta nearest to `delta`."""
        return float(str(self.chain.nearest_delta(self.expiry, right, delta)["strike"]))

    def at_distance(self, right: Right, distance: float) -> float:
        """The one nearest to that far out of the money, of those with a volatility."""
        wanted = self.chain.spot + (CALL if right == "call" else PUT) * distance
        quoted = self.chain.side(self.expiry, right).filter(pl.col("iv").is_not_null())
        if quoted.is_empty():
            raise PricingError(
                f"{self.chain.ticker} quotes no {right} of {self.expiry} on {self.chain.session}"
            )
        return float(quoted.sort((pl.col("strike") - wanted).abs(), "strike")["strike"][0])

    def further(self, right: Right, strike: float, steps: int) -> float:
        """The one `steps` listed strikes above `strike` for calls, below it for puts."""
        sign = CALL if right == "call" else PUT
        beyond = self.chain.side(self.expiry, right).filter((pl.col("strike") - strike) * sign > 0)
        strikes = beyond.sort(pl.col("strike") * sign)["strike"]
        if len(strikes) < steps:
            raise PricingError(
                f"{self.chain.ticker} lists no {right} {steps} strikes beyond {strike:g}, "
                f"{self.expiry}, on {self.chain.session}"
            )
        return float(strikes[steps - 1])

    def away(self, leg: Leg, anchor: float, width: float) -> float:
        """The one nearest to the leg's widths from `anchor`, of those with a volatility."""
        sign = CALL if leg.right == "call" else PUT
        wanted = anchor + sign * (leg.widths_out * width)
        beyond = (pl.col("strike") - anchor) * (sign * leg.widths_out) > 0
        rows = _quoted(self.chain, leg, self.expiry_of(leg)).filter(beyond)
        if rows.is_empty():
            raise _no_strike(self.chain, leg, anchor, self.expiry_of(leg))
        return float(rows.sort((pl.col("strike") - wanted).abs(), "strike")["strike"][0])


def _quoted(chain: Chain, leg: Leg, expiry: date) -> pl.DataFrame:
    return chain.side(expiry, leg.right).filter(pl.col("iv").is_not_null())


def _no_strike(chain: Chain, leg: Leg, strike: float, expiry: date) -> PricingError:
    return PricingError(
        f"{chain.ticker} lists no {leg.right} for the {leg.role} at {strike:g}, {expiry}, "
        f"on {chain.session}"
    )


def _leg(chain: Chain, leg: Leg, expiry: date, strike: float) -> SpreadLeg:
    rows = _quoted(chain, leg, expiry).filter(pl.col("strike") == strike)
    if rows.is_empty():
        raise _no_strike(chain, leg, strike, expiry)
    quote = rows.row(0, named=True)
    return SpreadLeg(
        side=float(leg.signed_ratio),
        sign=CALL if leg.right == "call" else PUT,
        strike=quote["strike"],
        years=(expiry - chain.session).days / DAYS_A_YEAR,
        iv=quote["iv"],
        bid=quote["bid"],
        mid=quote["mid"],
        ask=quote["ask"],
    )
