"""Two rule sets in one account make the trades and the equity of the backtest of both together."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.accounting.portfolio import make_portfolio
from options_platform.domain.backtest_study.account_sets import account_set_rows
from options_platform.domain.checks.portfolio import PORTFOLIO_RULES
from options_platform.services.accounting.portfolio_views import ledger_snapshot
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
    return sorted(map(_ended, ours), key=str), sorted(map(_ended, live), key=str)


def _ended(trade):
    """What nobody bought ends worthless at its expiry; the two have a word of their own for it."""
    *about, _, reason = trade
    return (*about, 0.0, "EXPIRED") if reason in ("EXPIRY", "EXPIRED") else tuple(trade)


def assert_same(run):
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
    return live, refused


def assert_attributed(run):
    """By set in the views, in the backtest and in the record; the sums are the account's."""
    views = make_portfolio(ledger_snapshot(run.ledger), run.market, run.settings.backtest_rules)
    assert set(views.fills["rule_set"]) == set(views.positions["rule_set"]) == {"plan", "mine"}
    for rule in PORTFOLIO_RULES:
        assert rule.find(views).passed, rule.name
    totals = views.by_set.group_by("date").agg(pl.col("pnl_usd", "open_positions").sum())
    account = views.portfolio.join(totals, on="date", how="left", suffix="_sets").fill_null(0)
    made = (account["realised_usd"] + account["unrealised_usd"] - account["pnl_usd"]).abs()
    assert made.max() < 0.005
    assert account["open_positions"].to_list() == account["open_positions_sets"].to_list()
    ours = run.backtest.by_set.filter(pl.col("session") == run.market.sessions[-1])
    live = views.by_set.filter(pl.col("date") == run.market.sessions[-1])
    for name in ("plan", "mine"):
        (backtest,), (paper,) = (rows.filter(rule_set=name)["pnl_usd"] for rows in (ours, live))
        assert backtest == pytest.approx(paper, abs=0.005)


def assert_scored(run):
    shares = {"plan": 0.6, "mine": 0.4}
    rows = account_set_rows({"mid": run.backtest}, shares, run.plans, run.alternates, run.market)
    account, *of_sets = rows.to_dicts()
    assert (account["part"], account["rule_set"]) == ("account", "plan+mine")
    assert [row["rule_set"] for row in of_sets] == ["plan", "mine"]
    for name in ("pnl_usd", "trades", "moved", "netting_conflicts", "set_limits"):
        assert sum(row[name] for row in of_sets) == pytest.approx(account[name], abs=0.005)
    end = run.backtest.equity["equity_usd"][-1] - run.backtest.start_usd
    assert account["pnl_usd"] == pytest.approx(end)


@pytest.mark.long
def test_two_sets_trade_some_weeks_as_in_the_backtest_of_both(tmp_path):
    run = overlaid(tmp_path, last=date(2017, 4, 24))
    assert_same(run)
    assert_attributed(run)
    assert_scored(run)


@pytest.mark.long
def test_two_sets_trade_two_months_as_in_the_backtest_of_both(tmp_path):
    run = overlaid(tmp_path)
    live, refused = assert_same(run)
    assert_attributed(run)
    assert_scored(run)
    assert "MAX_SET_POSITIONS" in {rule for _, rule in refused}
    # Some entries moved on to the next strikes, in both.
    assert {plan_id for plan_id, *_ in live} - set(run.plans["plan_id"])
