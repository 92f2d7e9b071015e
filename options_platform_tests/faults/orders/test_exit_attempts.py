"""Exits that are sent, canceled and sent again: one closes the position, and only one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    advance,
    at_clock,
    contracts,
    daily,
    exits,
    open_beside,
    shown_again,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")


def climbing_exit(made, fake):
    """An exit at its first step, and the minute of its next one."""
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    return NOW + timedelta(minutes=1)


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
