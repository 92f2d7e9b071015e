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


def climbing_exit(made, fake):
    """An exit on its first rung, and the minute of its next."""
    fake.fills = "rest"
    with made.ledger.trading():
        made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    return NOW + timedelta(minutes=1)


def test_an_exit_leaves_once_the_one_before_it_turns_out_filled(tmp_path, fake):
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
def test_an_exit_whose_cancel_never_ends_is_reported_and_its_position_closed(tmp_path, fake, stuck):
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


def test_an_exit_that_is_called_filled_with_nothing_filled_is_not_sent_again(tmp_path, fake):
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


def test_an_exit_in_doubt_is_not_sent_again_where_another_position_holds_its_contracts(
    tmp_path, fake
):
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


def test_an_order_of_somebody_else_that_cannot_be_read_hides_none_of_ours(tmp_path, fake):
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


def test_an_exit_climbs_by_its_own_look_ups_while_the_lists_say_nothing(
    tmp_path, fake, monkeypatch
):
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


def test_an_exercise_that_was_never_asked_for_keeps_nothing_from_being_closed(tmp_path, fake):
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


def test_flattening_far_from_the_close_says_so_and_follows_the_market(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("assign", {"symbol": min(contracts(fake), key=contracts(fake).get)})
    fake.fills = "rest"
    fake.script("trade", {"ticker": "SPY", "price": 290.0})
    paused = []
    told = Flattening(made, CLOSES, pause=paused.append).run(NOW)
    assert paused
    assert any("last traded at 290.00, far from its last close" in text for text in told)
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
