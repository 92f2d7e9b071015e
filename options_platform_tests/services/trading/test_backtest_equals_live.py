"""One code path: the backtest makes the same trades as live paper trading."""

from datetime import date, timedelta

import polars as pl
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.strategies import STRATEGIES
from options_platform.domain.trading.netting import NETTING_CONFLICT
from options_platform_tests.domain.strategies.test_other_shapes import BACKSPREAD, DOUBLE_CALENDAR
from options_platform_tests.paper_run import FIRST, LIMITS, WIDE, paper_run
from options_platform_tests.recorded_reports import answered

COLUMNS = ("ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_price", "exit_reason", "fees_usd")  # fmt: skip


def both(run):
    live = [tuple(getattr(p, name) for name in COLUMNS) for p in run.ledger.positions()]
    # After an assignment the ledger has no price of a whole spread.
    whole = pl.col("exit_reason").ne_missing("ASSIGNED")
    priced = run.backtest.trades.with_columns(exit_price=pl.when(whole).then("exit_price"))
    ours = priced.select(COLUMNS).rows()
    return sorted(ours, key=str), sorted(live, key=str)


def test_the_same_plans_give_the_same_trades_and_equity_as_paper_trading(tmp_path):
    run = paper_run(tmp_path)
    ours, live = both(run)
    assert len(ours) > 10
    assert {reason for *_, reason, _ in ours} >= {"STOP_LOSS", "TIME"}
    # The account adds fees up in cents, the ledger in floats.
    assert [row[:-1] for row in ours] == [row[:-1] for row in live]
    assert [row[-1] for row in ours] == pytest.approx([row[-1] for row in live])
    # Every position left before its expiry, and none was assigned: nothing was settled.
    kinds = {activity.kind for activity in open_broker(run.settings).activities(FIRST)}
    assert kinds == {"FILL"}
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)


def test_both_carry_the_same_spread_through_a_split_of_the_stock(tmp_path):
    run = paper_run(tmp_path, split=(date(2017, 5, 2), 7.0))
    of_both = [p for p in run.ledger.positions() if p.ticker == "AAA" and p.contracts == 70]
    crossed, *later = sorted(of_both, key=lambda p: p.closed_on)
    (trade,) = (
        run.backtest.trades.filter(pl.col("opened_on") == crossed.opened_on)
        .filter(pl.col("ticker") == "AAA")
        .rows(named=True)
    )
    # Seven contracts for one, at a seventh of the prices; the exit was decided before the split.
    assert (trade["contracts"], crossed.contracts, crossed.exit_reason) == (10, 70, "TIME")
    assert crossed.entry_price * 7 == pytest.approx(trade["entry_price"])
    assert crossed.exit_price * 7 == pytest.approx(trade["exit_price"])
    assert (crossed.closed_on, crossed.fees_usd) == (trade["closed_on"], trade["fees_usd"])
    assert trade["closed_on"] == date(2017, 5, 2)
    assert [p.exit_reason for p in later] == ["STOP_LOSS"] * 2
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
    # The ledger has it from the broker, once, and nothing differs.
    events = run.ledger.table("account_events").filter(pl.col("kind") == "split")
    assert events["detail"].to_list() == ["AAA 7:1 on 2017-05-02"]
    assert run.ledger.differences() == []
    assert open_broker(run.settings).holdings() == [
        holding for holding in open_broker(run.settings).holdings()
        if run.ledger.statement().contracts[holding.symbol] == holding.quantity
    ]  # fmt: skip


def test_both_leave_in_the_last_session_before_a_split_that_is_not_whole(tmp_path):
    ex_date = date(2017, 5, 9)
    run = paper_run(tmp_path, split=(ex_date, 1.5))
    left = [p for p in run.ledger.positions() if p.exit_reason == "ODD_SPLIT"]
    assert {(p.ticker, p.closed_on) for p in left} == {("AAA", shift(ex_date, -1))}
    trades = run.backtest.trades.filter(pl.col("exit_reason") == "ODD_SPLIT")
    assert trades["closed_on"].to_list() == [shift(ex_date, -1)] * len(left)
    # Ten days before it nobody enters any more.
    near = run.plans.filter(
        (pl.col("ticker") == "AAA")
        & pl.col("date").is_between(ex_date - timedelta(days=10), ex_date, closed="left")
    )
    assert near.filter(pl.col("decision") == "trade").is_empty()
    assert "ODD_SPLIT" in near["reasons"].explode().to_list()
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
    assert run.ledger.halted() is None


def test_a_split_that_nobody_announced_halts_entries_with_the_position_that_it_met(tmp_path):
    ex_date = date(2017, 4, 26)
    run = paper_run(tmp_path, split=(ex_date, 0.2), announced=False, last=ex_date)
    held = [p for p in run.ledger.positions() if p.ticker == "AAA" and p.opened_on < ex_date]
    halted = run.ledger.halted()
    assert any(
        halted.startswith(f"{p.position_id}: AAA was split 0.2:1 on {ex_date}") for p in held
    )
    assert "options-platform reconcile" in halted


def test_both_close_the_same_calls_in_the_same_sessions_before_an_expected_ex_date(tmp_path):
    plan = {
        "selection": {"strategy": "bull_call_spread"},
        "strikes": {"long_delta": dict.fromkeys(REGIMES, 0.9)},
    }
    run = paper_run(tmp_path, dividend=6.0, plan=plan)
    ours, live = both(run)
    assert [row[:-1] for row in ours] == [row[:-1] for row in live]
    assert sum(reason == "EX_DIVIDEND" for *_, reason, _ in live) > 1
    # Where the rule comes too late, the dividend of 6 USD a share is owed.
    assert sum(reason == "ASSIGNED" for *_, reason, _ in live) >= 1
    paid = [a for a in open_broker(run.settings).activities(FIRST) if a.kind == "DIV"]
    assert {(a.amount_usd < 0, a.amount_usd / a.quantity) for a in paid} == {(True, 6.0)}
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)


def test_both_leave_in_the_same_sessions_before_a_report_at_the_far_side(tmp_path):
    record = pl.concat(
        answered(ticker, [date(2016, 4, 27), date(2017, 1, 26), report])
        for ticker, report in (("AAA", date(2017, 4, 27)), ("BBB", date(2017, 5, 9)))
    )
    exits = {"credit_take_profit": 0.95, "exit_dte": 0}
    run = paper_run(tmp_path, record=record, last=date(2017, 5, 12), exits=exits)
    ours, live = both(run)
    assert [row[:-1] for row in ours] == [row[:-1] for row in live]
    left = [row for row in live if row[7] == "EARNINGS"]
    # The first date is projected, a year after that of 2016: it is kept clear of by a week.
    assert {row[5] for row in left} == {date(2017, 4, 19), date(2017, 5, 9)}
    assert not any(row[2] <= date(2017, 4, 27) < row[5] for row in live if row[0] == "AAA")
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
    # The spreads are paid whole, which costs more than the share of them that others pay.
    whole, others = (
        run.backtest.trades.filter((pl.col("exit_reason") == "EARNINGS") == is_left)
        .select((pl.col("slippage_usd") / pl.col("contracts")).mean())
        .item()
        for is_left in (True, False)
    )
    assert whole > 1.5 * others


@pytest.mark.long
def test_both_cut_the_same_plans_to_an_equity_below_the_configured_value(tmp_path):
    pct = ("trade", "ticker", "expiry", "group", "total")
    loose = {
        **LIMITS, "greeks": dict.fromkeys(WIDE, 99.0), "gap": {"max_loss_pct": 1.0},
        **{f"max_{name}_risk_pct": 1.0 for name in pct},
        "kill_switch": {"max_daily_loss_pct": 1.0, "max_drawdown_pct": 1.0},
    }  # fmt: skip
    large = {"sizing": {"risk_pct": 0.2, "max_contracts": 500}}
    run = paper_run(tmp_path, risk=loose, plan=large)
    ours, live = both(run)
    assert [row[:-1] for row in ours] == [row[:-1] for row in live]
    planned = dict(run.plans.select("plan_id", "contracts").iter_rows())
    cut = {o.plan_id for o in run.ledger.orders() if o.purpose == "entry"
           and o.contracts < planned[o.plan_id]}  # fmt: skip
    assert cut
    traded = run.backtest.trades.select("plan_id", "contracts").iter_rows()
    assert {plan for plan, contracts in traded if contracts < planned[plan]} <= cut


@pytest.mark.long
def test_both_refuse_the_same_entries_where_the_limits_on_greeks_bind(tmp_path):
    run = paper_run(tmp_path, risk={**LIMITS, "betas": {"AAA": 1.3}, "greeks": {"delta_pct": 0.3}})
    live = {
        (order.plan_id, code)
        for order in run.ledger.orders()
        if order.status == "not_sent"
        for code in order.reason.split(",")
    }
    by_account = pl.col("rule").str.starts_with("MAX_") | (pl.col("rule") == NETTING_CONFLICT)
    ours = set(run.backtest.refusals.filter(by_account).select("plan_id", "rule").iter_rows())
    assert ours == live
    assert {code for _, code in live} >= {"MAX_DELTA", "MAX_GAMMA"}
    trades, at_broker = both(run)
    assert [row[:-1] for row in trades] == [row[:-1] for row in at_broker]
    assert len(trades) > 5


@pytest.mark.parametrize(
    "strategy",
    [
        BACKSPREAD,
        STRATEGIES["long_straddle"],
        DOUBLE_CALENDAR,
    ],
    ids=lambda own: own.name,
)
@pytest.mark.long
def test_a_strategy_of_any_shape_makes_the_same_trades_in_both(tmp_path, monkeypatch, strategy):
    monkeypatch.setitem(STRATEGIES._members(), strategy.name, strategy)
    plan = {
        "selection": {"strategy": strategy.name, "veto_credit_above": 1.0},
        "strikes": {"short_delta": dict.fromkeys(REGIMES, 0.5), "width_mode": "expected_move",
                    "width_moves": 0.9},
        "liquidity": {"max_width_share": 2.0},
    }  # fmt: skip
    run = paper_run(tmp_path, plan=plan, account_value_usd=500_000.0)
    ours, live = both(run)
    assert len(ours) > 3
    assert [row[:-1] for row in ours] == [row[:-1] for row in live]
    assert {row[1] for row in live} == {strategy.name}
    equity = run.ledger.table("marks").sort("session")["equity_usd"]
    assert run.backtest.equity["equity_usd"].to_list() == pytest.approx(equity.to_list(), abs=0.005)
