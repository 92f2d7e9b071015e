"""Votes: conditions on the inputs of a plan, some number of which must hold for an entry.

A vote asks whether one feature of the session is below, or above, a bound. What is not known does
not hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from options_platform.domain.features.premium import PREMIUM
from options_platform.domain.planning.refusals import RefusalRule, apart_from
from options_platform.domain.strategies import STRATEGIES

VOTE_FEATURES = (*(feature.name for feature in PREMIUM), "iv_rank", "vix")
"""What votes may ask about; columns of the plans' inputs."""
NO_STRATEGY = "none"
HELD = "votes"
"""Column with the number of votes that hold, null where none are asked."""


@dataclass(frozen=True)
class VoteRules:
    """At least `needed` votes must hold for an entry; with 0 none are asked. `below` and `above`
    name features with their bounds, each a vote that holds where the feature is known and strictly
    below or above its bound. Where too few hold, `otherwise` may name a strategy to trade instead
    while the volatility premium is thin: `vrp_percentile` below `thin_below`."""

    needed: int = 0
    below: dict[str, float] = field(default_factory=dict)
    above: dict[str, float] = field(default_factory=dict)
    otherwise: str = NO_STRATEGY
    thin_below: float = 0.5

    def __post_init__(self) -> None:
        unknown = sorted({*self.below, *self.above} - {*VOTE_FEATURES})
        if unknown:
            raise ValueError(f"votes: {unknown[0]} is none of {', '.join(VOTE_FEATURES)}")
        if not all(map(math.isfinite, (*self.below.values(), *self.above.values()))):
            raise ValueError("votes: bounds are finite numbers")
        if not 0 <= self.needed <= self.count:
            raise ValueError(f"votes: 0 to {self.count} votes can be needed, not {self.needed}")
        if self.otherwise != NO_STRATEGY and self.otherwise not in STRATEGIES:
            raise ValueError(f"votes.otherwise is {NO_STRATEGY} or one of {', '.join(STRATEGIES)}")
        if not 0.0 <= self.thin_below <= 1.0:
            raise ValueError("votes.thin_below is a percentile, 0 to 1")

    @property
    def count(self) -> int:
        """Number of votes that there are."""
        return len(self.below) + len(self.above)

    @property
    def asked(self) -> bool:
        """Whether an entry takes votes."""
        return self.needed > 0


@dataclass(frozen=True)
class _Vote:
    feature: str
    side: str
    bound: float

    @property
    def text(self) -> str:
        return f"{self.feature} {self.side} {self.bound:g}"

    @property
    def holds(self) -> pl.Expr:
        value = pl.col(self.feature).fill_nan(None)
        held = value < self.bound if self.side == "below" else value > self.bound
        return held.fill_null(value=False)

    @property
    def shown(self) -> pl.Expr:
        """The feature's value as text, with as many decimals as tell it from the bound."""
        value = apart_from(pl.col(self.feature).fill_nan(None), self.bound, digits=3)
        return value.fill_null("unknown")


def _votes(rules: VoteRules) -> Iterator[_Vote]:
    for side, bounds in (("below", rules.below), ("above", rules.above)):
        for feature, bound in bounds.items():
            yield _Vote(feature, side, bound)


def votes_held(rules: VoteRules) -> pl.Expr:
    """The number of votes that hold; null where none are asked."""
    if not rules.asked:
        return pl.lit(None, pl.Int32)
    return pl.sum_horizontal(vote.holds.cast(pl.Int32) for vote in _votes(rules))


def trades_otherwise(rules: VoteRules) -> pl.Expr:
    """Whether a row, with `votes`, trades the strategy `otherwise`: too few votes, and a thin
    premium."""
    if not rules.asked or rules.otherwise == NO_STRATEGY:
        return pl.lit(value=False)
    thin = (pl.col("vrp_percentile") < rules.thin_below).fill_null(value=False)
    return (pl.col(HELD) < rules.needed) & thin


def vote_rules(rules: VoteRules) -> tuple[RefusalRule, ...]:
    """The rule that refuses rows, with `votes`, in which too few hold; none if none are asked."""
    if not rules.asked:
        return ()
    votes = list(_votes(rules))
    shown = pl.concat_str(
        [
            pl.format(
                f"{vote.feature} {{}} {{}}",
                vote.shown,
                pl.when(vote.holds).then(pl.lit("holds")).otherwise(pl.lit("does not")),
            )
            for vote in votes
        ],
        separator=", ",
    )
    against = pl.concat_str(
        [
            pl.when(~vote.holds).then(pl.format(f"{vote.text}, not {{}}", vote.shown))
            for vote in votes
        ],
        separator="; ",
        ignore_nulls=True,
    )
    needs = pl.format("{} more of: {}", pl.lit(rules.needed) - pl.col(HELD), against)
    if rules.otherwise != NO_STRATEGY:
        needs = pl.format(
            f"{{}}; or vrp_percentile below {rules.thin_below:g} for a {rules.otherwise}", needs
        )
    listed = ", ".join(vote.text for vote in votes)
    return (
        RefusalRule(
            "TOO_FEW_VOTES",
            pl.format("{} of {}: {}", pl.col(HELD), pl.lit(rules.count), shown),
            f"at least {rules.needed} of {rules.count} votes: {listed}",
            (pl.col(HELD) < rules.needed) & ~trades_otherwise(rules),
            needs,
        ),
    )
