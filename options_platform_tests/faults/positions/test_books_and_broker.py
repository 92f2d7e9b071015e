"""Ledger against broker: another account, lost orders, odd lists, late orders."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from options_platform.domain.risk import KillSwitchRules
from options_platform.domain.trading.reducer import Event
from options_platform.errors import LedgerError
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.session import TradingSession
from options_platform.testing.alpaca_account import NOW, server, trader
from options_platform_tests.faults.world import (
    AFTER_CLOSE,
    DATED,
    POST,
    accept,
    advance,
    assert_sound,
    at_clock,
    codes,
    contracts,
    daily,
    exits,
    statuses,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")

IN_DOUBT = (
    {"do": "status_after", "status": 504},
    {"on": "GET ", "do": "status", "status": 502, "times": 999, "after": POST},
)


def test_a_run_killed_before_the_check_of_losses_makes_it_when_repeated(
    tmp_path, fake, monkeypatch
):
    made = trader(tmp_path, fake.address)
    risk = replace(made.settings.risk, kill_switch=KillSwitchRules(max_daily_loss_pct=1e-4))
    made = replace(made, settings=replace(made.settings, risk=risk))
    trade(made)
    spots = {"SPY": 230.0, "QQQ": 250.0}

    def die(*_):
        if made.ledger.last_marked() == NOW.date():
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(TradingSession, "trip", die)
        with pytest.raises(InterruptedError):
            daily(made, fake, NOW.date(), spots, ("QQQ",), at_night=True)
    assert made.ledger.last_marked() == NOW.date()
    daily(made, fake, NOW.date(), spots, ("QQQ",), at_night=True)
    assert made.ledger.halted().startswith("DAILY_LOSS: ")
    assert [o.reason for o in made.ledger.orders() if o.ticker == "QQQ"] == ["HALTED"]


@pytest.mark.parametrize("stop", ["halt", "flatten"])
def test_an_entry_in_doubt_that_arrived_is_canceled_by_a_stop(tmp_path, resting, stop):
    made = trader(tmp_path, resting.address)
    for fault in IN_DOUBT:
        resting.script("faults", fault)
    assert [o.status for o in trade(made)] == ["unknown"]
    resting.faults.clear()
    if stop == "halt":
        assert OrderWorker(made).halt(NOW, "storm") == []
    else:
        assert Flattening(made, {}).run(NOW) == []
    assert statuses(resting) == ["canceled"]
    assert_sound(made, resting)


def test_an_order_canceled_by_a_halt_is_not_sent_again_after_it(tmp_path, resting):
    """One entry waits for a broker that was away, and another was being priced anew."""

    def die(step):
        if step == "to be canceled":
            raise InterruptedError

    made = replace(trader(tmp_path, resting.address), closes=DATED)
    trade(made)
    later = NOW + timedelta(minutes=2)
    with pytest.raises(InterruptedError):
        advance(replace(made, at=die), later, resting)
    resting.script("faults", {"on": "GET /v2/account", "do": "status", "status": 502, "times": 999})
    trade(made, ("SPY", "QQQ"), now=later)
    resting.faults.clear()
    assert [o.status for o in made.ledger.orders()] == ["intent", "accepted"]
    assert OrderWorker(made).halt(later, "storm") == []
    made.ledger.resume("over", later)
    advance(made, later, resting)
    assert [(o.status, o.reason) for o in made.ledger.orders()] == [
        ("not_sent", "HALTED"),
        ("canceled", "HALTED"),
    ]
    assert statuses(resting) == ["canceled"]


@pytest.mark.parametrize("purpose", ["entry", "exit"])
def test_an_order_that_the_broker_lost_is_missing_until_a_person_accepts_it(
    tmp_path, fake, purpose
):
    """As after the reset of a paper account; its open position is closed again."""
    made = trader(tmp_path, fake.address)
    if purpose == "entry":
        fake.fills = "rest"
    trade(made)
    fake.fills = "rest"
    if purpose == "exit":
        assert Flattening(made, {}).run(NOW) == []
    lost = made.ledger.working_orders()[0].client_order_id
    with fake.lock:
        for number, order in list(fake.book.orders.items()):
            if order["client_order_id"] == lost:
                del fake.book.orders[number]
    assert codes(made) >= {"ORDER_MISSING"}
    fake.fills = "limit"
    daily(made, fake, NOW.date(), {"SPY": 250.0}, at_night=True)
    assert made.ledger.order(lost).status == "missing"
    assert "ORDER_MISSING" in {d.code for d in made.ledger.differences()}
    assert contracts(fake) == {}
    assert made.ledger.positions(only_open=True) == []
    assert len(exits(made)) == (2 if purpose == "exit" else 0)
    at_clock(fake, NOW + timedelta(days=1))
    accept(made, NOW + timedelta(days=1), "the account was reset")
    ended = made.ledger.order(lost)
    why = "ACCEPTED" if purpose == "entry" else "FLATTEN"
    assert (ended.status, ended.reason) == ("expired", why)


def test_keys_of_another_account_write_nothing_off_and_send_nothing(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    before = [made.ledger.table(name) for name in ("orders", "positions")]
    with server() as second:
        second.book.number = "PAFAKE000002"
        other = trader(tmp_path, second.address)
        for act in (
            lambda: trade(other, ("SPY", "QQQ")),
            lambda: Flattening(other, {}).run(NOW),
            lambda: advance(other, NOW, second),
            lambda: other.reconcile(NOW),
        ):
            with pytest.raises(LedgerError, match="another account"):
                act()
        assert second.count(POST) == 0
    for name, frame in zip(("orders", "positions"), before, strict=True):
        assert made.ledger.table(name).equals(frame)
    assert b"PAFAKE" not in made.ledger.path.read_bytes()


@pytest.mark.parametrize("body", [{}, "", None])
def test_an_answer_that_is_not_a_list_is_a_doubt_and_not_an_empty_account(tmp_path, fake, body):
    made = trader(tmp_path, fake.address)
    trade(made)
    fault = {"on": "GET /v2/positions", "do": "status", "status": 200, "body": body, "times": 99}
    fake.script("faults", fault)
    daily(made, fake, NOW.date(), {"SPY": 250.0})
    assert made.ledger.positions()[0].open_contracts == 8
    assert {d.code for d in made.ledger.differences()} == {"BROKER"}
    fake.faults.clear()
    at_clock(fake, NOW)
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}


def test_the_loser_of_a_race_between_two_homes_ends_refused(tmp_path, fake):
    """The id is taken by another plan's order of the same account, session and ticker."""

    def outrun(step):
        if step == "sending":
            trade(trader(tmp_path / "other", fake.address), close=245.0)

    (tmp_path / "other").mkdir()
    made = trader(tmp_path, fake.address, at=outrun)
    (order,) = trade(made)
    assert (order.status, order.reason) == ("rejected", "ANOTHER_ORDER")
    assert statuses(fake) == ["filled"]
    assert made.ledger.positions() == []


@pytest.mark.parametrize("skip", range(4))
def test_an_entry_is_not_sent_after_the_close_while_the_clock_cannot_be_read(
    tmp_path, resting, skip
):
    made = trader(tmp_path, resting.address)
    at_clock(resting, AFTER_CLOSE)
    away = {"on": "GET /v2/clock", "do": "status", "status": 503, "times": 3, "skip": skip}
    resting.script("faults", away)
    trade(made, now=AFTER_CLOSE)
    assert resting.count(POST) == 0


def test_an_entry_that_arrived_after_the_close_is_canceled_at_once(tmp_path, resting):
    """It was delayed between its check and its request, and would work in the next session."""

    def hold_up(step):
        if step == "sending":
            at_clock(resting, AFTER_CLOSE)

    made = trader(tmp_path, resting.address, at=hold_up)
    trade(made)
    assert statuses(resting) == ["canceled"]
    assert [o.status for o in made.ledger.orders()] == ["canceled"]


def test_an_order_taken_overnight_is_routed_at_the_open(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    (order,) = trade(made)
    assert order.status == "accepted"
    resting.book.by_client_id(order.client_order_id)["status"] = "pending_new"
    assert made.reconcile(NOW) == []
    assert made.ledger.orders()[0].status == "submitted"


def test_a_fill_is_dated_in_its_own_session_when_a_daily_run_was_missed(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    first, second = date(2015, 1, 5), date(2015, 1, 6)
    daily(made, fake, first, {"SPY": 215.0}, at_night=True)
    (order,) = exits(made)
    fake.script("fill", {"client_order_id": order.client_order_id})
    with made.ledger.trading():
        made.execution.carry_out(order, Event.LOOK, NOW, first)
    assert made.ledger.positions()[0].closed_on == second


def test_a_halt_cancels_even_if_the_account_may_no_longer_trade(tmp_path, resting):
    trade(trader(tmp_path, resting.address))
    listed = {"fake_address": resting.address, "timeout_seconds": 2, "accounts": ["PA-OTHER"]}
    assert OrderWorker(trader(tmp_path, resting.address, alpaca=listed)).halt(NOW, "storm") == []
    assert statuses(resting) == ["canceled"]
