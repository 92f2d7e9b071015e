from datetime import date

import polars as pl

from options_platform.domain.backtest.results import REFUSALS
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.rule_trace import (
    LEDGER_SCHEMA,
    account_trace,
    rule_trace,
)
from options_platform.testing.plan_rows import BATCH, one
from options_platform_tests.domain.planning.test_plan import CONDORS


def test_the_rule_that_refuses_is_the_plans_reason_and_the_only_one():
    for rules in (CONDORS, PlanRules()):
        plans, _ = build_plans(BATCH, rules)
        ledger = rule_trace(BATCH, plans, rules)
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
    ledger = rule_trace(inputs, plans, PlanRules())
    veto = ledger.row(by_predicate=pl.col("rule") == "VOL_VETO_DEBIT", named=True)
    assert (veto["value"], veto["threshold"]) == (
        "-0.06",
        "at least -0.05 for a debit, except in iv_expansion",
    )
    assert veto["outcome"] == "refused"
    after = ledger.filter(pl.col("step") > veto["step"])["outcome"].unique().to_list()
    assert after == ["not_reached"]


def test_what_the_account_refused_has_the_same_form():
    refused = pl.DataFrame(
        [
            (date(2024, 1, 3), "x", "SPY", "MAX_POSITIONS", 6.0, 6.0),
            (date(2024, 1, 4), "y", "SPY", "NO_MARKET", float("nan"), float("nan")),
        ],
        schema=REFUSALS,
        orient="row",
    )
    rows = account_trace(refused)
    assert rows.schema == LEDGER_SCHEMA
    assert rows["value"].to_list() == ["6.0", None]
    assert rows["outcome"].unique().to_list() == ["refused"]
