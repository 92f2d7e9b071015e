"""Several attempts of one order: the fills of each count, and nothing is sent twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.trading.position_fills import after_fill
from options_platform.services.trading.entries.entries import Entries
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    POST,
    advance,
    assert_sound,
    at_clock,
    contracts,
    daily,
    exits,
    open_beside,
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


def shown_again(fake, order, spreads, then):
    """An order that had ended fills after all, and has the status `then` afterwards."""
    with fake.lock:
        held = fake.book.by_client_id(order.client_order_id)
        for part in [held, *held["legs"]]:
            part["status"] = "new"
        fake.book.fill(held, spreads)
        for part in [held, *held["legs"]]:
            part["status"] = then


def closed_at_once(made, fake):
    fake.fills = "limit"
    at_clock(fake, NOW)
    problems = Flattening(made, CLOSES).run(NOW)
    assert problems == []
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


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
    assert position.entry_price == pytest.approx((3 * 1.86 + 5 * 1.95) / 8)
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


def test_an_exit_is_canceled_once_the_former_attempt_turns_out_filled(tmp_path, fake):
    """Another position holds the same contracts, so the broker would take both."""
    made = trader(tmp_path, fake.address)
    (order,) = trade(made)
    open_beside(made, order, order.legs)
    fake.fills = "rest"
    with made.ledger.trading():
        held = made.ledger.positions()[0]
        made.closing.close_position(held, SESSION, "TIME", None, NOW)
    advance(made, NOW + timedelta(minutes=1), fake)
    first, second = exits(made)
    assert (first.status, second.status) == ("canceled", "accepted")
    shown_again(fake, first, 8, "filled")
    at_clock(fake, NOW)
    assert made.reconcile(NOW) == []
    assert exits(made)[-1].status == "canceled"
    assert sorted(contracts(fake).values()) == [-8, 8]


@pytest.mark.parametrize("command", ["halt", "flatten"])
@pytest.mark.parametrize("shown", [("canceled", "0"), ("filled", "8")])
def test_an_order_that_rests_though_it_was_reported_as_ended_is_canceled(
    entered, resting, command, shown
):
    with resting.lock:
        (held,) = resting.book.orders.values()
        was = {name: held[name] for name in ("status", "filled_qty", "filled_avg_price")}
        held["status"], held["filled_qty"] = shown
        held["filled_avg_price"] = "1.86"
        for leg in held["legs"]:
            leg["filled_avg_price"] = "1.86" if leg["side"] == "buy" else "0.0"
    entered.reconcile(NOW)
    with resting.lock:
        held |= was
    if command == "halt":
        OrderWorker(entered).halt(NOW, "storm")
    else:
        Flattening(entered, CLOSES).run(NOW)
    assert statuses(resting) == ["canceled"]


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


@pytest.mark.parametrize("stuck", ["pending_cancel", "replaced"])
def test_an_exit_whose_cancel_stays_pending_is_reported_and_its_position_closed(
    tmp_path, fake, stuck
):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    with fake.lock:
        held = fake.book.by_client_id(exits(made)[0].client_order_id)
        held["status"] = stuck
    for day in (5, 6):
        daily(made, fake, SESSION.replace(day=day), {"SPY": 240.0})
    assert exits(made)[0].status == "missing"
    assert any("missing here" in d.text for d in made.ledger.differences())
    # What the fake holds to be reserved by an order that is pending it refuses, as Alpaca does.
    (again,) = (o for o in exits(made) if o.session == SESSION.replace(day=6))
    assert again.status == ("rejected" if stuck == "pending_cancel" else "accepted")


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


def test_an_exit_reported_filled_without_a_filled_quantity_is_not_sent_again(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    (order,) = trade(made)
    open_beside(made, order, order.legs)
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "TIME", None, NOW)
    with fake.lock:
        held = fake.book.by_client_id(exits(made)[0].client_order_id)
        held["status"] = "filled"
    for minute in (1, 2):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert len(exits(made)) == 1
    with fake.lock:
        held["status"] = "new"
        fake.book.fill(held)
    at_clock(fake, NOW)
    assert made.reconcile(NOW) == []
    assert sorted(contracts(fake).values()) == [-8, 8]


def test_an_exit_in_doubt_is_not_sent_again_if_another_position_has_its_contracts(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    (order,) = trade(made)
    open_beside(made, order, order.legs)
    fake.fills = "rest"
    fake.script("faults", {"do": "underway"})
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    daily(made, fake, SESSION.replace(day=5), {"SPY": 240.0})
    (sent,) = (o for o in exits(made) if o.position_id == order.client_order_id)
    assert sent.status == "missing"
    fake.script("arrive", {})
    fake.fills = "limit"
    fake.script("fill", {"client_order_id": sent.client_order_id})
    daily(made, fake, SESSION.replace(day=6), {"SPY": 250.0})
    held = [p for p in made.ledger.positions() if p.closed_on is None]
    assert sum(p.open_contracts for p in held) == max(contracts(fake).values(), default=0)


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


def climbing_exit(made, fake):
    """An exit at its first step, and the minute of its next one."""
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    return NOW + timedelta(minutes=1)


def test_an_unreadable_foreign_order_hides_no_order_of_the_platform(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    later = climbing_exit(made, fake)
    with fake.lock:
        other = fake.book.submit(
            {"symbol": "T", "side": "buy", "qty": "1", "type": "limit", "limit_price": "30"}
        )
        other["status"] = "order_received"
    advance(made, later, fake)
    assert [o.status for o in exits(made)] == ["canceled", "accepted"]
    fake.script("fill", {"client_order_id": exits(made)[-1].client_order_id})
    assert made.reconcile(later) == []
    assert made.ledger.positions(only_open=True) == []


def test_an_exit_is_repriced_by_its_lookups_while_lists_do_not_show_it(tmp_path, fake, monkeypatch):
    made = trader(tmp_path, fake.address)
    trade(made)
    later = climbing_exit(made, fake)
    at_clock(fake, later)
    answer = fake.handle

    def without_lists(method, path, query, body):
        is_list = (method, path) == ("GET", "/v2/orders")
        return (503, {"message": "away"}) if is_list else answer(method, path, query, body)

    monkeypatch.setattr(fake, "handle", without_lists)
    assert [o.status for o in OrderWorker(made).advance(later)] == ["accepted"]
    assert [o.status for o in exits(made)] == ["canceled", "accepted"]


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


def test_an_exercise_that_was_never_requested_does_not_prevent_closing(tmp_path, fake):
    class KilledError(BaseException):
        pass

    def die(step):
        if step == "intent recorded":
            raise KilledError

    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("assign", {"symbol": min(contracts(fake), key=contracts(fake).get)})
    made.reconcile(NOW)
    (position,) = made.ledger.positions()
    leg = next(leg for leg in position.loose if not leg.is_shares)
    with pytest.raises(KilledError), made.ledger.trading():
        replace(made, at=die).closing._exercise(position, SESSION, leg, NOW)
    assert fake.count("POST /v2/positions") == 0
    Flattening(made, CLOSES).run(NOW)
    assert contracts(fake) == {}
    daily(made, fake, NOW.date(), {"SPY": 260.0})
    assert [o.status for o in made.ledger.orders() if o.purpose == "exercise"] == ["expired"]


def test_flattening_far_from_the_close_reports_it_and_follows_the_market(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("assign", {"symbol": min(contracts(fake), key=contracts(fake).get)})
    fake.fills = "rest"
    fake.script("trade", {"ticker": "SPY", "price": 290.0})
    paused = []
    problems = Flattening(made, CLOSES, pause=paused.append).run(NOW)
    assert paused
    assert any("last traded at 290.00, far from its last close" in text for text in problems)
    for minute in range(1, 6):
        at_clock(fake, NOW + timedelta(minutes=minute))
        fake.script("trade", {"ticker": "SPY", "price": 290.0})
        advance(made, NOW + timedelta(minutes=minute), fake)
    of_shares = [o for o in exits(made) if o.legs[0].is_shares]
    assert of_shares[-1].limit_price >= 290.0


def test_flattening_believes_a_price_far_from_the_close_that_a_later_trade_shows_too(
    tmp_path, fake
):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("assign", {"symbol": min(contracts(fake), key=contracts(fake).get)})
    fake.fills = "rest"
    fake.script("trade", {"ticker": "SPY", "price": 290.0})

    def trade_on(seconds):
        at_clock(fake, NOW + timedelta(seconds=seconds))
        fake.script("trade", {"ticker": "SPY", "price": 290.5})

    assert Flattening(made, CLOSES, pause=trade_on).run(NOW) == []
    assert next(o for o in exits(made) if o.legs[0].is_shares).limit_price >= 290.0


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
