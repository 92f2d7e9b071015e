"""Several attempts of one order: whatever fills or rests of each counts, and nothing is doubled."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.trading.position_fills import after_fill
from options_platform.services.trading.entries.entries import Entries
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, trader
from options_platform_tests.faults.world import (
    CLOSES,
    POST,
    advance,
    assert_sound,
    at_clock,
    closed_at_once,
    shown_again,
    statuses,
    trade,
)


@pytest.fixture
def entered(tmp_path, resting):
    """An account whose entry of eight spreads rests at its first price."""
    made = trader(tmp_path, resting.address)
    trade(made)
    return made


def attempts(made):
    return sorted(made.ledger.orders(), key=lambda order: order.attempt)


def test_the_fills_of_an_entry_and_of_what_replaced_it_by_hand_are_one_position(entered, resting):
    (order,) = entered.ledger.orders()
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 3})
    resting.script(
        "replace",
        {"client_order_id": order.client_order_id, "qty": "8", "limit_price": "1.95"},
    )
    other = next(o for o in resting.book.orders.values() if o["status"] == "new")
    resting.script("fill", {"client_order_id": other["client_order_id"]})
    assert entered.reconcile(NOW) == []
    (position,) = entered.ledger.positions()
    assert position.contracts == 8
    assert position.entry_price == pytest.approx((3 * 1.80 + 5 * 1.95) / 8)
    assert position.fees_usd == pytest.approx(sum(o.fees_usd for o in entered.ledger.orders()))
    assert position.max_loss_usd == pytest.approx(position.entry_price * 800, rel=0.01)
    closed_at_once(entered, resting)


@pytest.mark.parametrize(("spreads", "then"), [(8, "filled"), (3, "canceled")])
def test_the_next_attempt_of_an_entry_is_canceled_once_the_former_turns_out_filled(
    entered, resting, spreads, then
):
    (first,) = entered.ledger.orders()
    advance(entered, NOW + timedelta(minutes=1), resting)
    assert [o.status for o in attempts(entered)] == ["canceled", "accepted"]
    shown_again(resting, first, spreads, then)
    assert entered.reconcile(NOW + timedelta(minutes=1)) == []
    assert sorted(statuses(resting)) == sorted([then, "canceled"])
    (position,) = entered.ledger.positions()
    assert position.contracts == spreads
    closed_at_once(entered, resting)


def test_fills_of_two_attempts_are_one_position_and_closed_completely(entered, resting):
    (first,) = entered.ledger.orders()
    advance(entered, NOW + timedelta(minutes=1), resting)
    second = attempts(entered)[-1]
    shown_again(resting, first, 8, "filled")
    resting.script("fill", {"client_order_id": second.client_order_id})
    at_clock(resting, NOW)
    assert entered.reconcile(NOW) == []
    assert entered.ledger.positions()[0].contracts == 16
    closed_at_once(entered, resting)


@pytest.mark.parametrize("command", ["halt", "flatten"])
@pytest.mark.parametrize("shown", [("canceled", "0"), ("filled", "8")])
def test_an_order_that_rests_though_it_was_reported_as_ended_is_canceled(
    entered, resting, command, shown
):
    with resting.lock:
        (held,) = resting.book.orders.values()
        was = {name: held[name] for name in ("status", "filled_qty", "filled_avg_price")}
        held["status"], held["filled_qty"] = shown
        held["filled_avg_price"] = "1.80"
        for leg in held["legs"]:
            leg["filled_avg_price"] = "1.80" if leg["side"] == "buy" else "0.0"
    entered.reconcile(NOW)
    with resting.lock:
        held |= was
    if command == "halt":
        OrderWorker(entered).halt(NOW, "storm")
    else:
        Flattening(entered, CLOSES).run(NOW)
    assert statuses(resting) == ["canceled"]


@pytest.mark.long
def test_a_halt_during_the_lookup_of_the_id_prevents_the_entry(tmp_path, resting, monkeypatch):
    made = trader(tmp_path, resting.address)
    other = trader(tmp_path, resting.address, wait=0.1)
    answer = resting.handle

    def halt_then_answer(method, path, query, body):
        if path == "/v2/orders:by_client_order_id" and other.ledger.exists:
            other.ledger.halt("storm", NOW)
        return answer(method, path, query, body)

    monkeypatch.setattr(resting, "handle", halt_then_answer)
    trade(made)
    assert resting.count(POST) == 0
    (order,) = made.ledger.orders()
    assert (order.status, order.reason) == ("not_sent", "HALTED")


def test_an_entrys_replacement_by_hand_is_canceled_by_a_halt_too(entered, resting):
    (order,) = entered.ledger.orders()
    resting.script("freeze", {"of": ["orders", "lookups"]})
    resting.script("replace", {"client_order_id": order.client_order_id, "limit_price": "1.90"})
    OrderWorker(entered).halt(NOW, "storm")
    resting.script("honest", {})
    entered.ledger.resume("over", NOW)
    for minute in (1, 2, 3):
        advance(entered, NOW + timedelta(minutes=minute), resting)
    assert statuses(resting) == ["canceled", "replaced"]
    assert resting.count(POST) == 1


def test_an_entry_that_was_refused_but_accepted_all_the_same_is_canceled_by_a_halt(
    tmp_path, resting
):
    resting.script("faults", {"do": "underway"})
    made = trader(tmp_path, resting.address)
    (order,) = trade(made)
    with made.ledger.trading():
        made.ledger.record(order.to("rejected", reason="HTTP 403"), NOW)
    OrderWorker(made).halt(NOW, "storm")
    made.ledger.resume("over", NOW)
    resting.script("arrive", {})
    for minute in (1, 2, 3):
        advance(made, NOW + timedelta(minutes=minute), resting)
    assert statuses(resting) == ["canceled"]
    assert resting.count(POST) == 1
    assert_sound(made, resting)


def test_an_entry_is_not_sent_again_once_the_lookup_shows_a_fill(entered, resting, monkeypatch):
    (first,) = entered.ledger.orders()
    worker = OrderWorker(entered)
    send = Entries.send

    def fill_then_send(self, order, now):
        shown_again(resting, first, 3, "canceled")
        return send(self, order, now)

    monkeypatch.setattr(Entries, "send", fill_then_send)
    at_clock(resting, NOW + timedelta(minutes=1))
    worker.advance(NOW + timedelta(minutes=1))
    assert resting.count(POST) == 1
    assert [(o.status, o.reason) for o in attempts(entered)][-1] == ("not_sent", "FILLED_BEFORE")
    assert entered.ledger.positions()[0].contracts == 3


def test_an_entry_that_an_older_ledger_adopts_is_not_repriced_after_the_resume(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    made.reconcile(NOW)
    kept = made.ledger.path.read_bytes()
    trade(made)
    made.ledger.path.write_bytes(kept)
    made.reconcile(NOW)
    assert "LEDGER_OLDER" in made.ledger.halted()
    made.ledger.resume("looked at", NOW)
    for minute in (1, 2, 3):
        advance(made, NOW + timedelta(minutes=minute), resting)
    assert statuses(resting) == ["canceled"]
    assert resting.count(POST) == 1


def test_a_former_ledger_that_counted_the_newest_attempt_alone_is_corrected(entered, resting):
    (order,) = entered.ledger.orders()
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 3})
    resting.script(
        "replace",
        {"client_order_id": order.client_order_id, "qty": "8", "limit_price": "1.95"},
    )
    other = next(o for o in resting.book.orders.values() if o["status"] == "new")
    resting.script("fill", {"client_order_id": other["client_order_id"]})
    entered.reconcile(NOW)
    (whole,) = entered.ledger.positions()
    last = attempts(entered)[-1]
    alone = after_fill(last, last, None, whole.opened_on)
    entered.ledger.record_position(alone, NOW, "as a former version had it")
    assert entered.reconcile(NOW) == []
    (corrected,) = entered.ledger.positions()
    assert corrected == replace(whole, mark_price=corrected.mark_price)
    closed_at_once(entered, resting)
