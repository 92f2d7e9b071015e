"""Limits that depend on the account's state, applied to live orders and in the backtest.

Open positions and working entry orders count alike: a working order is treated as filled. Limits
apply to entries only; an order that closes a position lowers risk and is never refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.domain.risk.rules import RiskRules, SetLimits

ONE_PERCENT = 0.01
SLACK = 1e-9
"""Relative tolerance, since a sum of floats may exceed its limit in the last bits."""


@dataclass(frozen=True)
class Exposure:
    """Exposure of an open position or a working entry order, all in USD for the whole position.

    `delta_usd` is delta in shares x spot; `gamma_usd` the change of `delta_usd` for a 1% move;
    `vega_usd` per vol point; `theta_usd` per calendar day. `gap_usd` is the loss at each of the
    moves of the gap limit; where it is not known (empty), the maximum loss counts for each.
    """

    ticker: str
    max_loss_usd: float
    expiry: date | None = None
    delta_usd: float = 0.0
    gamma_usd: float = 0.0
    vega_usd: float = 0.0
    theta_usd: float = 0.0
    gap_usd: tuple[float, ...] = ()

    def scaled(self, share: float) -> Exposure:
        """The exposure of this fraction of the position."""
        return Exposure(
            self.ticker,
            self.max_loss_usd * share,
            self.expiry,
            self.delta_usd * share,
            self.gamma_usd * share,
            self.vega_usd * share,
            self.theta_usd * share,
            tuple(loss * share for loss in self.gap_usd),
        )

    def plus(self, other: Exposure) -> Exposure:
        """The sum of both exposures, with the ticker and expiry of this one."""
        return Exposure(
            self.ticker,
            self.max_loss_usd + other.max_loss_usd,
            self.expiry,
            self.delta_usd + other.delta_usd,
            self.gamma_usd + other.gamma_usd,
            self.vega_usd + other.vega_usd,
            self.theta_usd + other.theta_usd,
            # Where one of the two is not known, neither is the sum.
            tuple(map(sum, zip(self.gap_usd, other.gap_usd, strict=False))),
        )


@dataclass(frozen=True)
class Check:
    """Outcome of one limit: `value`, new entry included, against `threshold`."""

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

    `shares_delta` is in shares, `shares_gamma` in shares per USD move of the spot; `vega_usd` per
    vol point and `theta_usd` per calendar day, of the whole position.
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
    entry: Exposure, open_exposures: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> tuple[Check, ...]:
    """Every limit with its value after `entry`, in a fixed order.

    A greek limit always passes an entry that brings the account's greek nearer to zero, and the gap
    limit one after which the worst gap costs no more.

    Args:
        entry: the order to be checked.
        open_exposures: open positions and working entries.
        account_value_usd: base of the percentage limits.
        rules: the limits.
    """
    everything = [*open_exposures, entry]
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
    ticker_count = sum(e.ticker == entry.ticker for e in everything)
    return (
        Check("MAX_POSITIONS", len(everything), rules.max_positions),
        Check("MAX_POSITIONS_TICKER", ticker_count, rules.max_positions_per_ticker),
        *(
            Check(code, _loss(of), share * account_value_usd)
            for code, (of, share) in risk.items()
            # An entry without an expiry (shares) cannot share one with others.
            if code != "MAX_EXPIRY_RISK" or entry.expiry is not None
        ),
        *_greek_checks(entry, open_exposures, account_value_usd, rules),
        *_gap_checks(entry, open_exposures, account_value_usd, rules),
    )


def refusals(
    entry: Exposure, open_exposures: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> list[Check]:
    """The limits that `entry` would break; empty if it is allowed. Arguments as in `assess`."""
    return [
        check
        for check in assess(entry, open_exposures, account_value_usd, rules)
        if not check.passed
    ]


def set_refusals(
    entry: Exposure, of_set: Sequence[Exposure], budget_usd: float, limits: SetLimits
) -> list[Check]:
    """The limits of its own rule set that `entry` would break.

    Args:
        entry: the order to be checked.
        of_set: open positions and working entries of the same set.
        budget_usd: what the set's share of the account is worth.
        limits: the limits of the set.
    """
    everything = [*of_set, entry]
    checks = []
    if limits.max_positions is not None:
        checks.append(Check("MAX_SET_POSITIONS", len(everything), limits.max_positions))
    if limits.max_total_risk_pct is not None:
        threshold = limits.max_total_risk_pct * budget_usd
        checks.append(Check("MAX_SET_RISK", _loss(everything), threshold))
    return [check for check in checks if not check.passed]


def _greek_checks(
    entry: Exposure, open_exposures: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> Iterable[Check]:
    limits, betas = rules.greeks, [rules.betas.get(e.ticker, 1.0) for e in open_exposures]
    beta = rules.betas.get(entry.ticker, 1.0)
    # A market move of m moves the ticker by beta x m, so gamma is weighted by beta squared.
    sums = {
        "DELTA": (
            limits.delta_pct,
            sum([e.delta_usd * b for e, b in zip(open_exposures, betas, strict=True)]),
            entry.delta_usd * beta,
        ),
        "GAMMA": (
            limits.gamma_pct,
            sum([e.gamma_usd * (b * b) for e, b in zip(open_exposures, betas, strict=True)]),
            entry.gamma_usd * (beta * beta),
        ),
        "VEGA": (limits.vega_pct, sum([e.vega_usd for e in open_exposures]), entry.vega_usd),
        "THETA": (limits.theta_pct, sum([e.theta_usd for e in open_exposures]), entry.theta_usd),
    }
    for greek, (share, before, added) in sums.items():
        after = before + added
        eases = abs(after) <= abs(before)
        threshold = share * account_value_usd
        yield Check(f"MAX_{greek}", abs(after), max(threshold, abs(before)) if eases else threshold)


def _gap_checks(
    entry: Exposure, open_exposures: Sequence[Exposure], account_value_usd: float, rules: RiskRules
) -> Iterable[Check]:
    """The worst of the gaps through everything at once; nothing where no limit is set."""
    limit = rules.gap.max_loss_pct
    if limit is None:
        return
    count = len(rules.gap.moves)
    each = [e.gap_usd or (e.max_loss_usd,) * count for e in (*open_exposures, entry)]
    before = max(sum(losses) for losses in zip(*each[:-1], strict=True)) if each[:-1] else 0.0
    after = max(sum(losses) for losses in zip(*each, strict=True))
    threshold = limit * account_value_usd
    yield Check("MAX_GAP_LOSS", after, max(threshold, before) if after <= before else threshold)


def _loss(exposures: Iterable[Exposure]) -> float:
    return sum(exposure.max_loss_usd for exposure in exposures)
