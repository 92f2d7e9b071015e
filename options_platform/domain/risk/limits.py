"""Limits that depend on the account's state; applied where orders are made, and in the backtest.

Open positions and working entries count alike: an order that waits is taken as filled. A limit
judges entries alone; what closes a position lowers its risk and is never asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.domain.risk.rules import RiskRules

ONE_PERCENT = 0.01
SLACK = 1e-9
"""Relative: a sum of floats may pass its limit in the last bits."""


@dataclass(frozen=True)
class Exposure:
    """An open position or a working entry.

    `max_loss_usd` is of the whole position; `delta_usd` shares x spot, `gamma_usd` the change of
    `delta_usd` for a move of 1%, `vega_usd` per point of volatility, `theta_usd` per calendar day.
    """

    ticker: str
    max_loss_usd: float
    expiry: date | None = None
    delta_usd: float = 0.0
    gamma_usd: float = 0.0
    vega_usd: float = 0.0
    theta_usd: float = 0.0

    def scaled(self, share: float) -> Exposure:
        """That share of it."""
        return Exposure(
            self.ticker,
            self.max_loss_usd * share,
            self.expiry,
            self.delta_usd * share,
            self.gamma_usd * share,
            self.vega_usd * share,
            self.theta_usd * share,
        )

    def plus(self, other: Exposure) -> Exposure:
        """Both as one position, of this one's ticker and expiry."""
        return Exposure(
            self.ticker,
            self.max_loss_usd + other.max_loss_usd,
            self.expiry,
            self.delta_usd + other.delta_usd,
            self.gamma_usd + other.gamma_usd,
            self.vega_usd + other.vega_usd,
            self.theta_usd + other.theta_usd,
        )


@dataclass(frozen=True)
class Check:
    """One limit, as it was asked: `value` with the new entry, against `threshold`."""

    code: str
    value: float
    threshold: float

    @property
    def passed(self) -> bool:
        """Whether the value is within the threshold."""
        return self.value <= self.threshold + SLACK * max(1.0, abs(self.threshold))


def exposure_of(
    ticker: str,
    max_loss_usd: float,
    expiry: date | None,
    *,
    spot: float,
    shares_delta: float,
    shares_gamma: float,
    vega_usd: float,
    theta_usd: float,
) -> Exposure:
    """The exposure of a position from its greeks.

    `shares_delta` is in shares, `shares_gamma` in shares per USD that the spot moves.
    """
    return Exposure(
        ticker,
        max_loss_usd,
        expiry,
        delta_usd=shares_delta * spot,
        gamma_usd=shares_gamma * spot * spot * ONE_PERCENT,
        vega_usd=vega_usd,
        theta_usd=theta_usd,
    )


def assess(
    entry: Exposure, held: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> tuple[Check, ...]:
    """Every limit with the value that it would have after `entry`, in a fixed order.

    A limit on greeks passes an entry that brings the account nearer to zero, whatever it holds.
    """
    everything = [*held, entry]
    group = rules.group(entry.ticker)
    risk = {
        "MAX_TRADE_RISK": ([entry], rules.max_trade_risk_pct),
        "MAX_TICKER_RISK": (
            [e for e in everything if e.ticker == entry.ticker],
            rules.max_ticker_risk_pct,
        ),
        "MAX_EXPIRY_RISK": (
            [e for e in everything if e is entry or e.expiry == entry.expiry],
            rules.max_expiry_risk_pct,
        ),
        "MAX_GROUP_RISK": (
            [e for e in everything if rules.group(e.ticker) == group],
            rules.max_group_risk_pct,
        ),
        "MAX_TOTAL_RISK": (everything, rules.max_total_risk_pct),
    }
    own = sum(e.ticker == entry.ticker for e in everything)
    return (
        Check("MAX_POSITIONS", len(everything), rules.max_positions),
        Check("MAX_POSITIONS_TICKER", own, rules.max_positions_per_ticker),
        *(
            Check(code, _loss(of), share * account_value_usd)
            for code, (of, share) in risk.items()
            # Without an expiry there is nothing to count together.
            if code != "MAX_EXPIRY_RISK" or entry.expiry is not None
        ),
        *_greek_checks(entry, held, account_value_usd, rules),
    )


def refusals(
    entry: Exposure, held: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> list[Check]:
    """The limits that `entry` would break; an empty list lets it pass."""
    return [check for check in assess(entry, held, account_value_usd, rules) if not check.passed]


def _greek_checks(
    entry: Exposure, held: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> Iterable[Check]:
    limits = rules.greeks
    shares = {
        "delta": limits.delta_pct,
        "gamma": limits.gamma_pct,
        "vega": limits.vega_pct,
        "theta": limits.theta_pct,
    }
    for greek, share in shares.items():
        before = sum(_weighted(e, greek, rules) for e in held)
        after = before + _weighted(entry, greek, rules)
        eases = abs(after) <= abs(before)
        threshold = share * account_value_usd
        yield Check(
            f"MAX_{greek.upper()}", abs(after), max(threshold, abs(before)) if eases else threshold
        )


def _weighted(exposure: Exposure, greek: str, rules: RiskRules) -> float:
    value: float = getattr(exposure, f"{greek}_usd")
    beta = rules.betas.get(exposure.ticker, 1.0)
    # A move of the market by m moves the ticker by beta x m: once for delta, twice for gamma.
    return value * {"delta": beta, "gamma": beta * beta}.get(greek, 1.0)


def _loss(exposures: Iterable[Exposure]) -> float:
    return sum(exposure.max_loss_usd for exposure in exposures)
