"""Narrower widths for accounts that the configured width does not fit."""

import math
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.planning.fees import fee_shares
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH, one
from options_platform_tests.domain.planning.test_leg_quotes import chains

RULES = PlanRules(sizing=SizingRules(account_value_usd=10_000.0))
NARROWED = pl.col("reasons").list.contains("NARROWED")


def with_strikes(**changes):
    return replace(RULES, strikes=StrikeRules(**changes))


def at_account(value):
    return replace(RULES, sizing=SizingRules(account_value_usd=value))


RICH = at_account(1e6)
WITHOUT = with_strikes(narrow_to_fit=False)


def test_a_spread_that_does_not_fit_is_planned_at_the_next_narrower_width():
    loss = build_plans(one(), WITHOUT)[0]["max_loss_usd"].item()
    account = 0.9 * loss / 0.02
    small = replace(RULES, sizing=SizingRules(account_value_usd=account))
    plans, legs = build_plans(one(), small)
    assert plans["reasons"].to_list() == [["REGIME_LOW_VOL", "DIRECTION_BULLISH", "NARROWED"]]
    assert plans["width"].item() == 2.0
    assert plans["needs"].item() is None
    assert plans["max_loss_usd"].item() <= 0.02 * account
    strikes = legs.sort("strike")["strike"].to_list()
    assert strikes[1] - strikes[0] == 2.0
    wide, wide_legs = build_plans(one(), replace(small, sizing=RULES.sizing))
    assert wide["width"].item() == 5.0
    # The bought leg stays where its delta puts it.
    assert legs.row(0, named=True)["strike"] == wide_legs.row(0, named=True)["strike"]


def test_only_rows_that_the_budget_refuses_change():
    plans, legs = build_plans(BATCH, RULES)
    as_configured, configured_legs = build_plans(BATCH, WITHOUT)
    narrowed = plans.filter(NARROWED)
    keys = narrowed.select("date", "ticker")
    assert 10 < narrowed.height < plans.height
    refused = as_configured.join(keys, on=["date", "ticker"], how="semi")
    assert refused["reasons"].to_list() == [["RISK_BUDGET"]] * narrowed.height
    unchanged = as_configured.join(keys, on=["date", "ticker"], how="anti")
    # What is refused at every width needs the width that loses least.
    assert plans.filter(~NARROWED).drop("needs").equals(unchanged.drop("needs"))
    assert legs.join(keys, on=["date", "ticker"], how="anti").equals(configured_legs)
    refused_still = plans.filter(pl.col("reasons").list.first() == "RISK_BUDGET")
    assert refused_still.height > 10
    assert refused_still["needs"].str.contains("^an account of [0-9,]+ USD$").all()


def test_no_narrowed_spread_risks_more_than_2_percent_nor_pays_a_fifth_of_its_profit_in_fees():
    narrowed = build_plans(BATCH, RULES)[0].filter(NARROWED)
    assert narrowed["max_loss_usd"].max() <= 200.0
    assert fee_shares(narrowed, RULES.costs).max() <= 0.20
    configured = narrowed["regime"].replace_strict(StrikeRules().width_usd)
    assert (narrowed["width"] < configured).all()
    dear = build_plans(BATCH, with_strikes(max_fee_share=1.0))[0].filter(NARROWED)
    assert dear.height > narrowed.height
    assert build_plans(BATCH, with_strikes(max_fee_share=0.0))[0].filter(NARROWED).is_empty()


@pytest.mark.parametrize(("account", "widths"), [(4_000.0, {1.0}), (22_000.0, {5.0, 2.0})])
def test_of_the_narrower_widths_the_widest_that_fits_is_taken(account, widths):
    sized = replace(RULES, sizing=SizingRules(account_value_usd=account))
    narrowed = build_plans(BATCH, sized)[0].filter(NARROWED)
    assert set(narrowed["width"]) >= widths
    for width in (5.0, 2.0):
        at_width = replace(sized, strikes=WITHOUT.strikes.at_width(width))
        traded = build_plans(BATCH, at_width)[0].filter(pl.col("decision") == "trade")
        cheap = traded.filter(fee_shares(traded, RULES.costs) <= 0.20)
        narrower = narrowed.filter(pl.col("width") < width)
        assert cheap.join(narrower, on=["date", "ticker"], how="semi").is_empty()


def test_a_spread_on_a_stored_chain_is_narrowed_on_that_chain():
    some = BATCH.head(60)
    chain_of = chains(some, RULES)
    plans, legs = build_plans(some, RULES, chain_of)
    narrowed = plans.filter(NARROWED)
    assert narrowed.height > 3
    assert set(narrowed["chain_source"]) == {"real"}
    assert narrowed["max_loss_usd"].max() <= 200.0
    for plan in narrowed.iter_rows(named=True):
        chain = chain_of(plan["date"], plan["ticker"])
        for leg in legs.filter(plan_id=plan["plan_id"]).iter_rows(named=True):
            quoted = chain.contract(leg["expiry"], leg["right"], leg["strike"])
            assert (quoted["bid"], quoted["ask"]) == (leg["bid"], leg["ask"])


def needed_by(plans):
    return plans.filter(pl.col("reasons").list.first() == "RISK_BUDGET").select(
        "date",
        "ticker",
        needed=pl.col("needs")
        .str.extract(r"^an account of ([\d,]+) USD$")
        .str.replace_all(",", "")
        .cast(pl.Float64),
    )


@pytest.mark.parametrize("account", [3_000.0, 10_000.0])
def test_the_account_that_is_named_trades_the_row_and_no_smaller_one_does(account):
    """Smaller accounts are tried in steps of 100 USD, from 500 USD less on."""
    refused = needed_by(build_plans(BATCH, at_account(account))[0])
    assert refused.height > 20
    for needed in refused["needed"].unique().sort().gather_every(9):
        rows = BATCH.join(refused.filter(needed=needed), on=["date", "ticker"], how="semi")
        named = build_plans(rows, at_account(needed))[0]
        assert set(named["decision"]) == {"trade"}
        for less in (100.0, 200.0, 500.0):
            smaller = build_plans(rows, at_account(needed - less))[0]
            assert set(smaller["decision"]) == {"no_trade"}


def test_a_cap_in_dollars_is_asked_for_at_the_width_that_loses_least():
    def plan_with(cap):
        sizing = SizingRules(account_value_usd=1e6, max_risk_usd=cap)
        return build_plans(one(), replace(RULES, sizing=sizing))[0].row(0, named=True)

    losses = [
        build_plans(one(), replace(RICH, strikes=RULES.strikes.at_width(width)))[0]
        .select(pl.col("max_loss_usd") / pl.col("contracts"))
        .item()
        for width in (5.0, 2.0, 1.0)
    ]
    asked = plan_with(0.5 * losses[2])["needs"]
    assert asked == f"max_risk_usd of {math.ceil(losses[2])}"
    assert plan_with(float(math.ceil(losses[2])))["decision"] == "trade"


def test_an_account_that_carries_the_configured_widths_narrows_nothing():
    rich = replace(RULES, sizing=SizingRules(account_value_usd=1_000_000.0))
    assert build_plans(BATCH, rich)[0].filter(NARROWED).is_empty()


@pytest.mark.parametrize("mode", ["percent", "expected_move"])
def test_only_fixed_widths_are_narrowed(mode):
    plans, _ = build_plans(BATCH, with_strikes(width_mode=mode, width_pct=0.1, width_moves=3.0))
    assert "RISK_BUDGET" in plans["reasons"].list.first().to_list()
    assert plans.filter(NARROWED).is_empty()


WHOLE = build_plans(BATCH, RULES)


@given(rows=st.lists(st.integers(0, BATCH.height - 1), min_size=1, max_size=8, unique=True))
@settings(deadline=None, max_examples=15)
def test_a_row_is_narrowed_alike_in_any_batch(rows):
    plans, legs = WHOLE
    some, some_legs = build_plans(BATCH[sorted(rows)], RULES)
    assert some.equals(plans[sorted(rows)])
    wanted = legs.filter(pl.col("plan_id").is_in(some["plan_id"].to_list()))
    assert some_legs.equals(wanted)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"narrower_usd": (2.0, 0.0)}, "narrower_usd"),
        ({"max_fee_share": 1.1}, "max_fee_share"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        StrikeRules(**changes)
