"""Refused trades of hand-made plans in a small market, each followed alone beside the account."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest import run_backtest
from options_platform.domain.backtest.followed import follow_refused
from options_platform.domain.backtest.rules import OwnRules
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.risk import GapRules, KillSwitchRules, RiskRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform_tests.domain.backtest.bull_puts import (
    EXPIRY,
    FLAT_PRICES,
    HELD,
    bull_put,
)
from options_platform_tests.domain.backtest.small import DAYS, market, plan, together

FALL = [100.0] * 10 + [89.0] * (len(DAYS) - 10)


def followed(planned, closes=FLAT_PRICES, rules=HELD, let_through=None, **changes):
    plans, legs = planned
    none = TRADE_PLAN.empty().with_columns(gates=pl.lit([], pl.List(pl.String)))
    lifted, their_legs = (none, TRADE_PLAN_LEGS.empty()) if let_through is None else let_through
    return follow_refused(
        plans, legs, lifted, their_legs, market({"SPY": closes}, **changes), rules
    )


def only(planned, closes=FLAT_PRICES, rules=HELD, **changes):
    """What the plan earns where nothing refuses it."""
    wide = replace(rules, risk=RiskRules.unlimited(), buying_power=False)
    return run_backtest(*planned, market({"SPY": closes}, **changes), wide).trades.row(
        0, named=True
    )


def test_a_trade_that_a_limit_refused_earns_what_it_earns_where_it_is_made():
    rules = replace(HELD, risk=replace(RiskRules.unlimited(), max_positions=1))
    late = bull_put(DAYS[5])
    run = followed(together(bull_put(), late), FALL, rules)
    (row,) = run.refused.to_dicts()
    made = only(late, FALL)
    assert (row["gate"], row["later_gates"], row["not_followed"]) == ("MAX_POSITIONS", [], None)
    assert row["pnl_usd"] == made["pnl_usd"] < -300.0
    for name in ("opened_on", "closed_on", "entry_price", "exit_price", "fees_usd", "contracts"):
        assert row[name] == made[name]


def test_an_entry_that_the_kill_switch_halted_is_followed_and_names_the_limit_behind_it():
    risk = replace(
        RiskRules.unlimited(), max_positions=1, kill_switch=KillSwitchRules(max_daily_loss_pct=0.03)
    )
    rules = replace(HELD, start_usd=2000.0, risk=risk)
    late = bull_put(DAYS[12])
    (row,) = followed(together(bull_put(), late), FALL, rules).refused.to_dicts()
    assert (row["gate"], row["later_gates"]) == ("HALTED", ["MAX_POSITIONS"])
    assert row["pnl_usd"] == only(late, FALL, rules)["pnl_usd"]


def test_an_order_whose_limit_was_not_reached_is_followed_at_the_price_of_the_market():
    rules = replace(HELD, entry_order="limit")
    dear = bull_put(price=-0.75, loss=4.25, profit=0.75)
    (row,) = followed(dear, rules=rules).refused.to_dicts()
    assert row["gate"] == "LIMIT_NOT_REACHED"
    assert row["entry_price"] == only(bull_put())["entry_price"] > -0.75


def test_what_the_budget_refuses_is_one_contract():
    sizing = SizingRules(account_value_usd=10_000.0, at_least_one=True)
    rules = replace(HELD, start_usd=10_000.0, sizing=sizing)
    plans, legs = bull_put(contracts=4)
    large = plans.with_columns(confidence=0.5), legs
    (row,) = followed(large, rules=rules).refused.to_dicts()
    assert (row["gate"], row["contracts"]) == ("RISK_BUDGET", 1)
    assert row["pnl_usd"] == only(bull_put())["pnl_usd"]


def test_the_gap_limit_is_asked_with_the_positions_of_the_account():
    risk = replace(RiskRules.unlimited(), gap=GapRules(max_loss_pct=0.06))
    rules = replace(HELD, start_usd=10_000.0, risk=risk)
    late = bull_put(DAYS[5])
    run = followed(together(bull_put(), late), rules=rules)
    assert run.result.refusals["rule"].to_list() == run.refused["gate"].to_list()
    assert run.refused["gate"].to_list() == ["MAX_GAP_LOSS"]
    assert run.refused["pnl_usd"].to_list() == [only(late)["pnl_usd"]]


def test_a_trade_that_a_rule_of_the_plan_refused_is_asked_by_the_account_as_well():
    rules = replace(HELD, risk=replace(RiskRules.unlimited(), max_positions=1))
    lifted, legs = bull_put(DAYS[5])
    lifted = lifted.with_columns(gates=pl.Series([["LOW_CONFIDENCE"]]))
    run = followed(bull_put(), rules=rules, let_through=(lifted, legs))
    (row,) = run.refused.to_dicts()
    assert (row["gate"], row["later_gates"]) == ("LOW_CONFIDENCE", ["MAX_POSITIONS"])
    assert run.result.trades.height == 1


def test_a_refused_trade_keeps_no_other_trade_out():
    rules = replace(HELD, risk=replace(RiskRules.unlimited(), max_positions=1))
    lifted, legs = bull_put(DAYS[0])
    lifted = lifted.with_columns(gates=pl.Series([["VOL_VETO_CREDIT"]]))
    run = followed(bull_put(DAYS[3]), rules=rules, let_through=(lifted, legs))
    assert run.result.trades["planned_on"].to_list() == [DAYS[3]]
    assert run.refused["later_gates"].to_list() == [[]]


@pytest.mark.parametrize("holds", [True, False])
def test_only_what_the_account_holds_is_on_the_other_side_of_a_refused_trade(holds):
    other_side = [("buy", "put", 95.0, EXPIRY), ("sell", "put", 90.0, EXPIRY)]
    late, their_legs = plan(DAYS[5], other_side, price=0.5, loss=0.5, profit=4.5)
    late = late.with_columns(gates=pl.Series([["VOL_VETO_DEBIT"]]))
    own, legs = bull_put()
    if not holds:
        early = own.with_columns(gates=pl.Series([["VOL_VETO_CREDIT"]]))
        late, their_legs = pl.concat([early, late]), pl.concat([legs, their_legs])
        own, legs = own.clear(), legs.clear()
    run = followed((own, legs), let_through=(late, their_legs))
    (row,) = run.refused.filter(gate="VOL_VETO_DEBIT").to_dicts()
    assert row["later_gates"] == (["NETTING_CONFLICT"] if holds else [])
    assert run.result.trades.height == int(holds)


@pytest.mark.parametrize(
    ("closes", "why"),
    [
        ([100.0, None, *FLAT_PRICES[2:]], "NO_MARKET"),
        (FLAT_PRICES[:1], "NO_SESSION_YET"),
        (FLAT_PRICES[:20], "STILL_OPEN"),
    ],
)
def test_a_trade_without_a_fill_or_an_end_says_what_is_missing(closes, why):
    lifted, legs = bull_put()
    lifted = lifted.with_columns(gates=pl.Series([["ILLIQUID"]]))
    none = TRADE_PLAN.empty(), TRADE_PLAN_LEGS.empty()
    (row,) = followed(none, closes, let_through=(lifted, legs)).refused.to_dicts()
    assert row["not_followed"] == why
    assert row["closed_on"] is None


def test_an_entry_of_the_account_without_a_market_is_refused_by_it():
    (row,) = followed(bull_put(), [100.0, None, *FLAT_PRICES[2:]]).refused.to_dicts()
    assert (row["gate"], row["not_followed"]) == ("NO_MARKET", "NO_MARKET")


def test_an_entry_too_near_to_its_expiry_leaves_in_the_next_session():
    expiry = date(2024, 1, 12)
    legs = [("sell", "put", 100.0, expiry), ("buy", "put", 95.0, expiry)]
    near = plan(shift(expiry, -2), legs, price=-0.4, loss=4.6, profit=0.4)
    rules = replace(HELD, exits=ExitRules(), expiry=ExpiryRules())
    (row,) = followed(near, rules=rules).refused.to_dicts()
    assert row["gate"] == "EXPIRY_NEAR"
    assert row["opened_on"] == shift(expiry, -1)
    assert row["closed_on"] == expiry < EXPIRY


def test_an_account_of_several_rule_sets_is_refused():
    several = replace(HELD, sets={"plan": OwnRules(), "mine": OwnRules()})
    with pytest.raises(ValueError, match="one rule set, not 2"):
        followed(bull_put(), rules=several)
