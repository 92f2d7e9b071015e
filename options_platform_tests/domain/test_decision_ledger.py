from datetime import date

import polars as pl

from options_platform.domain.decision_ledger import LEDGER_SCHEMA, account_rows, decision_ledger
from options_platform.domain.plan import PlanRules, build_plans
from options_platform_tests.domain.test_plan import BATCH, CONDORS, one


def test_the_rule_that_refuses_is_the_plans_reason_and_the_only_one():
    for rules in (CONDORS, PlanRules()):
        plans, _ = build_plans(BATCH, rules)
        ledger = decision_ledger(BATCH, plans, rules)
        assert ledger.schema == LEDGER_SCHEMA
        refused = ledger.filter(pl.col("outcome") == "refused")
        wanted = plans.filter(pl.col("decision") == "no_trade").select(
            "date", "ticker", rule=pl.col("reasons").list.first()
        )
        assert refused.select("date", "ticker", "rule").equals(wanted.sort("date", "ticker"))
        trades = plans.filter(pl.col("decision") == "trade").select("date", "ticker")
        own = ledger.join(trades, on=["date", "ticker"], how="semi")
        assert own["outcome"].unique().to_list() == ["passed"]


def test_a_veto_names_its_value_and_its_threshold_and_ends_the_asking():
    inputs = one(iv_rank_change_pred=-0.06)
    plans, _ = build_plans(inputs, PlanRules())
    ledger = decision_ledger(inputs, plans, PlanRules())
    veto = ledger.row(by_predicate=pl.col("rule") == "VOL_VETO_DEBIT", named=True)
    assert (veto["value"], veto["threshold"]) == ("-0.06", "at least -0.05 for a debit")
    assert veto["outcome"] == "refused"
    after = ledger.filter(pl.col("step") > veto["step"])["outcome"].unique().to_list()
    assert after == ["not_reached"]


def test_limits_of_the_account_are_told_with_their_values():
    rows = account_rows(
        date(2024, 1, 3), "SPY", ["MAX_POSITIONS"],
        [("MAX_POSITIONS", 6, 5), ("MAX_TOTAL_RISK", 4000.0, 10_000.0)],
    )  # fmt: skip
    assert rows["outcome"].to_list() == ["refused", "passed"]
    assert rows["threshold"].to_list() == ["at most 5", "at most 10000"]
