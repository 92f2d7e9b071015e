"""The gates that keep trades out, and the trades that a gate of the plan alone kept out.

A rule of the plan is lifted by the settings that switch it off, so that what is let through is what
the plan would have made. A rule that no setting can lift names what is missing: there is no trade.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.planning.conditions.votes import HELD, VoteRules
from options_platform.domain.planning.expiries import ChainOf
from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.risk.sizing import SizingRules

NO_TRADE = {
    "BAD_BAR": "the session has no sound bar",
    "NO_VIX": "no volatility index",
    "NO_REGIME": "no regime",
    "NO_PREDICTION": "no prediction",
    "EARNINGS_UNCONFIRMED": "the report has no confirmed date",
    "EARNINGS_NOT_PRICED": "nothing prices the report, or forecasts its move",
    "NO_EDGE_EARNINGS": "the report is neither dear nor cheap",
    "NO_EDGE": "the strategy matrix names no trade",
    "NO_OPTIONS": "no options were listed yet",
    "NO_EXPIRY": "no listed expiry within the days",
    "ODD_SPLIT": "contracts of before a split are not those of after it",
    "BAD_QUOTE": "no sound quotes",
    "ILLIQUID": "a sold leg has no bid at all",
}
"""What is missing where a rule of the plan leaves nothing to trade, by code."""


def _without_votes(rules: PlanRules) -> PlanRules:
    """Any session has one vote that holds, which counts as much as the fewest that are needed."""
    votes, by_votes = rules.selection.votes, rules.sizing.by_votes
    if not by_votes:
        return _selecting(rules, votes=VoteRules())
    steps = [count for count in by_votes if count <= votes.needed]
    share = by_votes[max(steps)] if steps else 0.0
    always = VoteRules(needed=1, above={"vix": 0.0})
    sizing = replace(rules.sizing, by_votes={1: share})
    return replace(_selecting(rules, votes=always), sizing=sizing)


def _with_any_budget(rules: PlanRules) -> PlanRules:
    """One spread of the configured width fits, whatever it can lose."""
    regimes = dict.fromkeys(rules.sizing.regime_multiplier, 1.0)
    one = SizingRules(
        account_value_usd=1e15,
        max_contracts=1,
        regime_multiplier=regimes,
        vol_target=rules.sizing.vol_target,
    )
    return replace(rules, sizing=one)


def _without_blackout(rules: PlanRules) -> PlanRules:
    return replace(rules, blackout=replace(rules.blackout, mode="off"))


def _selecting(rules: PlanRules, **changes: Any) -> PlanRules:
    return replace(rules, selection=replace(rules.selection, **changes))


LIFTED: dict[str, Callable[[PlanRules], PlanRules]] = {
    "NOT_ENTRY_DAY": lambda rules: _selecting(rules, cadence="session"),
    "TOO_FEW_VOTES": _without_votes,
    "LOW_CONFIDENCE": lambda rules: _selecting(rules, min_probability=0.0),
    "IRON_CONDOR_DISABLED": lambda rules: _selecting(rules, iron_condor_enabled=True),
    "VOL_VETO_DEBIT": lambda rules: _selecting(rules, veto_debit_regimes=()),
    "VOL_VETO_CREDIT": lambda rules: _selecting(rules, veto_credit_above=math.inf),
    "EARNINGS_UNKNOWN": _without_blackout,
    "EARNINGS_BLACKOUT": _without_blackout,
    "UNBOUNDED": lambda rules: replace(rules, allow_undefined_risk=True),
    "WIDTH_RANGE": lambda rules: replace(
        rules, stocks=replace(rules.stocks, min_width_share=0.0, max_width_share=math.inf)
    ),
    "ILLIQUID": lambda rules: replace(rules, liquidity=LiquidityRules(0.0, math.inf)),
    # The last one, since it replaces the sizes that others change.
    "RISK_BUDGET": _with_any_budget,
}
"""The other rules of the plan, and how the settings switch each of them off."""

ACCOUNT_GATES = {
    "HALTED": "the kill switch had halted entries",
    "EXPIRY_NEAR": "it would have to be closed at once, before its expiry",
    "MAX_POSITIONS": "as many positions as allowed",
    "MAX_POSITIONS_TICKER": "as many positions of the ticker as allowed",
    "MAX_TRADE_RISK": "the trade's maximum loss",
    "MAX_TICKER_RISK": "maximum losses of the ticker",
    "MAX_EXPIRY_RISK": "maximum losses of the expiry",
    "MAX_GROUP_RISK": "maximum losses of tickers that move together",
    "MAX_TOTAL_RISK": "maximum losses of all positions",
    "MAX_DELTA": "delta of all positions",
    "MAX_GAMMA": "gamma of all positions",
    "MAX_VEGA": "vega of all positions",
    "MAX_THETA": "theta of all positions",
    "MAX_GAP_LOSS": "loss of all positions in one gap",
    "MAX_SET_POSITIONS": "as many positions of the rule set as allowed",
    "MAX_SET_RISK": "maximum losses of the rule set's positions",
    "MAX_EARNINGS_TRADES": "as many trades of reports in the week as allowed",
    "MAX_EARNINGS_ANCHOR": "maximum losses of reports of one evening",
    "MAX_EARNINGS_WEEK": "maximum losses of reports of one week",
    "NETTING_CONFLICT": "an open position or another order has the other side of a contract",
    "BUYING_POWER": "equity below all maximum losses",
    "LIMIT_NOT_REACHED": "the market did not come to the limit price",
}
"""What the account, or the market of the next session, refuses; in the order of asking."""


@dataclass(frozen=True)
class LetThrough:
    """Trades that rules of the plan refused.

    `plans` are rows of `trade_plan` with `gates`, the codes of all rules that had to be lifted, in
    their order; `legs` those of `trade_plan_legs`. `without_trade` has date, ticker, `gates` and
    `not_followed`, the code of the rule that found nothing to trade.
    """

    plans: pl.DataFrame
    legs: pl.DataFrame
    without_trade: pl.DataFrame


def let_through(
    inputs: pl.DataFrame, plans: pl.DataFrame, rules: PlanRules, chain_of: ChainOf | None = None
) -> LetThrough:
    """The trade of each refused row of `plans`, had it passed the rules that refused it.

    Its first rule is lifted, and where others refuse it then, these too. A trade that the budget
    refuses has one contract of the configured width; one that the votes refuse the size of the
    fewest votes that are needed.

    Args:
        inputs: what `build_plans` was given.
        plans: what it made of them.
        rules: the settings of both.
        chain_of: as for `build_plans`.
    """
    refused = pl.col("decision") == "no_trade"
    reason = pl.col("reasons").list.first()
    waiting = plans.filter(refused).select(*KEY, gates=pl.concat_list(reason))
    made, made_legs, nothing = [], [TRADE_PLAN_LEGS.empty()], []
    while waiting.height:
        last = pl.col("gates").list.last()
        is_lifted = last.is_in([*LIFTED]) & ~_repeats_last()
        nothing.append(_without_trade(waiting.filter(~is_lifted)))
        still_refused = []
        for (gates,), rows in waiting.filter(is_lifted).group_by("gates", maintain_order=True):
            some = inputs.join(rows, on=KEY, how="semi")
            planned, legs = build_plans(some, _lifting(rules, gates), chain_of)
            planned = _as_asked(planned.join(rows, on=KEY, maintain_order="left"), rules)
            made.append(planned.filter(~refused))
            made_legs.append(legs)
            still_refused.append(
                planned.filter(refused).select(*KEY, gates=pl.concat_list("gates", reason))
            )
        waiting = pl.concat(still_refused) if still_refused else waiting.clear()
    schema = {**TRADE_PLAN.schema, "gates": pl.List(pl.String)}
    return LetThrough(
        pl.concat([pl.DataFrame(schema=schema), *made]).sort(KEY),
        pl.concat(made_legs).sort(*KEY, "leg"),
        pl.concat(nothing).sort(KEY) if nothing else _without_trade(waiting),
    )


def _lifting(rules: PlanRules, gates: list[str]) -> PlanRules:
    for code, lift in LIFTED.items():
        if code in gates:
            rules = lift(rules)
    return rules


def _as_asked(plans: pl.DataFrame, rules: PlanRules) -> pl.DataFrame:
    """Plans whose votes were lifted have as many as are needed, by which an account sizes them."""
    is_lifted = pl.col("gates").list.contains("TOO_FEW_VOTES")
    needed = pl.lit(rules.selection.votes.needed, TRADE_PLAN.schema[HELD])
    return plans.with_columns(pl.when(is_lifted).then(needed).otherwise(HELD).alias(HELD))


def _repeats_last() -> pl.Expr:
    """Whether the last rule refuses although it is lifted: a sold leg without any bid."""
    gates = pl.col("gates")
    return gates.list.n_unique() < gates.list.len()


def _without_trade(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose last rule left nothing to trade; it is the gate where it was the first as well."""
    gates = pl.col("gates")
    before = gates.list.head(gates.list.len() - 1)
    return rows.with_columns(
        not_followed=gates.list.last(),
        gates=pl.when(gates.list.len() > 1).then(before).otherwise(gates),
    )
