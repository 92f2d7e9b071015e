"""Every refusal says what would let the row through, whichever rule refused it."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.conditions.blackout import REPORT_INPUTS
from options_platform.domain.planning.liquidity import LiquidityRules, asked_of_quotes
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.reasons import REASONS
from options_platform.domain.planning.rule_trace import asked_rules
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH, one
from options_platform_tests.domain.planning.test_leg_quotes import chains
from options_platform_tests.domain.planning.test_plan import REFUSALS

FAR = BATCH["date"].max() + timedelta(days=3000)
NO_CONDORS = PlanRules(selection=SelectionRules(iron_condor_enabled=False))
STRANGLES = PlanRules(selection=SelectionRules(strategy="short_strangle"))
REPORT = {"report_date": date(2015, 1, 9), "report_status": "confirmed",
          "report_anchor": date(2015, 1, 9), "report_dated": True}  # fmt: skip
EX_DATE = date(2015, 1, 20)
EX_DATE = date(2015, 1, 20)
POOR = PlanRules(sizing=SizingRules(account_value_usd=500.0))

NEEDS = {
    "BAD_BAR": "a bar of the session that passes the quarantine",
    "NO_VIX": "a volatility index of the session or the one before",
    "NO_REGIME": "every input of the regime rules: the index, IV rank and HV/IV",
    "NO_PREDICTION": "predictions of direction and volatility, after about two years of history",
    "NO_EDGE": "a bullish or bearish prediction in iv_expansion",
    "IRON_CONDOR_DISABLED": "iron_condor_enabled=true",
    "VOL_VETO_DEBIT": "a forecast change of IV rank of at least -0.05, not -0.06",
    "VOL_VETO_CREDIT": "a forecast change of IV rank of at most 0.05, not 0.06",
    "UNBOUNDED": "plan.allow_undefined_risk=true",
    "NO_OPTIONS": "sessions from 2005-01-10 on",
    "NO_EXPIRY": "a listed expiry 14 to 45 days away",
    "EARNINGS_UNKNOWN": "the date of the next report of AAPL; a fund, which has none, is named in "
    "plan.chain.surface.funds",
    "EARNINGS_BLACKOUT": "an expiry up to 2015-01-09, before the report of 2015-01-09, confirmed, "
    "or 5 sessions from the entry to the exit on 2015-01-09",
    "ODD_SPLIT": "an entry from 2015-01-20 on",
    "BAD_QUOTE": "sound quotes, a price between zero and the width",
    "WIDTH_RANGE": "a width of 0.005 to 0.15 of a stock's price: "
    "plan.stocks.width_moves, now 0.5, sets it",
    "ILLIQUID": "a bid of 0.05 on each sold leg",
}
"""Those that do not depend on the row's price."""


def of_stock(**report):
    """A row of a stock, with what its close knew of the next report."""
    return one().with_columns(
        pl.lit("AAPL").alias("ticker"),
        *(pl.lit(value, REPORT_INPUTS[name]).alias(name) for name, value in report.items()),
    )


def plans_of_each_code():
    """The plans of a row for each code, under rules in which that row meets it."""
    return {
        code: build_plans(one(**changes), NO_CONDORS)[0] for code, changes in REFUSALS.items()
    } | {
        "UNBOUNDED": build_plans(one(), STRANGLES)[0],
        "NO_OPTIONS": build_plans(one().with_columns(date=pl.lit(date(2004, 6, 1))), PlanRules())[
            0
        ],
        "NO_EXPIRY": build_plans(one(), PlanRules(), chains(one(), expiries=[FAR]))[0],
        "EARNINGS_UNKNOWN": build_plans(of_stock(report_dated=False), PlanRules())[0],
        "EARNINGS_BLACKOUT": build_plans(of_stock(**REPORT), PlanRules())[0],
        "ODD_SPLIT": build_plans(one().with_columns(odd_split_on=EX_DATE), PlanRules())[0],
        "WIDTH_RANGE": build_plans(one(ticker="NVDA", close=30.0, iv_close=250.0), PlanRules())[0],
        "RISK_BUDGET": build_plans(one(), POOR)[0],
    }


def test_every_code_has_its_sentence_and_says_what_it_needs():
    plans = plans_of_each_code()
    assert set(plans) == {rule.code for rule in asked_rules(PlanRules())}
    for code, plan in plans.items():
        assert plan["reasons"].to_list() == [[code]]
        assert code in REASONS
        needs = plan["needs"].item()
        assert needs
        if code in NEEDS:
            assert needs == NEEDS[code]


def test_a_batch_with_refusals_of_many_rules_leaves_none_without_its_need():
    rows = pl.concat(
        one(**changes).with_columns(date=pl.lit(date(2016, 3, 1) + timedelta(days=7 * n)))
        for n, changes in enumerate(REFUSALS.values())
    )
    plans, _ = build_plans(pl.concat([rows, BATCH.filter(pl.col("date").dt.year() == 2015)]), POOR)
    assert plans["decision"].unique().to_list() == ["no_trade"]
    assert set(plans["reasons"].list.first()) >= {*REFUSALS, "RISK_BUDGET"} - {
        "IRON_CONDOR_DISABLED", "BAD_QUOTE"
    }  # fmt: skip
    assert plans["needs"].null_count() == 0
    assert plans["needs"].str.len_chars().min() > 5


@pytest.mark.parametrize("regime", REGIMES)
def test_what_a_regime_trades_is_read_from_the_matrix(regime):
    """Following the advice, the row is traded or refused for another reason."""
    refused = one(regime=regime, direction="neutral", p_neutral=0.8, p_bullish=0.1)
    plan = build_plans(refused, PlanRules())[0].row(0, named=True)
    if plan["reasons"] != ["NO_EDGE"]:
        assert plan["strategy"] == "iron_condor"
        return
    assert plan["needs"] == f"a bullish or bearish prediction in {regime}"
    advised = build_plans(one(regime=regime), PlanRules())[0].row(0, named=True)
    assert advised["decision"] == "trade"


def test_following_the_advice_of_a_veto_lets_the_row_through():
    vetoed = one(iv_rank_change_pred=-0.12)
    plan = build_plans(vetoed, PlanRules())[0].row(0, named=True)
    assert plan["needs"] == "a forecast change of IV rank of at least -0.05, not -0.12"
    assert build_plans(one(iv_rank_change_pred=-0.05), PlanRules())[0]["decision"].item() == "trade"


@pytest.mark.parametrize(
    ("forecast", "shown"), [(-0.0503, "-0.0503"), (-0.0512, "-0.051"), (-0.0500004, "-0.0500004")]
)
def test_a_forecast_just_beyond_the_veto_is_not_rounded_to_its_bound(forecast, shown):
    debit = build_plans(one(iv_rank_change_pred=forecast), PlanRules())[0].row(0, named=True)
    assert debit["needs"] == f"a forecast change of IV rank of at least -0.05, not {shown}"
    credit = one(iv_rank_change_pred=-forecast, regime="high_vol")
    plan = build_plans(credit, PlanRules())[0].row(0, named=True)
    assert plan["needs"] == f"a forecast change of IV rank of at most 0.05, not {shown[1:]}"


def test_a_rank_just_below_the_confident_ones_is_not_rounded_to_them():
    unsure = one(regime="neutral", call_rank=0.666652, earlier_calls=1000)
    needs = build_plans(unsure, PlanRules())[0]["needs"].item()
    assert needs == "a rank of 0.6667 among 1000 earlier calls; it is 0.66665"


def test_an_illiquid_spread_names_the_gates_that_it_breaks_and_no_others():
    wide = PlanRules(liquidity=LiquidityRules(max_width_share=0.0, min_volume=5.0))
    plan = build_plans(one(), wide)[0].row(0, named=True)
    assert plan["reasons"] == ["ILLIQUID"]
    assert plan["needs"] == "quotes no wider than 0 of the net price"
    both = replace(wide, liquidity=LiquidityRules(min_bid_usd=900.0, max_width_share=0.0))
    needs = build_plans(one(), both)[0]["needs"].item()
    assert needs == "a bid of 900 on each sold leg, quotes no wider than 0 of the net price"


def test_gates_that_ask_for_nothing_are_not_named():
    said = "a bid of 0.05 on each sold leg, quotes no wider than 0.5 of the net price"
    assert asked_of_quotes(LiquidityRules()) == said
    thick = asked_of_quotes(LiquidityRules(min_volume=5.0, min_open_interest=100.0))
    assert thick == f"{said}, open interest of 100 on each leg, volume of 5 on each leg"
    assert asked_of_quotes(LiquidityRules(min_bid_usd=0.0)).startswith("a bid on each sold leg, ")


def test_a_setting_that_is_named_lets_the_row_through():
    condor = one(regime="high_vol", direction="neutral", p_neutral=0.8, p_bullish=0.1)
    assert build_plans(condor, NO_CONDORS)[0]["needs"].item() == "iron_condor_enabled=true"
    assert build_plans(condor, PlanRules())[0]["strategy"].item() == "iron_condor"
    allowed = replace(STRANGLES, allow_undefined_risk=True, sizing=SizingRules(1e6))
    assert build_plans(one(), allowed)[0]["strategy"].item() == "short_strangle"
