from dataclasses import replace
from datetime import date

import polars as pl

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.plan_rows import plan_id
from options_platform.testing.plan_rows import BATCH

DAY = date(2024, 1, 2)
LEGS = "buy call 470.0 2024-02-16, sell call 475.0 2024-02-16"


def test_plan_ids_of_the_default_set_are_those_of_before_there_were_sets():
    """Stored plans and the orders made of them keep their ids: values of the version before."""
    assert plan_id(DAY, "SPY", "bull_call_spread", LEGS, 3, 1.85) == "e7475c47e29e66ec"
    assert plan_id(DAY, "SPY", "none", "NO_EDGE", rule_set="plan") == "a44b5e112b561912"
    assert plan_id(DAY, "SPY", "none", "NO_EDGE", rule_set="mine") != "a44b5e112b561912"


def test_another_set_with_the_same_rules_plans_the_same_under_ids_of_its_own():
    plans, legs = build_plans(BATCH, PlanRules())
    other_plans, other_legs = build_plans(BATCH, replace(PlanRules(), rule_set="mine"))
    TRADE_PLAN.validate(pl.concat([plans, other_plans]))
    TRADE_PLAN_LEGS.validate(pl.concat([legs, other_legs]))
    assert set(plans["rule_set"]) == set(legs["rule_set"]) == {"plan"}
    assert set(other_plans["rule_set"]) == set(other_legs["rule_set"]) == {"mine"}
    assert not set(plans["plan_id"]) & set(other_plans["plan_id"])
    assert set(other_legs["plan_id"]) <= set(other_plans["plan_id"])
    by_set = ("plan_id", "rule_set")
    assert other_plans.drop(by_set).equals(plans.drop(by_set))
    assert other_legs.drop(by_set).equals(legs.drop(by_set))
