"""A broker refuses an exit while an order on its other side works: the exit waits for its end."""

import pytest

from options_platform.domain.trading.netting import was_opposed
from options_platform.services.trading.closing import opposite_orders
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, SESSION
from options_platform_tests.faults.world import (
    HIGH,
    POST,
    advance,
    exits,
    open_beside,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]
STUCK = {"on": "DELETE /v2/orders", "do": "pending_cancel"}


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """What happens while a cancel is looked up again; no test waits for real."""
    during = []
    monkeypatch.setattr(
        opposite_orders.time, "sleep", lambda _: [each() for each in during] and None
    )
    return during


@pytest.fixture
def entry(made, fake):
    """The id of an entry at work that buys what the exit of the position sells."""
    fake.fills = "rest"
    open_beside(made, made.ledger.orders()[0], made.ledger.positions()[0].legs)
    return "beside"


def close(made):
    with made.exclusively():
        return made.closing.close_position(
            made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW
        )


def test_an_exit_is_not_sent_while_the_cancel_of_an_entry_against_it_is_pending(made, fake, entry):
    fake.script("faults", STUCK)
    sent = fake.count(POST)
    assert close(made).status == "intent"
    assert {order.status for order in advance(made)} == {"cancel_pending", "intent"}
    assert fake.count(POST) == sent
    fake.script("cancel", {"client_order_id": entry})
    (working,) = advance(made)
    assert (working.purpose, working.status, working.attempt) == ("exit", "accepted", 1)
    assert [order.reason for order in exits(made)] == ["STOP_LOSS"]
    assert made.reconcile(NOW) == []


def test_it_is_sent_at_once_where_a_second_look_shows_the_cancel(made, fake, entry, waits):
    fake.script("faults", STUCK)
    waits.append(lambda: fake.script("cancel", {"client_order_id": entry}))
    assert close(made).status == "accepted"


def test_an_exit_refused_for_an_order_by_hand_is_sent_again_once_that_has_left(made, fake):
    """It is no refusal of the session, and nothing is sent meanwhile."""
    fake.fills = "rest"
    bought = made.ledger.positions()[0].legs[0].symbol("SPY")
    by_hand = {"symbol": bought, "side": "buy", "qty": 1, "limit_price": "0.01", "type": "limit"}
    with fake.lock:
        fake.book.submit({**by_hand, "client_order_id": "mine"})
    waiting = close(made)
    refused = exits(made)[0]
    assert was_opposed(refused)
    sent = fake.count(POST)
    for _ in range(2):
        assert [(o.status, o.attempt, o.reason) for o in advance(made)] == [
            ("intent", 2, "STOP_LOSS")
        ]
    assert fake.count(POST) == sent
    assert OrderWorker(made).refused(NOW) == []
    fake.script("cancel", {"client_order_id": "mine"})
    (working,) = advance(made)
    # What was kept out is what is closed: not single legs in its place.
    assert (working.status, working.legs) == ("accepted", refused.legs)
    assert working.client_order_id == waiting.client_order_id


def test_an_entry_that_came_between_two_attempts_of_an_exit_makes_room(made, fake):
    fake.fills = "rest"
    first = close(made)
    fake.script("cancel", {"client_order_id": first.client_order_id})
    made.reconcile(NOW)
    open_beside(made, made.ledger.orders()[0], made.ledger.positions()[0].legs)
    (working,) = advance(made)
    assert (working.purpose, working.status, working.attempt) == ("exit", "accepted", 2)
    assert made.ledger.order("beside").status == "canceled"


def test_a_flatten_names_the_exit_that_waits_and_a_step_of_work_sends_it(made, fake, entry):
    fake.script("faults", STUCK)
    problems = Flattening(made, HIGH).run(NOW)
    assert f"{entry} is cancel_pending: not canceled yet" in problems
    (waiting,) = exits(made)
    said = f"{waiting.client_order_id} is not sent yet; send it: options-platform work"
    assert said in problems
    fake.script("cancel", {"client_order_id": entry})
    (working,) = advance(made)
    assert (working.client_order_id, working.status) == (waiting.client_order_id, "accepted")
