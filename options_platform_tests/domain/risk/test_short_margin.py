"""Margin and stress loss of undefined-risk positions; the margin examples are Hull's."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import (
    AssignmentRules,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.checks.backtest import BACKTEST_RULES, BacktestTables
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.pricing import european_price
from options_platform.domain.risk import RiskRules
from options_platform.domain.risk.short_margin import (
    QuotedPositions,
    UndefinedRiskRules,
    capital_at_risk,
    short_margin,
    stress_loss,
)
from options_platform.domain.risk.sizing import SizingRules
from options_platform.errors import SettingsError
from options_platform.settings import load_settings
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs


def margin(spot, strikes, signs, sides=None):
    sides = np.array(sides or [-1.0] * len(strikes))
    legs = np.array([spot]), sides, np.array([strikes]), np.array(signs)
    return float(short_margin(*legs, 0.20, 0.10)[0])


def test_the_margin_of_a_naked_option_equals_hulls_example():
    """Hull, Options, Futures, and Other Derivatives, section 10.7: a stock at 38, strike 40, price
    5, 400 shares: 4,240 USD for the call and 5,040 USD for the put, proceeds included."""
    assert 400 * (5 + margin(38.0, [40.0], [1.0])) == pytest.approx(4240.0)
    assert 400 * (5 + margin(38.0, [40.0], [-1.0])) == pytest.approx(5040.0)
    # Far out of the money the minimum holds: of the spot for a call, of the strike for a put.
    assert margin(38.0, [60.0], [1.0]) == pytest.approx(3.8)
    assert margin(38.0, [20.0], [-1.0]) == pytest.approx(2.0)


def test_a_short_strangle_needs_only_the_larger_of_both_margins():
    assert margin(100.0, [95.0, 110.0], [-1.0, 1.0]) == pytest.approx(15.0)
    assert margin(100.0, [100.0, 100.0], [-1.0, 1.0]) == pytest.approx(20.0)


def test_only_what_no_bought_contract_covers_takes_a_margin():
    # One of two sold calls is covered; the other one takes 20 - 10 at a spot of 100.
    assert margin(100.0, [105.0, 110.0], [1.0, 1.0], [1.0, -2.0]) == pytest.approx(10.0)
    assert margin(100.0, [105.0, 110.0], [1.0, 1.0], [1.0, -3.0]) == pytest.approx(20.0)
    assert margin(100.0, [105.0, 110.0], [1.0, 1.0], [2.0, -1.0]) == 0.0


def strangle(spot=100.0, years=1e-9):
    sides, sign, shape = np.array([-1.0, -1.0]), np.array([-1.0, 1.0]), np.ones((1, 2))
    strike, mid = np.array([[90.0, 110.0]]), np.array([[1.0, 0.8]])
    at = np.array([spot])
    return QuotedPositions(at, sides, sign, strike, mid, years * shape, 0.2 * shape)


def test_the_stress_is_the_worse_of_a_fall_and_a_rise():
    # At 75 the put is worth 15, at 125 the call is worth 15; the proceeds were 1.80.
    assert stress_loss(strangle(), 0.25, 0.0, 0.0)[0] == pytest.approx(15.0 - 1.8)
    # After a fall from 87.5 to 70 the put is worth 20, more than the loss after a rise to 105.
    assert stress_loss(strangle(87.5), 0.2, 0.0, 0.0)[0] == pytest.approx(20.0 - 1.8)


def test_the_stress_reprices_the_remaining_time_value():
    legs = strangle(years=0.25)
    at = (0.25, 0.2, 0.03, 0.01)
    values = [
        sum(
            max(float(european_price(np.array(spot), np.array(strike), *at, sign)),
                sign * (spot - strike), 0.0)
            for strike, sign in ((90.0, -1.0), (110.0, 1.0))
        )
        for spot in (80.0, 120.0)
    ]  # fmt: skip
    assert stress_loss(legs, 0.2, 0.03, 0.01)[0] == pytest.approx(max(values) - 1.8)


def test_capital_at_risk_is_the_larger_of_margin_and_stress():
    mild, wild = (UndefinedRiskRules(stress_move=move) for move in (0.1, 0.4))
    legs = strangle()
    assert capital_at_risk(legs, mild, 0.0, 0.0)[0] == margin(100.0, [90.0, 110.0], [-1.0, 1.0])
    assert capital_at_risk(legs, wild, 0.0, 0.0)[0] == pytest.approx(30.0 - 1.8)


def test_undefined_risk_is_off_by_default_and_its_settings_are_validated(tmp_path):
    assert not load_settings(tmp_path, {}).plan.allow_undefined_risk
    enabled = {
        "OPTIONS_PLAN__ALLOW_UNDEFINED_RISK": "true",
        "OPTIONS_PLAN__UNDEFINED_RISK__STRESS_MOVE": "0.3",
    }
    plan = load_settings(tmp_path, enabled).plan
    assert (plan.allow_undefined_risk, plan.undefined_risk.stress_move) == (True, 0.3)
    with pytest.raises(SettingsError, match="stress_move lies between 0 and 1"):
        load_settings(tmp_path, {"OPTIONS_PLAN__UNDEFINED_RISK__STRESS_MOVE": "1.5"})
    with pytest.raises(SettingsError, match="margin_minimum <= margin_rate"):
        load_settings(tmp_path, {"OPTIONS_PLAN__UNDEFINED_RISK__MARGIN_MINIMUM": "0.5"})


# Small enough for a random walk to exceed it.
SMALL = UndefinedRiskRules(margin_rate=0.03, margin_minimum=0.02, stress_move=0.04)
PLAN = PlanRules(
    allow_undefined_risk=True,
    undefined_risk=SMALL,
    selection=SelectionRules(strategy="short_strangle", veto_credit_above=1.0),
    sizing=SizingRules(account_value_usd=1_000_000.0, risk_pct=0.05),
)
RULES = BacktestRules(
    start_usd=1_000_000.0,
    exits=None,
    assignment=AssignmentRules(enabled=False),
    risk=replace(RiskRules.unlimited(), max_trade_risk_pct=0.05),
)


@pytest.fixture(scope="module")
def made():
    bars, vix = random_market(("SPY",), date(2016, 1, 4), date(2018, 12, 31))
    inputs = plan_inputs(bars, vix)
    return make_market(bars, vix), build_plans(inputs, PLAN)


def test_a_short_strangle_goes_through_the_backtest_on_its_capital_at_risk(made):
    market, plans = made
    result = run_backtest(*plans, market, RULES)
    assert result.trades.height > 50
    assert result.trades["strategy"].unique().to_list() == ["short_strangle"]
    # The loss is unbounded: some positions lose more than the capital at risk.
    assert result.trades.filter(-pl.col("pnl_usd") > pl.col("max_loss_usd")).height > 0
    tables = BacktestTables(*(
        frame.with_columns(run=pl.lit("own"), fill_model=pl.lit("default"))
        for frame in (result.equity.rename({"session": "date"}), result.trades,
                      *(rows.rename({"session": "date"}) for rows in (result.marks, result.fills)))
    ))  # fmt: skip
    assert all(rule.find(tables).passed for rule in BACKTEST_RULES)
    named = tables.trades.with_columns(strategy=pl.lit("bull_put_spread"))
    bounded = replace(tables, trades=named)
    broken = {rule.name for rule in BACKTEST_RULES if not rule.find(bounded).passed}
    assert broken == {"losses_bounded"}
    with_positions = result.equity.filter(pl.col("open_positions") > 0)
    assert (with_positions["reserved_usd"] > 0).all()


def test_limits_apply_to_the_capital_at_risk(made):
    market, plans = made
    trades = plans[0].filter(pl.col("decision") == "trade")
    share = float(trades["max_loss_usd"].median()) / 1_000_000.0
    tight = replace(RULES, risk=replace(RULES.risk, max_trade_risk_pct=share))
    result = run_backtest(*plans, market, tight)
    refused = result.refusals.filter(pl.col("rule") == "MAX_TRADE_RISK")
    assert refused.height > 0
    # The limit is a fraction of equity, if that is below the initial 1,000,000.
    equity = result.equity.select("session", "equity_usd").rename({"session": "date"})
    limit = share * pl.min_horizontal("equity_usd", 1_000_000.0)
    wanted = trades.join(equity, on="date").filter(pl.col("max_loss_usd") > limit)
    assert set(refused["plan_id"]) <= set(wanted["plan_id"])
    assert result.trades.height > 0


def test_buying_power_reserves_the_capital_at_risk(made):
    market, plans = made
    poor = replace(RULES, start_usd=60_000.0, risk=RiskRules.unlimited())
    result = run_backtest(*plans, market, poor)
    refused = result.refusals.filter(pl.col("rule") == "BUYING_POWER")
    assert refused.height > 0
    assert (refused["value"] > refused["threshold"]).all()
    # The reserved amount is the planned one, adjusted by the difference between plan and fill.
    planned = plans[0].select("plan_id", "max_loss_usd", "limit_price", "contracts")
    both = result.trades.join(planned, on="plan_id", suffix="_planned")
    moved = (both["entry_price"] - both["limit_price"]) * 100.0 * both["contracts"]
    assert (both["max_loss_usd"] - both["max_loss_usd_planned"] - moved).abs().max() < 1e-6
