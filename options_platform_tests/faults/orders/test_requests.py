"""How often the broker is asked: no more than what is held, and what has changed, needs."""

from dataclasses import replace
from datetime import timedelta

from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, TICKERS, trader
from options_platform_tests.faults.world import DATED, POST, advance, at_clock, exits, trade


def asked(fake, what, since=0):
    return sum(what in request for request in fake.requests[since:])


def test_a_step_asks_once_for_the_market_of_all_exits(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=dict.fromkeys(TICKERS, DATED["SPY"]))
    trade(made, TICKERS)
    fake.fills = "rest"
    closes = dict.fromkeys(TICKERS, DATED["SPY"].close)
    Flattening(made, closes, pause=lambda seconds: None).run(NOW)
    assert [order.status for order in exits(made)] == ["accepted"] * 3
    since = len(fake.requests)
    advance(made, NOW + timedelta(seconds=70), fake)
    assert asked(fake, "quotes/latest", since) == 1
    assert asked(fake, "trades/latest", since) == 1


def test_what_ended_and_is_listed_as_resting_is_not_canceled_again_at_each_look(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    with fake.lock:
        for order in fake.book.orders.values():
            for row in (order, *(order["legs"] or [])):
                row.update(status="new", filled_qty="0")
    refusal = {"code": 42210000, "message": "order is already filled"}
    fake.script(
        "faults",
        {"on": "DELETE /v2/orders", "do": "status", "status": 422, "body": refusal, "times": 99},
    )
    for seconds, times in ((0, 1), (30, 1), (60, 1), (150, 2)):
        at_clock(fake, NOW + timedelta(seconds=seconds))
        made.reconcile(NOW + timedelta(seconds=seconds))
        assert fake.count("DELETE /v2/orders") == times


def test_one_look_up_that_fails_holds_back_no_other_exit_while_the_lists_are_down(
    tmp_path, fake, monkeypatch
):
    made = replace(trader(tmp_path, fake.address), closes=dict.fromkeys(TICKERS, DATED["SPY"]))
    trade(made, ("SPY", "QQQ"))
    fake.fills = "rest"
    closes = dict.fromkeys(TICKERS, DATED["SPY"].close)
    Flattening(made, closes, pause=lambda seconds: None).run(NOW)
    first, second = exits(made)
    fake.script("cancel", {"client_order_id": second.client_order_id})
    made.reconcile(NOW)
    sent = fake.count(POST)
    fake.script("faults", {"on": "GET /v2/orders:by", "do": "status", "status": 502, "times": 3})

    def away(*_):
        raise BrokerDoubtError("the orders: HTTP 502")

    monkeypatch.setattr(AlpacaBroker, "_listed", away)
    waiting = advance(made, NOW + timedelta(seconds=10), fake)
    assert first.client_order_id in {order.client_order_id for order in waiting}
    assert fake.count(POST) == sent + 1
