"""Working orders at Alpaca: partial fills, cancels and repricing, also through kills."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.risk.sizing import SizingRules, risk_budget
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.entries.sizes import EntrySizes
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, SESSION, plans_of, trader
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

pytestmark = pytest.mark.usefixtures("kept_open")


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


def of_one_spread(tmp_path, fake, share):
    """An entry of one spread; `share` is how much of its concession the hard cap has room for."""
    usual = trader(tmp_path / "usual", fake.address)
    plans, legs = plans_of()
    loss = plans["max_loss_usd"][0] / plans["contracts"][0]
    give = 100 * abs(plans["limit_price"][0]) * usual.settings.ladder.entry_concession
    sizing = {"risk_pct": (loss + share * give) / usual.settings.account_value_usd}
    made = trader(tmp_path / "capped", fake.address, plan={"sizing": sizing})
    closes = {SESSION: {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}}
    made.run_session(SESSION, plans, legs, closes, NOW)
    for minute in range(1, 6):
        advance(made, NOW + timedelta(minutes=minute), fake)
    cap = sizing["risk_pct"] * usual.settings.account_value_usd
    return made, sorted(made.ledger.orders(), key=lambda order: order.attempt), cap


@pytest.mark.parametrize(("share", "attempts"), [(0.1, 1), (0.7, 2), (1.1, 3)])
def test_an_entry_climbs_no_further_than_the_cap_and_rests_there(
    tmp_path, resting, share, attempts
):
    made, orders, cap = of_one_spread(tmp_path, resting, share)
    assert [order.contracts for order in orders] == [1] * attempts
    assert statuses(resting) == [*["canceled"] * (attempts - 1), "new"]
    assert all(order.max_loss_usd <= cap for order in orders)
    assert_sound(made, resting)


def test_an_entry_whose_planned_price_is_beyond_the_cap_is_not_sent(tmp_path, resting):
    _, (order,), _ = of_one_spread(tmp_path, resting, -0.1)
    assert (order.status, order.reason) == ("not_sent", "RISK_BUDGET")
    assert resting.count(POST) == 0


def test_several_spreads_are_sized_at_the_last_price_of_their_ladder(tmp_path, resting):
    plans, legs = plans_of()
    planned = plans["contracts"][0]
    assert planned > 1
    made = trader(tmp_path, resting.address, plan={}, ladder={"rungs": 3, "entry_concession": 0.8})
    closes = {SESSION: {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}}
    made.run_session(SESSION, plans, legs, closes, NOW)
    (order,) = made.ledger.orders()
    worst = made.settings.ladder.prices("SPY", "entry", order.limit_price, order.legs)[-1]
    risk = 100 * (worst - order.limit_price) * order.contracts + order.max_loss_usd
    budget = float(risk_budget(np.ones(1), plans["confidence"].to_numpy(), SizingRules())[0])
    assert order.contracts < planned
    assert risk <= budget < risk / order.contracts * (order.contracts + 1)


def test_an_entry_canceled_for_a_rung_that_the_cap_has_left_behind_rests_where_it_was(
    tmp_path, resting, monkeypatch
):
    made = trader(tmp_path, resting.address)
    (first,) = trade(made)
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    advance(made, NOW + timedelta(minutes=1), resting)
    resting.script("cancel", {"client_order_id": first.client_order_id})
    monkeypatch.setattr(EntrySizes, "is_within_cap", lambda *_: False)
    advance(made, NOW + timedelta(minutes=1), resting)
    second = max(made.ledger.orders(), key=lambda order: order.attempt)
    assert (second.attempt, second.limit_price) == (2, first.limit_price)
    assert statuses(resting) == ["canceled", "new"]
    assert_sound(made, resting)


@pytest.mark.long
@pytest.mark.parametrize("step", ["to be canceled", "canceled", "intent recorded", "sending"])
def test_repricing_that_is_killed_at_any_step_continues_where_it_was(
    tmp_path, resting, step, kept_open
):
    kept_open.close()
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
