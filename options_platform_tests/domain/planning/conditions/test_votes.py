"""Votes: which rows they let through, what the ledger says of them, and the size that they give."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import TRADE_PLAN
from options_platform.domain.planning.conditions.votes import VOTE_FEATURES, VoteRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.rule_trace import asked_rules, rule_trace
from options_platform.domain.planning.selection import SelectionRules, select_strategies
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH, one

TWO_OF_THREE = VoteRules(
    needed=2,
    below={"vix_to_mean_10": 1.0, "har_rv_rank": 0.5},
    above={"vrp_percentile": 0.5},
)
HOLD = {"vix_to_mean_10": 0.96, "har_rv_rank": 0.3, "vrp_percentile": 0.7}
AGAINST = {"vix_to_mean_10": 1.04, "har_rv_rank": 0.8, "vrp_percentile": 0.2}


def selection(votes=TWO_OF_THREE, **changes):
    return SelectionRules(strategy="bull_put_spread", votes=votes, **changes)


def rows_with(frame=None, **features):
    values = dict.fromkeys(VOTE_FEATURES[:7]) | features
    columns = [pl.lit(value, pl.Float64).alias(name) for name, value in values.items()]
    return (one() if frame is None else frame).with_columns(columns)


def plan_of(rules, sizing=None, **features):
    plan = PlanRules(selection=rules, sizing=sizing or SizingRules())
    return build_plans(rows_with(**features), plan)[0].row(0, named=True)


@given(
    held=st.lists(st.sampled_from(sorted(HOLD)), unique=True),
    unknown=st.lists(st.sampled_from(sorted(HOLD)), unique=True),
)
@settings(deadline=None, max_examples=20)
def test_a_row_is_traded_if_and_only_if_enough_votes_hold_and_what_is_unknown_does_not(
    held, unknown
):
    features = {name: (HOLD if name in held else AGAINST)[name] for name in HOLD}
    plan = plan_of(selection(), **features | dict.fromkeys(unknown))
    counted = len(set(held) - set(unknown))
    assert plan["votes"] == counted
    assert (plan["decision"] == "trade") == (counted >= 2)
    assert plan["reasons"][-1] == ("VOTES_HOLD" if counted >= 2 else "TOO_FEW_VOTES")


def test_a_bound_itself_does_not_hold():
    plan = plan_of(selection(), vix_to_mean_10=1.0, har_rv_rank=0.5, vrp_percentile=0.5)
    assert plan["votes"] == 0


def test_a_refused_row_names_the_votes_that_do_not_hold_and_their_values():
    plan = plan_of(selection(), vix_to_mean_10=1.0004, har_rv_rank=0.3)
    assert plan["reasons"] == ["TOO_FEW_VOTES"]
    assert plan["needs"] == (
        "1 more of: vix_to_mean_10 below 1, not 1.0004; vrp_percentile above 0.5, not unknown"
    )
    assert plan["strategy"] == "none"
    followed = plan_of(selection(), vix_to_mean_10=0.99, har_rv_rank=0.3)
    assert followed["decision"] == "trade"


def test_the_ledger_has_every_vote_with_its_value_on_trades_and_refusals():
    rules = PlanRules(selection=selection())
    inputs = pl.concat([
        rows_with(**HOLD), rows_with(BATCH[1:2].with_columns(regime=pl.lit("low_vol")), **AGAINST)
    ])  # fmt: skip
    plans, _ = build_plans(inputs, rules)
    ledger = rule_trace(inputs, plans, rules).filter(pl.col("rule") == "TOO_FEW_VOTES")
    assert ledger["outcome"].to_list() == ["passed", "refused"]
    assert ledger["value"].to_list() == [
        "3 of 3: vix_to_mean_10 0.96 holds, har_rv_rank 0.3 holds, vrp_percentile 0.7 holds",
        (
            "0 of 3: vix_to_mean_10 1.04 does not, har_rv_rank 0.8 does not, "
            "vrp_percentile 0.2 does not"
        ),
    ]
    assert ledger["threshold"][0] == (
        "at least 2 of 3 votes: vix_to_mean_10 below 1, har_rv_rank below 0.5, "
        "vrp_percentile above 0.5"
    )


def test_without_votes_plans_need_none_of_the_features_and_the_ledger_no_rule():
    plans, _ = build_plans(BATCH, PlanRules())
    assert plans["votes"].null_count() == plans.height
    assert "TOO_FEW_VOTES" not in [rule.code for rule in asked_rules(PlanRules())]
    TRADE_PLAN.validate(plans)


def test_a_thin_premium_trades_the_other_strategy_whatever_the_prediction():
    votes = replace(TWO_OF_THREE, otherwise="bull_call_spread", thin_below=0.3)
    rows = rows_with(one(regime="neutral", direction="bearish", call_rank=0.1), **AGAINST)
    plan = build_plans(rows, PlanRules(selection=SelectionRules(votes=votes)))[0].row(0, named=True)
    assert plan["strategy"] == "bull_call_spread"
    assert plan["votes"] == 0
    assert "THIN_PREMIUM" in plan["reasons"]
    assert {"THIN_PREMIUM", "VOTES_HOLD", "TOO_FEW_VOTES"} <= set(REASONS)
    fat = plan_of(selection(votes), **AGAINST | {"vrp_percentile": 0.4})
    assert fat["reasons"] == ["TOO_FEW_VOTES"]
    assert fat["needs"].endswith("; or vrp_percentile below 0.3 for a bull_call_spread")
    unknown = plan_of(selection(votes), **AGAINST | {"vrp_percentile": None})
    assert unknown["reasons"] == ["TOO_FEW_VOTES"]
    enough = plan_of(selection(votes), **AGAINST | HOLD | {"vrp_percentile": 0.1})
    assert enough["strategy"] == "bull_put_spread"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"needed": 1}, "0 to 0 votes can be needed, not 1"),
        ({"below": {"vrp_rank": 0.5}}, "vrp_rank is none of"),
        ({"otherwise": "ladder"}, "otherwise is none or one of"),
        ({"thin_below": 1.5}, "a percentile, 0 to 1"),
    ],
)
def test_votes_that_cannot_be_counted_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        VoteRules(**rules)


@pytest.mark.parametrize(("held", "share"), [(1, 0.0), (2, 0.5), (3, 1.0)])
def test_the_votes_that_hold_set_the_size_in_place_of_the_confidence(held, share):
    votes = replace(TWO_OF_THREE, needed=1)
    sizing = SizingRules(
        account_value_usd=1e6, max_contracts=1000, at_least_one=False, by_votes={2: 0.5, 3: 1.0}
    )
    features = AGAINST | dict(list(HOLD.items())[:held])
    plan = plan_of(selection(votes), sizing, **features)
    if share == 0.0:
        assert plan["reasons"] == ["RISK_BUDGET"]
        assert plan["needs"] == "plan.sizing.by_votes of 1 above 0"
        return
    one_loses = plan["max_loss_usd"] / plan["contracts"]
    assert plan["contracts"] == int(1e6 * 0.02 * share / one_loses)
    # Without votes the confidence of 0.55 counts, as ever.
    unvoted = plan_of(selection(VoteRules()), sizing, **features)
    assert unvoted["contracts"] == int(1e6 * 0.02 * (0.5 + 0.5 * 0.55) / one_loses)


def test_the_number_of_votes_stays_with_a_refused_plan():
    rows = select_strategies(rows_with(**HOLD), selection())
    assert rows["votes"].to_list() == [3]
    refused = plan_of(selection(), **HOLD | {"vix": None})
    assert refused["reasons"] == ["NO_VIX"]
    assert refused["votes"] == 3
