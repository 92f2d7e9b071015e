"""A halt is in force at once, also for orders on their way, and never prevents closing."""

import time
from datetime import timedelta

import pytest

from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.storage.ledger.halt_notice import notice_of
from options_platform.errors import LedgerError
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.pauses import Pause, lift_pause, pause
from options_platform.testing.alpaca_account import NOW, TICKERS, trader
from options_platform_tests.faults.world import (
    POST,
    advance,
    assert_sound,
    ended,
    start,
    statuses,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")


@pytest.mark.long
def test_a_halt_is_in_force_at_once_for_a_process_that_is_sending(tmp_path, fake, kept_open):
    """The first of three orders hangs; of the others none is sent."""
    kept_open.close()
    fake.script("faults", {"do": "hang_after", "seconds": 60})
    sender = start(tmp_path, fake.address, tickers=TICKERS, TIMEOUT="60")
    deadline = time.monotonic() + 60
    while fake.count(POST) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(LedgerError, match="halted from now on, and those that work not canceled"):
        OrderWorker(trader(tmp_path, fake.address, wait=0.2)).halt(NOW, "storm")
    fake.script("release", {})
    assert ended(sender)[0] == 0
    assert fake.count(POST) == 1
    made = trader(tmp_path, fake.address)
    reasons = [order.reason for order in made.ledger.orders() if order.status == "not_sent"]
    assert reasons == ["HALTED"] * 2
    assert made.ledger.halted() == "storm"
    assert_sound(made, fake)


def test_an_entry_that_arrives_during_a_halt_is_canceled_by_work(tmp_path, resting):
    resting.script("faults", {"do": "underway"})
    made = trader(tmp_path, resting.address)
    assert trade(made)[0].status == "unknown"
    assert [o.status for o in OrderWorker(made).halt(NOW, "storm")] == ["unknown"]
    resting.script("arrive", {})
    assert statuses(resting) == ["new"]
    assert advance(made, NOW, resting) == []
    assert statuses(resting) == ["canceled"]
    assert_sound(made, resting)


def test_a_halt_cancels_entries_keeps_exits_and_stays_while_the_broker_does_not_answer(
    tmp_path, resting
):
    made = trader(tmp_path, resting.address)
    trade(made)
    resting.script("faults", {"on": "", "do": "drop", "times": 999})
    assert [o.status for o in OrderWorker(made).halt(NOW, "storm")] == ["accepted"]
    assert made.ledger.halted() == "storm"
    resting.faults.clear()
    assert OrderWorker(made).halt(NOW, "again") == []
    assert statuses(resting) == ["canceled"]
    trade(made, ("SPY", "QQQ"))
    advance(made, NOW + timedelta(minutes=1), resting)
    assert resting.count(POST) == 1
    assert {o.reason for o in made.ledger.orders() if o.ticker == "QQQ"} == {"HALTED"}
    assert_sound(made, resting)


@pytest.mark.long
def test_a_halt_during_the_checks_of_an_entry_prevents_it(
    tmp_path, resting, monkeypatch, kept_open
):
    kept_open.close()
    made = trader(tmp_path, resting.address)
    other = trader(tmp_path, resting.address, wait=0.1)
    answer = resting.handle

    def halting(method, path, query, body):
        if path == "/v1beta1/options/quotes/latest":
            other.ledger.halt("storm", NOW)
        return answer(method, path, query, body)

    monkeypatch.setattr(resting, "handle", halting)
    assert [(o.status, o.reason) for o in trade(made)] == [("not_sent", "HALTED")]
    assert resting.count(POST) == 0


@pytest.mark.parametrize("step", ["sending", "submitted"])
def test_an_entry_that_was_being_sent_when_a_halt_came_is_canceled_at_once(tmp_path, resting, step):
    def at(reached):
        if reached == step:
            made.ledger.halt("storm", NOW)

    made = trader(tmp_path, resting.address, at=at)
    trade(made, ("SPY", "QQQ"))
    assert resting.count(POST) == 1
    assert statuses(resting) == ["canceled"]
    assert {o.ticker: (o.status, o.reason) for o in made.ledger.orders()} == {
        "QQQ": ("canceled", None),
        "SPY": ("not_sent", "HALTED"),
    }
    assert_sound(made, resting)


def test_an_intent_from_before_a_halt_is_not_sent_after_it(tmp_path, resting):
    """Left over from an evening without a broker: only a new plan or a person sends it."""
    made = trader(tmp_path, resting.address)
    resting.script("faults", {"on": "GET /v2/account", "do": "status", "status": 502, "times": 999})
    assert [o.status for o in trade(made)] == ["intent"]
    resting.faults.clear()
    made.ledger.halt("storm", NOW)
    made.ledger.resume("over", NOW)
    assert [(o.status, o.reason) for o in made.ledger.orders()] == [("not_sent", "HALTED")]
    advance(made, NOW + timedelta(minutes=1), resting)
    trade(made)
    assert resting.count(POST) == 0


def test_an_entry_in_doubt_at_a_halt_is_not_sent_again_and_canceled_when_it_arrives(
    tmp_path, resting
):
    resting.script("faults", {"do": "underway"})
    made = trader(tmp_path, resting.address)
    assert trade(made)[0].status == "unknown"
    OrderWorker(made).halt(NOW, "storm")
    made.ledger.resume("over", NOW)
    trade(made)
    advance(made, NOW, resting)
    assert resting.count(POST) == 1
    resting.script("arrive", {})
    advance(made, NOW, resting)
    assert statuses(resting) == ["canceled"]
    assert made.reconcile(NOW) == []


@pytest.mark.parametrize("stop", ["halt", "flatten"])
def test_orders_of_the_platform_that_an_older_ledger_does_not_know_are_canceled(
    tmp_path, resting, stop
):
    made = trader(tmp_path, resting.address)
    trade(made, ("QQQ",))
    backup = made.ledger.path.read_bytes()
    trade(made, ("SPY", "QQQ"))
    made.ledger.path.write_bytes(backup)
    if stop == "halt":
        assert OrderWorker(made).halt(NOW, "storm") == []
    else:
        assert Flattening(made, {}).run(NOW) == []
    assert statuses(resting) == ["canceled", "canceled"]
    assert made.reconcile(NOW) == []
    assert_sound(made, resting)


def test_a_ledger_older_than_a_halt_is_halted_by_the_notice_or_the_broker(
    tmp_path, resting, kept_open
):
    kept_open.close()
    made = trader(tmp_path, resting.address)
    trade(made, ("QQQ",))
    backup = made.ledger.path.read_bytes()
    trade(made, ("SPY", "QQQ"))
    OrderWorker(made).halt(NOW, "storm")
    made.ledger.path.write_bytes(backup)
    assert made.ledger.halted() == "storm"
    # As on another machine, where the notice beside the ledger is missing.
    made.ledger.path.write_bytes(backup)
    notice_of(made.ledger.path).unlink()
    assert made.ledger.halted() is None
    trade(made, ("IWM",))
    assert made.ledger.halted().startswith("LEDGER_OLDER: ")
    assert {o.ticker: o.status for o in made.ledger.orders()}["IWM"] == "not_sent"


@pytest.mark.parametrize("purpose", ["entry", "exit"])
def test_an_order_replaced_by_hand_is_followed_and_not_sent_beside_its_successor(
    tmp_path, fake, purpose
):
    fake.fills = "limit" if purpose == "exit" else "rest"
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    if purpose == "exit":
        assert Flattening(made, {}).run(NOW) == []
    (order,) = made.ledger.working_orders()
    fake.script("replace", {"client_order_id": order.client_order_id, "limit_price": "0.07"})
    assert made.reconcile(NOW) == []
    orders = [o for o in made.ledger.orders() if o.purpose == purpose]
    assert sorted((o.attempt, o.status) for o in orders) == [(1, "canceled"), (2, "accepted")]
    after = next(o for o in orders if o.attempt == 2)
    assert after.limit_price == pytest.approx(0.07)
    advance(made, NOW, fake)
    assert len(made.ledger.working_orders()) == 1
    fake.script("fill", {"client_order_id": after.client_order_id})
    assert made.reconcile(NOW) == []
    assert_sound(made, fake)


@pytest.mark.parametrize("stop", ["halt", "pause"])
def test_an_entry_that_a_stop_could_not_cancel_is_not_priced_anew_once_that_is_over(
    tmp_path, resting, stop
):
    """Cancels come to nothing for a while; what was to leave the market leaves it, for good."""
    made = trader(tmp_path, resting.address)
    trade(made)
    times = 3 if stop == "halt" else 2
    away = {"on": "DELETE /v2/orders", "do": "status", "status": 503, "times": times}
    resting.script("faults", away)
    if stop == "halt":
        OrderWorker(made).halt(NOW, "storm")
        made.ledger.resume("looked at it", NOW)
    else:
        pause(made.ledger, Pause("DAILY_LOSS", NOW), NOW)
        with made.exclusively():
            made.entries.cancel_all(NOW)
        lift_pause(made.ledger, "a later look shows no loss beyond a limit", NOW)
    for minute in range(2, 8):
        advance(made, NOW + timedelta(minutes=minute), resting)
    assert resting.count(POST) == 1
    assert statuses(resting) == ["canceled"]
    assert_sound(made, resting)


@pytest.mark.parametrize("hours_back", [0, 1])
@pytest.mark.parametrize("how", ["a halt", "a flatten"])
def test_a_halt_cancels_at_once_what_a_repricing_has_asked_to_be_canceled(
    tmp_path, resting, monkeypatch, how, hours_back
):
    """The cancel was answered and undone; reconciles alone would wait before they ask again."""
    made = trader(tmp_path, resting.address)
    trade(made)
    cancel, asked = AlpacaBroker.cancel, []

    def cancels_the_second_time(broker, order_id):
        asked.append(order_id)
        if len(asked) > 1:
            cancel(broker, order_id)

    monkeypatch.setattr(AlpacaBroker, "cancel", cancels_the_second_time)
    moment = NOW + timedelta(minutes=1, seconds=5)
    advance(made, moment, resting)
    assert (len(asked), statuses(resting)) == (1, ["new"])
    moment += timedelta(seconds=10) - timedelta(hours=hours_back)
    if how == "a halt":
        assert OrderWorker(made).halt(moment, "storm") == []
    else:
        Flattening(made, {}).run(moment)
    assert statuses(resting) == ["canceled"]
    assert_sound(made, resting)


def test_a_clock_that_was_set_back_does_not_put_off_the_next_cancel(tmp_path, resting, monkeypatch):
    made = trader(tmp_path, resting.address)
    trade(made)
    asked = []
    monkeypatch.setattr(AlpacaBroker, "cancel", lambda _broker, order_id: asked.append(order_id))
    moment = NOW + timedelta(minutes=1, seconds=5)
    advance(made, moment, resting)
    made.ledger.halt("storm", moment)
    advance(made, moment, resting)
    assert len(asked) == 1
    advance(made, moment - timedelta(hours=1))
    assert len(asked) > 1
