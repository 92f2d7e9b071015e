"""Plans of the next listed strikes, for where a plan's own contracts cannot be traded.

In an account that several rule sets trade, none buys a contract that another has sold, or sells one
that another has bought: at the broker the two would be one holding. Which contracts are taken is
known when the entry is made; what the next strikes cost is planned with the rest, so that an entry
rests on the evening's stored plan whichever of them it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import PLAN_ALTERNATE_LEGS, PLAN_ALTERNATES
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.leg_quotes import STEPS_OUT
from options_platform.domain.planning.plan import (
    PlanRules,
    build_plans,
    chosen_rows,
    plan_selected,
    refused_plans,
)
from options_platform.domain.planning.refusals import RULE_SET_LOST

STRIKES_TRIED = 3
"""Listed strikes further from the money that an entry may move to."""

Plans = tuple[pl.DataFrame, pl.DataFrame]


def plans_of_sets(
    inputs: pl.DataFrame,
    of_sets: Sequence[PlanRules],
    chain_of: ChainOf | None = None,
    lost: Mapping[str, str] | None = None,
) -> tuple[Plans, Plans]:
    """The plans of several rule sets: of each row of `inputs` one a set, in the order of the sets.

    Arguments otherwise as in :func:`~options_platform.domain.planning.plan.build_plans`. `lost`
    says by name which sets cannot be read, and why: they plan no trade.

    Returns:
        Rows of `trade_plan` and `trade_plan_legs`, and of `plan_alternates` and
        `plan_alternate_legs`; of one set alone there are no alternates.
    """
    lost = lost or {}
    made = [
        refused_plans(inputs, rules, RULE_SET_LOST, lost[rules.rule_set])
        if rules.rule_set in lost
        else build_plans(inputs, rules, chain_of)
        for rules in of_sets
    ]
    others = [(PLAN_ALTERNATES.empty(), PLAN_ALTERNATE_LEGS.empty())]
    if len(of_sets) > 1:
        others = [
            alternates(inputs, plans, rules, chain_of)
            for rules, (plans, _) in zip(of_sets, made, strict=True)
        ]
    return _joined(made), _joined(others)


def alternates(
    inputs: pl.DataFrame, plans: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> Plans:
    """Each trade of `plans` again at the next listed strikes, up to `STRIKES_TRIED` further out.

    Every leg moves by the same number of strikes, and the plan passes the same rules as the trade
    itself; a number at which it does not, or at which there are no other contracts, has no row.

    Args:
        inputs: what the plans were made from.
        plans: rows of `trade_plan` of one rule set.
        rules: the rules of that set.
        chain_of: as in `build_plans`.

    Returns:
        Rows of `plan_alternates` and of `plan_alternate_legs`.
    """
    trades = plans.filter(pl.col("decision") == "trade")
    rows = inputs.join(trades.select(KEY), on=KEY, how="semi").sort(KEY)
    chosen = chosen_rows(rows, rules)
    replaced = trades.select(*KEY, of_plan="plan_id")
    found, found_legs = [PLAN_ALTERNATES.empty()], [PLAN_ALTERNATE_LEGS.empty()]
    for number in range(1, STRIKES_TRIED + 1) if rows.height else ():
        moved, legs = plan_selected(
            chosen.with_columns(pl.lit(number).alias(STEPS_OUT)), rules, chain_of
        )
        moved = moved.filter(pl.col("decision") == "trade").join(replaced, on=KEY)
        moved = moved.filter(pl.col("plan_id") != pl.col("of_plan"))
        moved = moved.with_columns(alternate=pl.lit(number, pl.Int32))
        found.append(moved.select(PLAN_ALTERNATES.schema.names()))
        found_legs.append(legs.join(moved, on="plan_id", how="semi"))
    first = pl.concat(found).unique("plan_id", keep="first", maintain_order=True)
    of_first = pl.concat(found_legs).unique(["plan_id", "leg"], keep="first", maintain_order=True)
    return first.sort(*KEY, "alternate"), of_first.sort(KEY, maintain_order=True)


def _joined(made: Sequence[Plans]) -> Plans:
    plans, legs = zip(*made, strict=True)
    return (
        pl.concat(plans).sort(KEY, maintain_order=True),
        pl.concat(legs).sort(KEY, maintain_order=True),
    )
