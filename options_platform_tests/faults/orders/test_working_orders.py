"""Working orders at Alpaca: partial fills, cancels and repricing, also through kills."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    POST,
    advance,
    assert_sound,
    contracts,
    ended,
    exits,
    start,
    statuses,
    trade,
)


def test_a_partially_filled_and_canceled_order_leaves_a_position_in_ratio(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    order = trade(made)[0]
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 2})
    assert made.reconcile(NOW) == []
    part = made.ledger.orders()[0]
    assert (part.status, part.filled_qty) == ("partially_filled", 2)
    assert made.ledger.positions()[0].contracts == 2
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 1})
    resting.script("cancel", {"client_order_id": order.client_order_id})
    assert made.reconcile(NOW) == []
    ended_order = made.ledger.orders()[0]
    assert (ended_order.status, ended_order.filled_qty) == ("canceled", 3)
    position = made.ledger.positions()[0]
    assert position.contracts == 3
    held = made.ledger.statement().contracts
    assert sorted(held.values()) == [-3, 3]
    # A filled attempt is never followed by another.
    advance(made, NOW + timedelta(minutes=5), resting)
    assert resting.count(POST) == 1
    assert_sound(made, resting)


def test_a_pending_cancel_blocks_the_next_attempt_until_it_is_resolved(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    number = trade(made)[0].client_order_id
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    later = NOW + timedelta(minutes=1)
    advance(made, later, resting)
    assert made.ledger.orders()[0].status == "cancel_pending"
    advance(made, later, resting)
    assert resting.count(POST) == 1
    resting.script("fill", {"client_order_id": number, "spreads": 1})
    resting.script("cancel", {"client_order_id": number})
    advance(made, later, resting)
    order = made.ledger.orders()[0]
    assert (order.status, order.filled_qty) == ("canceled", 1)
    assert resting.count(POST) == 1
    assert_sound(made, resting)


def test_a_cancel_that_comes_too_late_finds_the_fill(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    number = trade(made)[0].client_order_id
    resting.script("faults", {"on": "DELETE", "do": "status_after", "status": 504})
    advance(made, NOW + timedelta(minutes=1), resting)
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    two = max(made.ledger.orders(), key=lambda o: o.attempt)
    assert two.attempt == 2
    advance(made, NOW + timedelta(minutes=2), resting)
    resting.script("fill", {"client_order_id": two.client_order_id})
    advance(made, NOW + timedelta(minutes=3), resting)
    assert sorted(o.status for o in made.ledger.orders()) == ["canceled", "filled"]
    assert number != two.client_order_id
    assert_sound(made, resting)


def test_an_order_is_repriced_step_by_step_to_its_worst_price_and_rests_there(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    trade(made)
    for minute in range(1, 8):
        advance(made, NOW + timedelta(minutes=minute), resting)
    orders = made.ledger.orders()
    prices = [o.limit_price for o in sorted(orders, key=lambda o: o.attempt)]
    assert len(prices) == 3
    assert prices == sorted(prices)
    assert statuses(resting) == ["canceled", "canceled", "new"]
    worst = max(orders, key=lambda o: o.attempt)
    first = min(orders, key=lambda o: o.attempt)
    risen = (worst.limit_price - first.limit_price) * 100 * first.contracts
    assert worst.max_loss_usd == pytest.approx(first.max_loss_usd + risen)
    assert_sound(made, resting)


@pytest.mark.parametrize("step", ["to be canceled", "canceled", "intent recorded", "sending"])
def test_repricing_that_is_killed_at_any_step_continues_where_it_was(tmp_path, resting, step):
    made = trader(tmp_path, resting.address)
    trade(made)
    later = NOW + timedelta(minutes=1)
    resting.script("clock", {"offset_seconds": 60})
    assert ended(start(tmp_path, resting.address, step, action=later.isoformat()))[0] == -9
    for minute in (1, 1, 2):
        advance(made, NOW + timedelta(minutes=minute), resting)
    assert statuses(resting) == ["canceled", "canceled", "new"]
    assert_sound(made, resting)


@pytest.mark.parametrize("purpose", ["entry", "exit"])
def test_a_step_placed_overnight_rests_in_the_market_for_its_time(tmp_path, resting, purpose):
    """Sent at half past midnight: its 60 seconds begin with the session, at 9:30."""
    made = trader(tmp_path, resting.address)
    night = datetime(2015, 1, 5, 0, 30, tzinfo=NEW_YORK)
    resting.script("clock", {"offset_seconds": (night - NOW).total_seconds()})
    (order,) = trade(made, now=night)
    if purpose == "exit":
        resting.script("fill", {"client_order_id": order.client_order_id})
        assert made.reconcile(night) == []
        position = made.ledger.positions()[0]
        with made.ledger.trading():
            made.closing.close_position(position, SESSION, "TIME", None, night)
    tried = []
    for seconds in (0, 59, 60, 119, 120):
        opened = datetime(2015, 1, 5, 9, 30, tzinfo=NEW_YORK)
        (works,) = advance(made, opened + timedelta(seconds=seconds), resting)
        tried.append((works.purpose, works.attempt))
    assert tried == [(purpose, attempt) for attempt in (1, 1, 2, 2, 3)]
    assert_sound(made, resting)


def test_work_continues_while_an_exit_waits_to_be_sent_again(tmp_path, fake):
    """Canceled for its next step, and then the broker's orders cannot be read for a while."""

    def die(step):
        if step == "canceled":
            raise InterruptedError

    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, {}).run(NOW) == []
    later = NOW + timedelta(minutes=1)
    with pytest.raises(InterruptedError):
        advance(replace(made, at=die), later, fake)
    away = {"on": "GET /v2/orders", "do": "status", "status": 502, "times": 999}
    fake.script("faults", away)
    for _ in range(2):
        (waits,) = advance(made, later, fake)
        assert (waits.purpose, waits.status) == ("exit", "canceled")
    fake.faults.clear()
    (works,) = advance(made, later, fake)
    assert (works.attempt, works.status) == (2, "accepted")
    fake.script("fill", {"client_order_id": works.client_order_id})
    assert advance(made, later, fake) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_a_rejected_exit_is_reported_until_another_run_closes_its_position(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    position = made.ledger.positions()[0]
    with made.ledger.trading():
        made.closing.close_position(position, SESSION, "TIME", None, NOW)
    assert OrderWorker(made).refused(NOW) == []
    (order,) = exits(made)
    fake.script("reject", {"client_order_id": order.client_order_id})
    assert advance(made, NOW, fake) == []
    assert [o.client_order_id for o in OrderWorker(made).refused(NOW)] == [order.client_order_id]
    fake.fills = "limit"
    assert Flattening(made, {}).run(NOW) == []
    assert OrderWorker(made).refused(NOW) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)
