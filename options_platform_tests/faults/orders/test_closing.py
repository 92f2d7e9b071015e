"""Closing at Alpaca: every position, whatever the broker reports."""

import shutil
from datetime import timedelta

import pytest

from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.errors import LedgerError
from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    POST,
    advance,
    assert_sound,
    contracts,
    exits,
    quote,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


def test_within_the_session_everything_is_closed_at_current_quotes(tmp_path, fake):
    """Bought at 1.80 and quoted at 0.40: an exit at yesterday's price would never fill."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    legs = made.ledger.positions()[0].legs
    quote(fake, legs, (1.40, 1.00))
    closes = {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}
    assert Flattening(made, closes).run(NOW) == []
    (order,) = exits(made)
    # The bought leg at its bid of 1.35, the sold one at its ask of 1.05.
    assert order.limit_price == pytest.approx(-0.30)
    # The market goes on falling: flattening again, and working, go after it.
    quote(fake, legs, (1.20, 1.00))
    assert Flattening(made, closes).run(NOW) == []
    assert exits(made)[-1].limit_price == pytest.approx(-0.10)
    for minute in range(1, 7):
        advance(made, NOW + timedelta(minutes=minute), fake)
    prices = [order.limit_price for order in exits(made)]
    assert prices == sorted(prices)
    # It ends at the worst price of the ladder from there.
    assert prices[1:] == made.settings.ladder.prices("SPY", "exit", -0.10, order.legs)
    assert_sound(made, fake)


def test_flattening_uses_the_close_if_quotes_are_impossible(tmp_path, fake):
    """5 wide and quoted at -10: the exit uses not 25 but the worst price from the close."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    for leg, ask in zip(made.ledger.positions()[0].legs, (5.0, 25.0), strict=True):
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": 0.0, "ask": ask})
    close = MarketClose(250.0, 0.18, ticker="SPY")
    assert Flattening(made, {"SPY": close}).run(NOW) == []
    (order,) = exits(made)
    fair = made.closing.at_close(SESSION, close)(order.legs)
    assert fair < 0
    assert order.limit_price == made.settings.ladder.prices("SPY", "exit", fair, order.legs)[-1]


def test_no_closing_order_pays_to_sell_a_debit_spread_or_gives_it_away(tmp_path, fake):
    """Worth a cent: at the far quotes it would cost 0.09 to sell, and 0.00 gives it away."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    quote(fake, made.ledger.positions()[0].legs, (0.06, 0.05))
    assert Flattening(made, {}).run(NOW) == []
    for minute in range(1, 4):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert [order.limit_price for order in exits(made)] == [-0.01]
    assert_sound(made, fake)


def test_flattening_again_closes_a_position_whose_exit_never_arrived(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("faults", {"do": "drop"})
    assert len(Flattening(made, {}).run(NOW)) == 1
    assert exits(made)[0].status == "unknown"
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_positions_that_cannot_be_listed_for_a_while_are_closed_completely(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made, ("SPY", "QQQ"))
    away = {"on": "GET /v2/positions", "do": "status", "status": 502, "times": 99}
    fake.script("faults", away)
    Flattening(made, {}).run(NOW)
    assert fake.count(POST) == 4
    fake.faults.clear()
    assert Flattening(made, {}).run(NOW) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize(
    ("fields", "after"),
    [({"filled_qty": "1"}, "partially_filled"), ({"status": "rejected"}, "rejected")],
    ids=["fewer fills than before", "rejected after a fill"],
)
def test_an_impossible_answer_does_not_prevent_other_closings(tmp_path, resting, fields, after):
    made = trader(tmp_path, resting.address)
    one, other = trade(made, ("SPY", "QQQ"))
    resting.script("fill", {"client_order_id": one.client_order_id, "spreads": 2})
    resting.script("fill", {"client_order_id": other.client_order_id})
    assert made.reconcile(NOW) == []
    resting.fills = "limit"
    resting.book.by_client_id(one.client_order_id).update(fields)
    trade(made, ("SPY", "QQQ"))
    advance(made, NOW, resting)
    Flattening(made, {}).run(NOW)
    assert contracts(resting) == {}
    assert made.ledger.order(one.client_order_id).status == after
    odd = [d.subject for d in made.ledger.differences() if d.code == "ORDER_STATE"]
    assert odd == ([one.client_order_id] if after == "partially_filled" else [])


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_wrong_clock_does_not_prevent_closing(tmp_path, fake, hours):
    """The session to close in is the broker's, not this machine's."""
    made = trader(tmp_path, fake.address)
    trade(made)
    assert Flattening(made, {}).run(NOW + timedelta(hours=hours)) == []
    assert contracts(fake) == {}
    assert exits(made)[0].session == SESSION
    assert "CLOCK" in {difference.code for difference in made.ledger.differences()}


@pytest.mark.parametrize("status", [403, 408])
@pytest.mark.parametrize("path", ["/v2/positions", "/v2/orders", "/v2/clock", "/v2/account"])
def test_a_read_that_is_refused_once_does_not_prevent_closing(tmp_path, fake, path, status):
    made = trader(tmp_path, fake.address)
    trade(made)
    made.broker.account()
    fake.script("faults", {"on": f"GET {path}", "do": "status", "status": status, "times": 1})
    Flattening(made, {}).run(NOW)
    Flattening(made, {}).run(NOW)
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize("away", ["/v2/orders", "/v2/orders:by"])
@pytest.mark.parametrize("spreads", [3, 8])
@pytest.mark.parametrize("again", ["flatten", "work", "daily"])
def test_an_exit_whose_answer_was_lost_is_not_sent_twice(tmp_path, fake, away, spreads, again):
    """It fills further at the broker, whose positions can be read but whose orders cannot."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    lost = {"on": "GET /v2/orders:by", "do": "status", "status": 502, "times": 3}
    fake.script("faults", {"on": POST, "do": "drop_after"})
    fake.script("faults", lost | {"after": POST})
    position = made.ledger.positions()[0]
    with made.ledger.trading():
        made.closing.close_position(position, SESSION, "STOP_LOSS", None, NOW)
    (order,) = exits(made)
    assert order.status == "unknown"
    fake.script("fill", {"client_order_id": order.client_order_id, "spreads": spreads})
    later = NOW + timedelta(minutes=3)
    fake.script("clock", {"offset_seconds": 180})
    times = 3 if away.endswith("by") else 999
    fake.script("faults", {"on": f"GET {away}", "do": "status", "status": 502, "times": times})
    if again == "flatten":
        Flattening(made, {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}).run(later)
    elif again == "work":
        advance(made, later, fake)
    else:
        trade(made, now=later)
    fake.faults.clear()
    advance(made, later, fake)
    for sent in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": sent.client_order_id})
    advance(made, later, fake)
    made.reconcile(later)
    assert contracts(fake) == {}
    assert_sound(made, fake)
    assert made.ledger.positions()[0].closed_on


def test_flattening_halts_a_run_that_trades_before_it_waits_for_it(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    other = trader(tmp_path, fake.address, wait=0.1)
    with made.ledger.trading():
        with pytest.raises(LedgerError, match="another process trades"):
            Flattening(other, {}).run(NOW)
        assert made.ledger.halted() == "FLATTEN"
    assert Flattening(other, {}).run(NOW) == []
    assert contracts(fake) == {}


def test_an_exit_missing_in_a_restored_ledger_is_adopted_and_not_doubled(tmp_path, fake, kept_open):
    kept_open.close()
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    shutil.copy(made.ledger.path, tmp_path / "backup")
    (position,) = made.ledger.positions()
    with made.ledger.trading():
        made.closing.close_position(position, SESSION, "TIME", None, NOW)
    (exit_,) = exits(made)
    fake.script("fill", {"client_order_id": exit_.client_order_id, "spreads": 3})
    shutil.copy(tmp_path / "backup", made.ledger.path)
    later = NOW + timedelta(minutes=1)
    fake.script("clock", {"offset_seconds": 60})
    made.reconcile(later)
    Flattening(made, {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}).run(later)
    for order in list(fake.book.orders.values()):
        fake.script("fill", {"client_order_id": order["client_order_id"]})
    advance(made, later, fake)
    assert made.reconcile(later) == []
    assert contracts(fake) == {}
    assert [(o.contracts, o.filled_qty) for o in exits(made)] in ([(8, 8)], [(8, 3), (5, 5)])
    assert_sound(made, fake)
