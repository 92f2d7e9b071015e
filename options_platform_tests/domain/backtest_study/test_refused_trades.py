"""Refused trades: each is the one that the backtest makes where its gate is switched off."""

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from options_platform.domain.backtest import run_backtest
from options_platform.domain.backtest_study.gates import LIFTED, NO_TRADE, let_through
from options_platform.domain.backtest_study.refusal_prices import GATES
from options_platform.domain.backtest_study.refused_trades import refused_trades
from options_platform.domain.earnings.trade_rules import EarningsTradeRules
from options_platform.domain.planning.conditions.votes import VoteRules
from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.planning.rule_trace import asked_rules
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.risk import Exposure, RiskRules, assess
from options_platform.domain.risk.rules import GapRules
from options_platform_tests.domain.backtest_study.refusal_market import (
    DAYS,
    PLAN,
    RULES,
    bull_puts,
    closes,
    inputs_of,
    limited,
    market_of,
)

SAME = ("strategy", "opened_on", "closed_on", "contracts", "entry_price", "exit_price",
        "exit_reason", "fees_usd", "slippage_usd", "pnl_usd", "max_loss_usd")  # fmt: skip
VOTES = VoteRules(needed=1, below={"iv_rank": 0.6})


@pytest.fixture(scope="module")
def close():
    return closes()


@pytest.fixture(scope="module")
def market(close):
    return market_of(close)


@pytest.fixture(scope="module")
def inputs(close):
    return inputs_of(close)


@pytest.fixture(scope="module")
def limited_run(inputs, market):
    return refused_trades(inputs, PLAN, limited(), market)


def selecting(**changes):
    return replace(PLAN, selection=SelectionRules(**changes))


SWITCHED_OFF = {
    "LOW_CONFIDENCE": (PLAN, selecting(min_probability=0.0)),
    "VOL_VETO_DEBIT": (PLAN, selecting(veto_debit_below=-9.0)),
    "VOL_VETO_CREDIT": (PLAN, selecting(veto_credit_above=9.0)),
    "IRON_CONDOR_DISABLED": (selecting(iron_condor_enabled=False), PLAN),
    "NOT_ENTRY_DAY": (selecting(cadence="week"), PLAN),
    "TOO_FEW_VOTES": (selecting(votes=VOTES), PLAN),
    "ILLIQUID": (
        replace(PLAN, liquidity=LiquidityRules(min_bid_usd=2.0)),
        replace(PLAN, liquidity=LiquidityRules(0.0, 9.0)),
    ),
}


@pytest.mark.parametrize(
    "gate",
    [pytest.param(gate, marks=() if gate == "VOL_VETO_CREDIT" else pytest.mark.long)
     for gate in SWITCHED_OFF],
)  # fmt: skip
def test_a_gate_switched_off_makes_exactly_the_trades_that_its_price_follows(gate, inputs, market):
    plan, without = SWITCHED_OFF[gate]
    run, refused = refused_trades(inputs, plan, RULES, market)
    of_gate = refused.filter(pl.col("not_followed").is_null(), gate=gate)
    alone = of_gate.filter(pl.col("later_gates").list.len() == 0).rename({"date": "planned_on"})
    plans, legs = build_plans(inputs, without)
    off = run_backtest(plans, legs, market, RULES)
    key = ["planned_on", "ticker"]
    added = off.trades.drop_nulls("closed_on").join(run.trades, on=key, how="anti")
    # One trade keeps another out only where it is on the other side of a contract.
    conflict = pl.concat_list("gate", "later_gates").list.contains("NETTING_CONFLICT")
    kept_out = refused.filter(conflict).select("ticker", planned_on="date")
    others = off.refusals.filter(rule="NETTING_CONFLICT").select("plan_id")
    others = plans.join(others, on="plan_id").select("ticker", planned_on="date")
    alone, added = (
        frame.join(pl.concat([kept_out, others]), on=key, how="anti").sort(key)
        for frame in (alone, added)
    )
    assert alone.height > 8
    assert_frame_equal(alone.select(*key, *SAME), added.select(*key, *SAME))


def test_the_account_beside_which_they_are_followed_is_that_of_the_backtest(
    inputs, market, limited_run
):
    plain = run_backtest(*build_plans(inputs, PLAN), market, limited())
    run, refused = limited_run
    for frame in ("trades", "equity", "refusals", "fills", "marks"):
        assert_frame_equal(getattr(run, frame), getattr(plain, frame))
    # What refused first, by trade, in the account's own record and among those followed.
    first = plain.refusals.group_by("plan_id", maintain_order=True).first()
    by_account = build_plans(inputs, PLAN)[0].join(first.select("plan_id", "rule"), on="plan_id")
    key = ["date", "ticker"]
    assert by_account.height > 200
    assert_frame_equal(
        by_account.select(*key, gate="rule"),
        refused.join(by_account, on=key, how="semi").select(*key, "gate"),
    )


def test_every_row_is_either_refused_or_made(inputs, limited_run):
    run, refused = limited_run
    made = run.trades.select("ticker", date="planned_on")
    working = inputs.join(made, on=["date", "ticker"], how="anti")
    last = working.join(refused, on=["date", "ticker"], how="anti")
    # An entry of the last session has no session to fill in, and nothing refused it.
    assert last["date"].unique().to_list() in ([], [DAYS[-1]])
    assert refused.select("date", "ticker").is_duplicated().sum() == 0
    assert refused.height + made.height + last.height == inputs.height
    assert set(refused["gate"]) <= set(GATES)


def test_every_rule_of_the_plan_and_of_the_account_can_be_priced():
    every = replace(
        selecting(votes=VOTES, cadence="week"),
        allow_undefined_risk=False,
        earnings_trades=EarningsTradeRules(enabled=True),
    )
    codes = {rule.code for rule in asked_rules(every)}
    assert codes == {*LIFTED, *NO_TRADE}
    risk = RiskRules(gap=GapRules(max_loss_pct=0.1))
    entry = Exposure("SPY", 100.0, DAYS[-1])
    assert {check.code for check in assess(entry, [], 1e5, risk)} <= set(GATES)
    assert codes <= set(GATES)


def test_a_limit_that_refuses_one_trade_follows_it_as_it_is_made_under_a_wider_limit(close):
    three = [n in (0, 5) for n in range(len(DAYS))]
    only = inputs_of(close[:, :1], tickers=("AAA",), regime="high_vol", direction="bullish",
                     iv_rank_change_pred=0.0)  # fmt: skip
    only = only.with_columns(regime=pl.when(pl.Series(three)).then("regime"))
    market = market_of(close[:, :1], tickers=("AAA",))
    narrow, wide = (limited(max_positions_per_ticker=count) for count in (1, 2))
    run, refused = refused_trades(only, bull_puts(), narrow, market)
    both, _ = refused_trades(only, bull_puts(), wide, market)
    (row,) = refused.filter(gate="MAX_POSITIONS_TICKER").to_dicts()
    assert (run.trades.height, both.trades.height) == (1, 2)
    made = both.trades.row(1, named=True)
    assert row["later_gates"] == []
    assert {name: row[name] for name in SAME} == {name: made[name] for name in SAME}


@pytest.mark.long
def test_a_trade_refused_by_several_gates_belongs_to_the_first_and_names_the_others(inputs, market):
    late = selecting(cadence="week", votes=VOTES)
    _, refused = refused_trades(inputs, late, limited(max_positions=1), market)
    both = refused.filter(pl.col("later_gates").list.contains("TOO_FEW_VOTES"))
    assert set(both["gate"]) == {"NOT_ENTRY_DAY"}
    assert both.filter(pl.col("later_gates").list.contains("MAX_POSITIONS")).height > 5
    assert refused.filter(pl.col("later_gates").list.contains(pl.col("gate"))).is_empty()


@pytest.mark.long
def test_a_refused_trade_has_the_size_that_the_account_had_for_it(close, inputs, market):
    poor = replace(
        RULES, sizing=replace(PLAN.sizing, account_value_usd=24_000.0), start_usd=24_000.0
    )
    plan = replace(PLAN, sizing=poor.sizing)
    run, refused = refused_trades(inputs, plan, poor, market)
    vetoed = refused.filter(pl.col("not_followed").is_null(), gate="VOL_VETO_CREDIT")
    vetoed = vetoed.filter(~pl.col("later_gates").list.contains("RISK_BUDGET"))
    # At most two per cent of 24,000 USD, at the price of the fill.
    assert vetoed["max_loss_usd"].max() <= 480.0 * (1 + 1e-6)
    too_dear = refused.filter(pl.col("not_followed").is_null(), gate="RISK_BUDGET")
    equity = run.equity.select("equity_usd", date="session")
    too_dear = too_dear.join(equity, on="date")
    assert too_dear.height > 5
    assert set(too_dear["contracts"]) == {1}
    # The next session's price may be a little better than the one that was refused, seldom a lot.
    share = too_dear["max_loss_usd"] / (0.02 * too_dear["equity_usd"])
    assert (share < 0.8).sum() <= 0.01 * too_dear.height
    assert share.min() > 0.5


def test_what_has_no_trade_says_what_is_missing(close):
    days = DAYS[:150]
    market, inputs = market_of(close[:150], days), inputs_of(close[:150], days)
    rows = inputs.with_columns(
        iv_rank_change_pred=pl.when(pl.col("ticker") != "AAA").then("iv_rank_change_pred")
    )
    _, refused = refused_trades(rows, PLAN, RULES, market)
    without = refused.filter(ticker="AAA")
    assert set(without["gate"]) == set(without["not_followed"]) == {"NO_PREDICTION"}
    assert without["pnl_usd"].null_count() == without.height == len(days)
    no_edge = refused.filter(ticker="BBB", gate="NO_EDGE")
    assert set(no_edge["not_followed"]) == {"NO_EDGE"}
    late = refused.filter(pl.col("not_followed").is_in(["STILL_OPEN", "NO_SESSION_YET"]))
    assert late["date"].min() > days[-40]


def test_a_longer_history_changes_no_refused_trade_that_had_ended(close, limited_run):
    days = DAYS[:300]
    shorter = market_of(close[:300], days)
    _, before = refused_trades(inputs_of(close)[: 2 * 300], PLAN, limited(), shorter)
    ended = before.filter(pl.col("not_followed").is_null())
    _, after = limited_run
    assert ended.height > 100
    assert_frame_equal(ended, after.join(ended, on=["date", "ticker"], how="semi"))


def test_votes_that_are_lifted_leave_the_size_of_the_fewest_that_are_needed(close):
    votes = VoteRules(needed=2, below={"iv_rank": 0.5}, above={"vix": 25.0})
    sizing = replace(PLAN.sizing, by_votes={2: 0.5, 3: 1.0})
    plan = replace(bull_puts(votes=votes), sizing=sizing)
    rows = inputs_of(close, regime="low_vol", iv_rank_change_pred=0.0)
    plans, _ = build_plans(rows, plan)
    lifted = let_through(rows, plans, plan)
    assert set(lifted.plans["votes"]) == {2}
    half = replace(bull_puts(), sizing=replace(PLAN.sizing, by_votes={}, risk_pct=0.01))
    sure, _ = build_plans(rows.with_columns(confidence=1.0), half)
    both = lifted.plans.join(sure, on=["date", "ticker"], suffix="_sure")
    assert both.height > 500
    assert (both["contracts"] == both["contracts_sure"]).mean() > 0.95
