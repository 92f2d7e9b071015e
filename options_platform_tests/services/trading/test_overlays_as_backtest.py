"""Two rule sets in one account make the trades and the equity of the backtest of both together."""

import polars as pl
import pytest

from options_platform_tests.paper_run import LIMITS, WIDE, paper_run

COLUMNS = ("plan_id", "ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_price", "exit_reason")  # fmt: skip
MINE = """
version = 1
title = "Bought call spreads"
[plan.selection]
strategy = "bull_call_spread"
veto_debit_below = -1.0
[plan.strikes.long_delta]
low_vol = 0.25
high_vol = 0.25
iv_expansion = 0.25
iv_contraction = 0.25
neutral = 0.25
[exits]
debit_stop = 0.8
exit_dte = 10
[limits]
max_positions = 5
"""
PCT = {f"max_{name}_risk_pct": 1.0 for name in ("trade", "ticker", "expiry", "group", "total")}


def overlaid(home, **changes):
    (home / "rule_sets").mkdir(parents=True)
    (home / "rule_sets" / "mine.toml").write_text(MINE)
    risk = {**LIMITS, **PCT, "greeks": WIDE, "max_positions_per_ticker": 9, "max_positions": 14}
    return paper_run(home, budgets={"plan": 0.6, "mine": 0.4}, risk=risk, **changes)


def trades_of(run):
    plan_of = {o.position_id: o.plan_id for o in run.ledger.orders() if o.purpose == "entry"}
    live = [
        (plan_of[p.position_id], *(getattr(p, name) for name in COLUMNS[1:]))
        for p in run.ledger.positions()
    ]
    ours = run.backtest.trades.select(COLUMNS).rows()
    return sorted(ours, key=str), sorted(live, key=str)


def test_two_sets_trade_as_in_the_backtest_of_both(tmp_path):
    run = overlaid(tmp_path)
    ours, live = trades_of(run)
    assert ours == live
    assert {p.rule_set for p in run.ledger.positions()} == {"plan", "mine"}
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
    refused = set(
        run.backtest.refusals.filter(pl.col("rule").str.contains("SET|NETTING"))
        .select("plan_id", "rule")
        .iter_rows()
    )
    assert refused == {
        (order.plan_id, code)
        for order in run.ledger.orders()
        if order.status == "not_sent"
        for code in order.reason.split(",")
        if "SET" in code or "NETTING" in code
    }
    assert "MAX_SET_POSITIONS" in {rule for _, rule in refused}
    # Some entries moved on to the next strikes, in both.
    planned = set(run.plans["plan_id"])
    assert {plan_id for plan_id, *_ in live} - planned
