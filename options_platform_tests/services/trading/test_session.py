from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.ports.broker import DuplicateOrderError
from options_platform.adapters.storage.ledger import Ledger
from options_platform.contracts import PAPER_ORDERS, POSITIONS
from options_platform.domain.accounting.portfolio import portfolio_rows
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.risk import KillSwitchRules
from options_platform.domain.trading.fill_prices import FillRules, MarketClose, net_price
from options_platform.domain.trading.orders import TRANSITIONS, Order, OrderLeg, client_order_id
from options_platform.errors import LedgerError
from options_platform.services.accounting.portfolio_views import ledger_snapshot
from options_platform.services.planning.plan_tables import market_closes, order_rows
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
    trade,
)


def test_an_order_fills_in_the_next_session_and_no_earlier(tmp_path):
    made = service(tmp_path)
    ledger = trade(made, [250.0, 249.5], until=1)
    assert [o.status for o in ledger.orders()] == ["submitted"]
    assert ledger.positions() == []
    trade(made, [250.0, 249.5])
    order = ledger.orders()[0]
    assert order.status == "filled"
    assert order.avg_price <= order.limit_price + 0.005
    assert ledger.positions()[0].opened_on == DAYS[1]


def test_a_limit_that_the_market_does_not_reach_expires(tmp_path):
    ledger = trade(service(tmp_path), [250.0, 260.0])
    order = ledger.orders()[0]
    assert (order.status, order.reason) == ("expired", "LIMIT_NOT_REACHED")
    assert ledger.positions() == []


def test_running_a_session_again_changes_nothing(tmp_path):
    made = service(tmp_path)
    ledger = trade(made, [250.0, 249.5, 249.0])
    before = [ledger.table(name) for name in ("orders", "positions", "marks")]
    plans, legs = planned(DAYS[0])
    made.run_session(DAYS[2], plans, legs, market([250.0, 249.5, 249.0]), NOW)
    for name, frame in zip(("orders", "positions", "marks"), before, strict=True):
        assert ledger.table(name).equals(frame), name


def test_another_plan_for_a_recorded_session_is_refused(tmp_path):
    made = service(tmp_path)
    trade(made, [250.0], until=1)
    plans, legs = planned(DAYS[0], close=300.0)
    with pytest.raises(LedgerError, match="PLAN_CHANGED"):
        made.run_session(DAYS[0], plans, legs, market([250.0]), NOW)


def test_a_halt_refuses_entries_and_lets_exits_go_on(tmp_path):
    made = service(tmp_path)
    ledger = trade(made, [250.0, 249.5])
    ledger.halt("by hand")
    plans, legs = planned(DAYS[2])
    crash = market([250.0, 249.5, 238.0, 238.0])
    made.run_session(DAYS[2], plans, legs, crash, NOW)
    made.run_session(DAYS[3], plans, legs, crash, NOW)
    by_purpose = {(o.purpose, o.session): o for o in ledger.orders()}
    assert by_purpose["entry", DAYS[2]].reason == "HALTED"
    assert by_purpose["entry", DAYS[2]].status == "not_sent"
    assert by_purpose["exit", DAYS[2]].reason == "STOP_LOSS"
    assert ledger.positions()[0].exit_reason == "STOP_LOSS"
    ledger.resume()
    assert ledger.halted() is None


def test_what_is_worth_nothing_is_offered_for_a_cent_and_not_given_away(tmp_path):
    made = service(tmp_path)
    trade(made, [250.0, 249.5, 200.0, 200.0])
    (exit_order,) = (o for o in made.ledger.orders() if o.purpose == "exit" and o.status != "intent"
                     and o.session == DAYS[2])  # fmt: skip
    assert (exit_order.limit_price, exit_order.status) == (-0.01, "expired")
    assert made.ledger.positions()[0].closed_on is None


def test_losses_beyond_their_limit_halt_until_resumed_and_then_count_anew(tmp_path):
    made = service(tmp_path)
    rules = replace(made.settings.risk, kill_switch=KillSwitchRules(max_daily_loss_pct=1e-4))
    made = replace(made, settings=replace(made.settings, risk=rules))
    ledger = trade(made, [250.0, 249.5])
    plans, legs = planned(DAYS[2])
    made.run_session(DAYS[2], plans, legs, market([250.0, 249.5, 238.0]), NOW)
    assert ledger.halted().startswith("DAILY_LOSS: ")
    assert {o.session: o.reason for o in ledger.orders() if o.purpose == "entry"}[DAYS[2]] == (
        "HALTED"
    )
    made.run_session(DAYS[3], plans, legs, market([250.0, 249.5, 238.0, 249.0]), NOW)
    assert ledger.halted() is not None
    ledger.resume("looked at it")
    assert ledger.halted() is None
    assert len(ledger.equities_since_reset()) == 1


def test_an_account_that_is_said_to_be_larger_hides_no_loss(tmp_path):
    """Its size sets sizes and limits; neither the books nor the broker's cash follow it."""
    made = service(tmp_path)
    closes = [250.0, 249.5, 238.0]
    trade(made, closes)
    larger = service(tmp_path, account_value_usd=250_000.0)
    plans, legs = planned(DAYS[0])
    larger.run_session(DAYS[3], plans, legs, market([*closes, 199.0]), NOW)
    marks = made.ledger.table("marks")
    profits = (marks["realised_usd"] + marks["unrealised_usd"]).to_list()
    assert marks["equity_usd"].to_list() == pytest.approx([100_000.0 + p for p in profits])
    assert min(profits) == profits[-1] < 0
    assert made.ledger.start_usd() == 100_000.0
    assert made.ledger.differences() == []
    rows = portfolio_rows(ledger_snapshot(made.ledger), POSITIONS.empty(), {})
    assert rows["drawdown_usd"].to_list()[-1] == pytest.approx(-profits[-1])
    assert rows["pnl_day_usd"].sum() == pytest.approx(profits[-1])


def test_accounts_of_one_home_share_neither_ledger_nor_broker(tmp_path):
    first, second = service(tmp_path), service(tmp_path, account="second")
    for made in (first, second):
        trade(made, [250.0, 249.5])
    for made in (first, second):
        assert made.reconcile(NOW) == []
        assert len(made.ledger.orders()) == len(made.broker.orders_since(NOW)) == 1
        assert [order.status for order in made.ledger.orders()] == ["filled"]


def test_a_plan_on_an_old_model_or_an_old_close_is_not_sent_and_says_why(tmp_path):
    plans, legs = planned(DAYS[2])
    old = replace(service(tmp_path), folds={"SPY": "2014-09"})
    old.run_session(DAYS[2], plans, legs, market([250.0, 250.0, 250.0]), NOW)
    order = old.ledger.orders()[0]
    assert (order.status, order.reason) == ("not_sent", "STALE_MODEL")
    made = service(tmp_path / "other")
    made.run_session(DAYS[2], plans, legs, market([250.0, 250.0]), NOW)
    assert made.ledger.orders()[0].reason == "STALE_DATA"


@pytest.mark.long
@pytest.mark.parametrize("step", ["intent recorded", "sending", "submitted"])
def test_an_exit_whose_sender_died_is_sent_by_the_next_run_of_its_session(tmp_path, step):
    made = service(tmp_path)
    trade(made, [250.0, 249.5])
    plans, legs = planned(DAYS[0])
    crash = market([250.0, 249.5, 238.0, 238.0])

    def die(reached):
        if reached == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(made, at=die).run_session(DAYS[2], plans, legs, crash, NOW)
    made.run_session(DAYS[2], plans, legs, crash, NOW)
    exits = [order for order in made.ledger.orders() if order.purpose == "exit"]
    assert [order.status for order in exits] == ["submitted"]
    made.run_session(DAYS[3], plans, legs, crash, NOW)
    assert made.ledger.positions()[0].exit_reason == "STOP_LOSS"


def test_a_position_closed_in_parts_is_closed_with_the_last_of_them(tmp_path):
    made = service(tmp_path)
    trade(made, [250.0, 249.5])
    plans, legs = planned(DAYS[0])
    crash = market([250.0, 249.5, 238.0, 238.0, 238.0])
    made.broker.demand("SPY", "partial", 2)
    for day in DAYS[2:4]:
        made.run_session(day, plans, legs, crash, NOW)
    position = made.ledger.positions()[0]
    assert (position.closed_contracts, position.closed_on) == (2, None)
    made.run_session(DAYS[4], plans, legs, crash, NOW)
    position = made.ledger.positions()[0]
    assert (position.open_contracts, position.closed_on) == (0, DAYS[4])
    assert made.broker.holdings() == []
    marks = made.ledger.table("marks")
    assert marks["equity_usd"][-1] == pytest.approx(100_000 + position.profit_usd)
    assert made.reconcile(NOW) == []


def test_missed_sessions_are_settled_in_order(tmp_path):
    made = service(tmp_path)
    closes = [250.0, 249.5, 249.0, 248.0]
    trade(made, closes, until=1)
    plans, legs = planned(DAYS[0])
    made.run_session(DAYS[3], plans, legs, market(closes), NOW)
    assert made.ledger.positions()[0].opened_on == DAYS[1]
    assert made.ledger.table("marks")["session"].to_list() == DAYS[:4]


@given(closes=st.lists(st.floats(230, 270), min_size=6, max_size=12), iv=st.floats(0.1, 0.5))
@settings(deadline=None, max_examples=6)
def test_the_account_adds_up_to_the_cent(tmp_path_factory, closes, iv):
    made = service(tmp_path_factory.mktemp("account"))
    with made.ledger.holding():
        ledger = trade(made, [250.0, 249.0, *closes], iv=iv)
        start = made.settings.account_value_usd
        for mark in ledger.table("marks").iter_rows(named=True):
            equity = mark["cash_usd"] + mark["positions_usd"]
            assert mark["equity_usd"] == pytest.approx(equity, abs=1e-6)
            gained = mark["realised_usd"] + mark["unrealised_usd"]
            assert mark["equity_usd"] - start == pytest.approx(gained, abs=1e-6)
        for position in ledger.positions():
            fees = 4 * made.settings.plan.costs.fee_per_contract_usd * position.contracts
            assert position.profit_usd >= -position.max_loss_usd - fees - 300


def test_rows_of_paper_orders_fit_their_contract(tmp_path):
    ledger = trade(service(tmp_path), [250.0, 249.5])
    rows = order_rows(ledger.orders(), "simulated:paper", NOW)
    assert rows.height == len(ledger.orders()) > 0
    PAPER_ORDERS.validate(rows)


def test_the_broker_keeps_client_ids_unique(tmp_path):
    made = service(tmp_path)
    ledger = trade(made, [250.0], until=1)
    with pytest.raises(DuplicateOrderError, match="unique"):
        made.broker.submit(ledger.orders()[0])
    assert len(made.broker.working()) == 1


def test_reconcile_names_what_only_one_side_knows(tmp_path):
    made = service(tmp_path)
    ledger = trade(made, [250.0], until=1)
    assert made.reconcile(NOW) == []
    foreign = replace(ledger.orders()[0], client_order_id="of-somebody-else")
    made.broker.submit(foreign)
    assert "of-somebody-else" in made.reconcile(NOW)[0]


def test_a_ledger_of_another_account_is_refused(tmp_path):
    trade(service(tmp_path), [250.0], until=1)
    with pytest.raises(LedgerError, match="belongs to account paper"):
        Ledger(tmp_path / "ledger.duckdb", account="other").orders()


def test_ids_depend_on_account_session_ticker_and_purpose_alone():
    args = ("paper", DAYS[0], "SPY", "entry")
    assert client_order_id(*args) == client_order_id(*args)
    changed = [
        ("other", *args[1:]),
        ("paper", DAYS[1], *args[2:]),
        ("paper", DAYS[0], "QQQ", "entry"),
        (*args[:3], "exit"),
    ]
    assert len({client_order_id(*a) for a in [args, *changed]}) == 5


def test_a_final_state_is_never_left():
    leg = OrderLeg("buy", "call", 100.0, DAYS[-1])
    order = Order("id", DAYS[0], "SPY", "entry", "id", "plan", "x", (leg,), 1, 1.0, 1.0, 1.0)
    for state, after in TRANSITIONS.items():
        for wanted in TRANSITIONS:
            if wanted != state and wanted not in after:
                with pytest.raises(LedgerError, match="cannot become"):
                    replace(order, status=state).to(wanted)


def test_fill_models_are_ordered_and_expiry_pays_intrinsic_value():
    chain = PlanRules().chain
    legs = (
        OrderLeg("buy", "call", 250.0, DAYS[30]),
        OrderLeg("sell", "call", 255.0, DAYS[30]),
    )
    close = MarketClose(251.0, 0.2)
    prices = [
        net_price(legs, DAYS[0], close, chain, FillRules(model=model))
        for model in ("mid", "default", "worst")
    ]
    assert prices == sorted(prices)
    assert net_price(legs, DAYS[30], MarketClose(253.0, 0.2), chain, FillRules()) == 3.0


def test_unknown_closes_are_absent_from_the_market():
    bars = pl.DataFrame(
        {
            "date": DAYS[:3],
            "ticker": "SPY",
            "close": [100.0, None, 101.0],
            "split_factor": [2.0, 2.0, 2.0],
            # A bar that was set aside is no close, in a backtest as here.
            "bad_reason": [None, None, "jump"],
        }
    )
    vix = pl.DataFrame({"date": DAYS[:3], "ticker": "SPY", "iv_close": [20.0, 20.0, 20.0]})
    bars = bars.with_columns(dividend=0.0)
    assert market_closes(bars, vix) == {DAYS[0]: {"SPY": MarketClose(200.0, 0.2, ticker="SPY")}}
