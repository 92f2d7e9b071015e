"""Sizes by a volatility target: what plans, entries and the ledger make of the forecast."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import TRADE_PLAN
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.rule_trace import rule_trace
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk.sizing import SizingRules, VolTarget, size_at
from options_platform.testing.plan_rows import BATCH, one

TARGET = VolTarget(0.15)
LARGE = SizingRules(account_value_usd=1e6, max_contracts=1000, at_least_one=False)
PUTS = SelectionRules(strategy="bull_put_spread")
# The first trades of these rules, as they were named before there were targets.
FORMER_IDS = ["82ee4448a4b10040", "94430399d7433d54", "fe9a6c78054b003b"]


def planned(forecast_vol, target=TARGET, sizing=LARGE, **changes):
    """The plan of one row with that forecast, and its ledger's row of the size."""
    rules = PlanRules(selection=PUTS, sizing=replace(sizing, vol_target=target))
    variance = None if forecast_vol is None else forecast_vol**2
    inputs = one(**changes).with_columns(har_rv_21=pl.lit(variance, pl.Float64))
    plans, _ = build_plans(inputs, rules)
    TRADE_PLAN.validate(plans)
    asked = rule_trace(inputs, plans, rules).filter(rule="RISK_BUDGET")
    return plans.row(0, named=True), asked.row(0, named=True)


# A budget of 20,000 x (0.5 + 0.5 x 0.55) = 15,500 USD, times the scale, up to 20,000.
@pytest.mark.parametrize(
    ("forecast_vol", "scale", "budget"),
    [
        (0.15, 1.0, 15_500.0),
        (0.30, 0.5, 7_750.0),
        (0.125, 1.2, 18_600.0),
        (0.10, 1.5, 20_000.0),
        (0.05, 2.0, 20_000.0),
        (0.90, 0.25, 3_875.0),
        (float("nan"), 0.25, 3_875.0),
        (None, 0.25, 3_875.0),
    ],
)
def test_the_budget_is_scaled_by_target_over_forecast_between_its_bounds(
    forecast_vol, scale, budget
):
    plan, _ = planned(forecast_vol)
    one_loses = plan["max_loss_usd"] / plan["contracts"]
    assert plan["vol_scale"] == pytest.approx(scale)
    assert plan["contracts"] == int(budget / one_loses)


def test_the_ledger_has_scale_target_and_forecast_of_trades_and_refusals():
    plan, asked = planned(0.3)
    assert asked["outcome"] == "passed"
    assert asked["value"] == (
        f"{plan['contracts']}.0, the budget x 0.5: a volatility of 0.15 over a forecast of 0.3"
    )
    small = replace(LARGE, account_value_usd=20_000.0)
    refused, asked = planned(None, sizing=small)
    assert refused["reasons"] == ["RISK_BUDGET"]
    assert refused["vol_scale"] == 0.25
    assert asked["outcome"] == "refused"
    assert asked["value"] == (
        "0.0, the budget x 0.25: a volatility of 0.15 over a forecast of unknown"
    )
    needed = int(refused["needs"].split()[3].replace(",", ""))
    enough = replace(LARGE, account_value_usd=float(needed))
    assert planned(None, sizing=enough)[0]["contracts"] == 1


def test_a_row_that_ends_before_its_size_keeps_the_scale():
    plan, asked = planned(0.3, vix=None)
    assert (plan["reasons"], plan["vol_scale"]) == (["NO_VIX"], 0.5)
    assert asked["outcome"] == "not_reached"


def test_without_a_target_plans_need_no_forecast_and_are_what_they_were():
    plain = PlanRules(sizing=LARGE)
    bounded = replace(plain, sizing=replace(LARGE, vol_target=VolTarget(least=0.1, most=9.0)))
    plans, legs = build_plans(BATCH, plain)
    assert plans["vol_scale"].null_count() == plans.height
    unscaled = build_plans(BATCH.with_columns(har_rv_21=0.09), bounded)
    assert unscaled[0].equals(plans)
    assert unscaled[1].equals(legs)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades["plan_id"].head(3).to_list() == FORMER_IDS


@given(low=st.floats(0.01, 2.0), more=st.floats(1.0, 3.0))
@settings(deadline=None, max_examples=15)
def test_a_wilder_forecast_never_trades_more(low, more):
    calm, wild = (planned(vol)[0]["contracts"] for vol in (low, low * more))
    assert wild <= calm


@given(
    scale=st.one_of(st.none(), st.floats(0.01, 5.0)),
    equity=st.floats(1e3, 2e6),
    loss=st.floats(50.0, 5000.0),
)
def test_at_entry_a_plan_keeps_the_scale_of_its_forecast_within_the_cap(scale, equity, loss):
    size = size_at(equity, 1000, 1000 * loss, "low_vol", 1.0, LARGE, vol_scale=scale)
    share = min(1.0 if scale is None else scale, 1.0)
    budget = 0.02 * min(equity, LARGE.account_value_usd) * share
    assert size.contracts == min(1000, int(budget / (loss * (1.0 - 1e-9))))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"annual": 0.0}, "a volatility above 0, or none"),
        ({"annual": float("inf")}, "a volatility above 0, or none"),
        ({"least": 0.0}, "0 < least <= most"),
        ({"least": 2.0, "most": 1.0}, "0 < least <= most"),
        ({"most": float("nan")}, "0 < least <= most"),
    ],
)
def test_targets_that_cannot_scale_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        VolTarget(**values)
