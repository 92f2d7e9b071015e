"""Invariants of every backtest: exact accounts, bounded losses, worse fills never better."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.backtest import (
    AssignmentRules,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.domain.backtest.small import DAYS, NO_LIMITS, market, plan, together

LONG = sessions(date(2024, 1, 2), date(2024, 6, 28))
RULES = BacktestRules(risk=NO_LIMITS, chain=ChainRules(), start_usd=1e6, buying_power=False)
SHAPES = {
    "bull_put_spread": [("sell", "put", 0), ("buy", "put", -1)],
    "bear_call_spread": [("sell", "call", 0), ("buy", "call", 1)],
    "bull_call_spread": [("buy", "call", 0), ("sell", "call", 1)],
    "bear_put_spread": [("buy", "put", 0), ("sell", "put", -1)],
    "iron_condor": [("sell", "put", -1), ("buy", "put", -2), ("sell", "call", 1),
                    ("buy", "call", 2)],
}  # fmt: skip


@st.composite
def portfolios(draw):
    """A random market of two tickers and up to a dozen defined-risk trades in it."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vol = draw(st.floats(0.05, 0.6))
    count = len(LONG)
    closes, dividends = {}, {}
    for ticker in ("QQQ", "SPY"):
        path = 100 * np.exp(np.cumsum(random.normal(0, vol / 16, count)))
        holes = random.random(count) < 0.02
        closes[ticker] = [None if hole else float(v) for v, hole in zip(path, holes, strict=True)]
    dividends = {LONG[n]: 0.7 for n in random.integers(5, count, 3)}
    planned = []
    for number in range(draw(st.integers(1, 12))):
        at, ticker = int(random.integers(0, count - 5)), ("QQQ", "SPY")[number % 2]
        spot = closes[ticker][at]
        if spot is None:
            continue
        name = list(SHAPES)[int(random.integers(0, len(SHAPES)))]
        width = float(random.integers(2, 8))
        centre = float(round(spot * (1 + random.normal(0, 0.02))))
        later = [day for day in listed_expiries(ticker, LONG[at]) if (day - LONG[at]).days >= 8]
        expiry = later[int(random.integers(0, 5))]
        legs = [(s, r, centre + k * width, expiry) for s, r, k in SHAPES[name]]
        planned.append(
            plan(LONG[at], legs, ticker=ticker, price=0.0, loss=width, profit=width,
                 contracts=int(random.integers(1, 6)), number=number, strategy=name)
        )  # fmt: skip
    priced = market(closes, index=max(100 * vol, 9.0), days=LONG, dividends=dividends)
    return priced, together(*planned) if planned else None


@given(drawn=portfolios(), exits=st.booleans(), model=st.sampled_from(["mid", "default", "worst"]))
@settings(deadline=None, max_examples=25)
def test_equity_equals_cash_plus_positions_and_every_cent_is_accounted_for(drawn, exits, model):
    priced, planned = drawn
    if planned is None:
        return
    rules = replace(RULES, fills=FillRules(model), exits=ExitRules() if exits else None)
    result = run_backtest(*planned, priced, rules)
    equity = result.equity
    cents = {n: (equity[n] * 100).round().cast(pl.Int64) for n in equity.columns if "usd" in n}
    assert (cents["cash_usd"] + cents["positions_usd"] == cents["equity_usd"]).all()
    # Equity is the starting cash plus interest plus the profits of all positions, open and closed.
    profit = round(100 * result.trades["pnl_usd"].sum())
    end = 100 * rules.start_usd + cents["interest_usd"].sum() + profit
    assert cents["equity_usd"][-1] == round(end)
    assert cents["fees_usd"].sum() == round(100 * result.trades["fees_usd"].sum())
    # The value of the positions is the sum of their marks.
    sums = result.marks.group_by("session").agg(pl.col("value_usd").sum())
    joined = equity.join(sums, on="session", how="left").with_columns(
        pl.col("value_usd").fill_null(0.0)
    )
    assert (joined["value_usd"] - joined["positions_usd"]).abs().max() < 0.005
    # Every plan is entered or refused, once; of those entered only exits find nobody.
    entered = pl.col("plan_id").is_in(result.trades["plan_id"].implode())
    refused = result.refusals.filter(~entered)["plan_id"]
    assert not refused.is_duplicated().any()
    assert result.trades.height + refused.len() == planned[0].height
    assert set(result.refusals.filter(entered)["rule"]) <= {"NO_BUYER", "NO_QUOTE"}


@given(drawn=portfolios())
@settings(deadline=None, max_examples=25)
def test_a_defined_risk_trade_held_to_expiry_never_loses_more_than_its_maximum(drawn):
    priced, planned = drawn
    if planned is None:
        return
    rules = replace(RULES, exits=None, assignment=AssignmentRules(enabled=False))
    closed = run_backtest(*planned, priced, rules).trades.drop_nulls("closed_on")
    settled = closed.filter(pl.col("exit_reason") == "EXPIRY")
    # The plans have a price of zero and the width as both loss and profit, so the fill shifts these
    # to the actual maximum loss and profit.
    loss = settled["max_loss_usd"] + settled["pnl_usd"] + settled["fees_usd"]
    assert (loss >= -0.01).all()
    assert (settled["max_profit_usd"] - settled["pnl_usd"] >= -0.01).all()


@given(drawn=portfolios())
@settings(deadline=None, max_examples=25)
def test_for_fixed_trades_worse_fills_and_higher_fees_never_help(drawn):
    priced, planned = drawn
    if planned is None:
        return
    chosen = run_backtest(*planned, priced, RULES).trades.drop_nulls("closed_on")
    exit_on = dict(zip(chosen["plan_id"], chosen["closed_on"], strict=True))
    fixed = (
        planned[0].filter(pl.col("plan_id").is_in(list(exit_on))),
        planned[1].filter(pl.col("plan_id").is_in(list(exit_on))),
    )
    ends = []
    for model, fee in [("mid", 0.0), ("mid", 0.65), ("default", 0.65), ("worst", 0.65),
                       ("worst", 1.5)]:  # fmt: skip
        rules = replace(RULES, fills=FillRules(model), costs=CostRules(fee))
        result = run_backtest(*fixed, priced, rules, exit_on=exit_on)
        # A worse fill may be refused for lack of possible profit; the trades then differ.
        if result.trades.height < len(exit_on):
            return
        same = dict(zip(result.trades["plan_id"], result.trades["closed_on"], strict=True))
        assert same == exit_on
        ends.append(result.equity["equity_usd"][-1])
    assert ends == sorted(ends, reverse=True)


def shifted(planned, days):
    """The same trades, each planned one session later."""
    plans, legs = planned
    after = dict(pairwise(days))
    return (
        plans.with_columns(pl.col("date").replace_strict(after)),
        legs.with_columns(pl.col("date").replace_strict(after)),
    )


@given(drawn=portfolios())
@settings(deadline=None, max_examples=20)
def test_plans_one_session_later_fill_exactly_one_session_later(drawn):
    priced, planned = drawn
    if planned is None:
        return
    rules = replace(RULES, exits=None, assignment=AssignmentRules(enabled=False))
    now, later = (run_backtest(*p, priced, rules).trades for p in (planned, shifted(planned, LONG)))
    both = now.join(later, on="plan_id", suffix="_later")
    place = {day: n for n, day in enumerate(LONG)}
    moved = both["opened_on_later"].replace_strict(place) - both["opened_on"].replace_strict(place)
    assert moved.to_list() == [1] * both.height
    assert (both["opened_on"] > both["planned_on"]).all()


def test_predictions_one_session_later_fill_exactly_one_session_later():
    bars, vix = random_market(("QQQ", "SPY"), date(2016, 1, 4), date(2017, 12, 29))
    calls = ("bullish", None, "bearish", None, None)
    # One regime, full confidence and no vetoes, so that only the session of a prediction matters.
    inputs = (
        plan_inputs(bars, vix)
        .sort("ticker", "date")
        .with_columns(
            regime=pl.lit("low_vol"), confidence=1.0, iv_rank=0.5, iv_rank_change_pred=0.0,
            place=pl.int_range(pl.len()).over("ticker"),
        )
        .filter(pl.col("close").is_not_null() & pl.col("iv_close").is_not_null())
    )  # fmt: skip
    market_of = make_market(bars, vix)
    place = {day: n for n, day in enumerate(market_of.sessions)}
    entries = []
    for late in (0, 1):
        given_on = (pl.col("place") - late) % len(calls)
        signal = given_on.replace_strict(dict(enumerate(calls)), return_dtype=pl.String)
        plans = build_plans(inputs.with_columns(direction=signal), PlanRules())
        trades = run_backtest(*plans, market_of, RULES).trades
        entries.append(
            {
                (ticker, place[opened])
                for ticker, opened in trades.select("ticker", "opened_on").rows()
            }
        )
        assert (trades["opened_on"] > trades["planned_on"]).all()
    now, later = entries
    assert len(now) > 150
    last = max(n for _, n in now | later)
    # Some predictions lead to no trade on one of the two sessions; all entries must still match.
    kept = {(ticker, n + 1) for ticker, n in now if n < last}
    assert len(kept & later) > 0.9 * len(kept)
    phase = {(n - 1) % len(calls) for _, n in now}, {(n - 2) % len(calls) for _, n in later}
    assert phase[0] == phase[1]
    assert len(phase[0]) < len(calls)


@given(drawn=portfolios(), cut=st.integers(20, len(LONG) - 10))
@settings(deadline=None, max_examples=20)
def test_deleting_the_future_changes_nothing_before_the_cut(drawn, cut):
    priced, planned = drawn
    if planned is None:
        return
    # Dividends are announced in advance, so they are not deleted.
    rules = replace(RULES, assignment=AssignmentRules(enabled=False))
    whole = run_backtest(*planned, priced, rules)
    early = replace(
        priced,
        sessions=priced.sessions[:cut],
        **{
            name: getattr(priced, name)[:cut]
            for name in ("close", "factor", "dividend", "index", "interest", "yield_stale")
        },
    )
    short = run_backtest(*planned, early, rules)
    last = LONG[cut - 1]
    for name in ("equity", "marks", "greeks", "exposures", "fills", "refusals"):
        before = getattr(whole, name).filter(pl.col("session") <= last)
        assert getattr(short, name).equals(before)


def test_the_same_inputs_give_the_same_frames_and_a_single_trade_the_same_prices():
    closes = [100 + 4 * np.sin(n / 3) for n in range(len(DAYS))]
    priced = market({"SPY": closes})
    legs = [("sell", "put", 95.0, date(2024, 2, 16)), ("buy", "put", 90.0, date(2024, 2, 16))]
    planned = [plan(DAYS[n], legs, price=-0.5, loss=4.5, profit=0.5, number=n) for n in range(6)]
    every = run_backtest(*together(*planned), priced, RULES)
    assert run_backtest(*together(*planned), priced, RULES).trades.equals(every.trades)
    for single_plan in planned:
        alone = run_backtest(*single_plan, priced, RULES).trades
        assert alone.equals(every.trades.filter(pl.col("plan_id") == alone["plan_id"][0]))


def test_on_a_fixed_trade_the_fill_models_are_ordered_from_mid_to_worst():
    legs = [("sell", "put", 95.0, date(2024, 2, 16)), ("buy", "put", 90.0, date(2024, 2, 16))]
    planned = plan(DAYS[0], legs, price=-0.5, loss=4.5, profit=0.5)
    priced = market({"SPY": [100.0] * len(DAYS)})
    profits = [
        run_backtest(*planned, priced, replace(RULES, fills=FillRules(model))).trades["pnl_usd"][0]
        for model in ("mid", "default", "worst")
    ]
    assert profits[0] > profits[1] > profits[2]
    assert profits[1] == pytest.approx((profits[0] + profits[2]) / 2, abs=1.0)
