"""Position sizing: the number of spreads that fit the risk budget, possibly zero.

One spread is traded although the budget, which regime and confidence scale down, is smaller, if its
maximum loss fits the unscaled share of the account.

A trade plan is sized by the configured account value. When the entry is made, in a backtest or at
a broker, the smaller of that value and the account's equity counts, both for sizes
(:func:`size_at`) and for percentage limits. An entry is sized at the worst price that it may fill
at, the last one of its ladder; a backtest sizes it again where it fills above its plan's price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats

TOLERANCE = 1e-9
"""A loss above its limit by this share of it, the noise of sums of cents, still fits."""


def _multipliers() -> dict[str, float]:
    return {
        "low_vol": 1.0,
        "high_vol": 0.5,
        "iv_contraction": 1.0,
        "iv_expansion": 0.75,
        "neutral": 0.75,
    }


@dataclass(frozen=True)
class VolTarget:
    """The budget is scaled by `annual` over the forecast volatility of the underlying (the square
    root of `har_rv_21`), both annualised fractions: by `least` at least, also where there is no
    forecast, and by `most` at most. With none nothing is scaled."""

    annual: float | None = None
    least: float = 0.25
    most: float = 2.0

    def __post_init__(self) -> None:
        if self.annual is not None and not 0.0 < self.annual < math.inf:
            raise ValueError("vol_target.annual is a volatility above 0, or none")
        if not 0.0 < self.least <= self.most < math.inf:
            raise ValueError("vol_target: 0 < least <= most must hold")


@dataclass(frozen=True)
class SizingRules:
    """Sizing rules: `account_value_usd` x `risk_pct` is the base risk of a trade.

    `max_risk_usd` caps the budget (None: no cap), `max_contracts` the number of spreads.
    `regime_multiplier` scales the budget by regime, never above `risk_pct` of the account; 0 trades
    nothing there. With `at_least_one` one spread is traded although the scaled budget is smaller,
    if its maximum loss fits `risk_pct` of the account and `max_risk_usd`. `by_votes` scales the
    budget by the number of votes that hold (`plan.selection.votes`) in place of the confidence:
    {2: 0.5, 3: 1.0} is half of it from two votes on, all of it from three on, and nothing below
    two. `vol_target` scales it by a target over the forecast volatility, never above `risk_pct` of
    the account.

    Raises ValueError for values out of range.
    """

    account_value_usd: float = 100_000.0
    risk_pct: float = 0.02
    max_risk_usd: float | None = None
    max_contracts: int = 10
    at_least_one: bool = True
    regime_multiplier: dict[str, float] = field(default_factory=_multipliers)
    by_votes: dict[int, float] = field(default_factory=dict)
    vol_target: VolTarget = field(default_factory=VolTarget)

    def __post_init__(self) -> None:
        if not 0.0 < self.account_value_usd < math.inf:
            raise ValueError("account_value_usd must be a positive number")
        if not 0.0 < self.risk_pct <= 1.0:
            raise ValueError("risk_pct is a fraction of the account, above 0 and at most 1")
        if self.max_risk_usd is not None and not self.max_risk_usd > 0.0:
            raise ValueError("max_risk_usd must be positive, or none")
        if self.max_contracts < 1:
            raise ValueError("max_contracts must be at least 1")
        if not all(0.0 <= share < math.inf for share in self.regime_multiplier.values()):
            raise ValueError("regime_multiplier must not be negative")
        if not all(n >= 0 and 0.0 <= share <= 1.0 for n, share in self.by_votes.items()):
            raise ValueError("by_votes has numbers of votes, with shares of the budget, 0 to 1")

    def share_of_budget(self, confidence: Floats, votes: Floats | None) -> Floats:
        """The share of the budget that confidence, or the votes, leave; shape [rows].

        `votes` are the votes that hold, NaN or None where none were asked; there, and without
        `by_votes`, the confidence counts.
        """
        by_confidence = 0.5 + 0.5 * confidence
        if votes is None or not self.by_votes:
            return by_confidence
        least = sorted(self.by_votes)
        shares = np.array([0.0, *(self.by_votes[n] for n in least)])
        step = np.searchsorted(np.array(least, dtype=np.float64), votes, side="right")
        return np.where(np.isnan(votes), by_confidence, shares[step])


def contracts(
    max_loss_per_spread_usd: Floats,
    multiplier: Floats,
    confidence: Floats,
    rules: SizingRules,
    votes: Floats | None = None,
) -> NDArray[np.int32]:
    """Number of spreads whose maximum loss fits the risk budget.

    The budget is account value x risk_pct x regime multiplier x (0.5 + 0.5 x confidence), at most
    account value x risk_pct and `max_risk_usd`; `by_votes` may take the place of the confidence,
    see :meth:`SizingRules.share_of_budget`. The scale of a volatility target is part of the
    multiplier. With `at_least_one` a single spread may exceed it, see :func:`largest_loss`. All
    arrays have shape [rows].
    """
    loss = max_loss_per_spread_usd * (1.0 - TOLERANCE)
    count = np.floor(risk_budget(multiplier, confidence, rules, votes) / loss)
    one_fits = loss <= largest_loss(multiplier, confidence, rules, votes)
    return np.clip(np.maximum(count, one_fits), 0, rules.max_contracts).astype(np.int32)


def largest_loss(
    multiplier: Floats, confidence: Floats, rules: SizingRules, votes: Floats | None = None
) -> Floats:
    """The largest maximum loss of a single spread that is traded, USD, shape [rows].

    It is the risk budget, or with `at_least_one` the unscaled account value x risk_pct (at most
    `max_risk_usd`) if that is more and the budget is not zero.
    """
    budget = risk_budget(multiplier, confidence, rules, votes)
    if not rules.at_least_one:
        return budget
    unscaled = risk_budget(np.ones(1), np.ones(1), rules)
    return np.where(budget > 0.0, np.maximum(budget, unscaled), budget)


def account_needed(
    max_loss_per_spread_usd: Floats,
    multiplier: Floats,
    confidence: Floats,
    rules: SizingRules,
    votes: Floats | None = None,
) -> Floats:
    """The smallest account that takes one spread, USD, rounded up to 100; shape [rows].

    `max_risk_usd` is not looked at: where it is below the loss no account is large enough. Infinite
    where the regime multiplier, or the share of the votes, is zero.
    """
    one_dollar = replace(rules, account_value_usd=1.0, max_risk_usd=None)
    share = largest_loss(multiplier, confidence, one_dollar, votes)
    # Half of the tolerance, so that the account named fits whatever the last bit of its product.
    loss = max_loss_per_spread_usd * (1.0 - TOLERANCE / 2.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.ceil(loss / share / 100.0) * 100.0)


def risk_budget(
    multiplier: Floats, confidence: Floats, rules: SizingRules, votes: Floats | None = None
) -> Floats:
    """Risk budget of a trade, USD, shape [rows]."""
    scale = np.minimum(multiplier * rules.share_of_budget(confidence, votes), 1.0)
    budget = rules.account_value_usd * rules.risk_pct * scale
    return budget if rules.max_risk_usd is None else np.minimum(budget, rules.max_risk_usd)


@dataclass(frozen=True)
class Size:
    """Number of spreads that an account can take: zero if `loss_usd` exceeds `budget_usd`.

    `loss_usd` is the maximum loss of one spread, `budget_usd` the :func:`largest_loss` of one.
    """

    contracts: int
    loss_usd: float
    budget_usd: float


def size_at(
    equity_usd: float,
    planned: int,
    max_loss_usd: float,
    regime: str,
    confidence: float,
    rules: SizingRules,
    concession_usd: float = 0.0,
    *,
    votes: int | None = None,
    vol_scale: float | None = None,
    stops_at_cap: bool = False,
) -> Size:
    """The spreads of a planned trade that an account with this equity can take, at most `planned`.

    They are counted at the worst price at which the entry may fill. Where none fits there, an
    entry that stops at the cap (:func:`loss_cap`) takes one that fits at its planned price, with
    `at_least_one`.

    Args:
        equity_usd: equity of the account; what it has beyond `account_value_usd` does not count.
        planned: planned number of spreads.
        max_loss_usd: maximum loss of all planned spreads at the planned price.
        regime: regime of the plan.
        confidence: confidence of the plan, 0 to 1.
        rules: rules by which the plan was sized.
        concession_usd: what one spread may cost beyond its planned price.
        votes: votes that held, None where the plan's rules asked for none.
        vol_scale: scale of the plan's volatility target, None where it had none.
        stops_at_cap: whether the entry stops at the last of its prices within the cap.
    """
    planned_loss = max_loss_usd / planned
    loss = planned_loss + concession_usd
    multiplier = scaled_multiplier(regime, vol_scale, rules)
    scales = np.array([multiplier]), np.array([confidence])
    held = None if votes is None else np.array([float(votes)])
    smaller = _at_equity(equity_usd, rules)
    if smaller is None:
        return Size(0, loss, 0.0)
    count = int(contracts(np.array([loss]), *scales, smaller, held)[0])
    if count == 0 and stops_at_cap and rules.at_least_one:
        loss = planned_loss
        count = min(1, int(contracts(np.array([loss]), *scales, smaller, held)[0]))
    return Size(min(planned, count), loss, float(largest_loss(*scales, smaller, held)[0]))


def scaled_multiplier(regime: str, vol_scale: float | None, rules: SizingRules) -> float:
    """The multiplier of a plan's regime, times the scale of its volatility target."""
    return rules.regime_multiplier[regime] * (1.0 if vol_scale is None else vol_scale)


def drop_absent_target(sizing: dict[str, Any] | None) -> None:
    """Drop the volatility target from plain values of the rules where none is set.

    So that rules hash as they did before there were targets, while it changes nothing.
    """
    if sizing is not None and sizing["vol_target"]["annual"] is None:
        sizing.pop("vol_target")


def loss_cap(equity_usd: float, rules: SizingRules) -> float:
    """The most that a trade of an account with this equity may lose, USD: its hard cap.

    It is `risk_pct` of `account_value_usd`, or of the equity if that is less, at most
    `max_risk_usd`; neither regime nor confidence scales it.
    """
    smaller = _at_equity(equity_usd, rules)
    return 0.0 if smaller is None else float(risk_budget(np.ones(1), np.ones(1), smaller)[0])


def _at_equity(equity_usd: float, rules: SizingRules) -> SizingRules | None:
    """The rules on the smaller of account value and equity; None without equity."""
    if equity_usd <= 0.0:
        return None
    return replace(rules, account_value_usd=min(rules.account_value_usd, equity_usd))
