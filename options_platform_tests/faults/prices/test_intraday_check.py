"""The check of stops within a session: it closes stopped positions once, and opens nothing."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.errors import UsageError
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.session import TradingSession
from options_platform.settings import make_settings
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    POST,
    advance,
    assert_sound,
    contracts,
    ended,
    exits,
    kill_when,
    open_beside,
    resting_at_its_worst_price,
    seen_once,
    start,
    statuses,
    trade,
)

pytestmark = pytest.mark.long


@pytest.fixture
def made(tmp_path, fake):
    """An account with one long spread, bought at its limit."""
    found = trader(tmp_path, fake.address)
    trade(found)
    return found


def quoted(made, fake, share, *, width=0.02):
    """Quote the open spread at `share` of its entry price."""
    position = made.ledger.positions()[0]
    assert position.entry_price > 0
    prices = {"sell": 1.0, "buy": 1.0 + share * position.entry_price}
    for leg in position.legs:
        mid = prices[leg.side]
        body = {"symbol": leg.symbol("SPY"), "bid": mid - width / 2, "ask": mid + width / 2}
        fake.script("quote", body)
    return position


def test_a_position_above_its_stop_is_left_alone(made, fake):
    quoted(made, fake, 0.6)
    found = IntradayCheck(made).run(NOW)
    assert (found.checked, found.unpriced, found.stopped, found.halted) == (1, (), {}, None)
    assert fake.count(POST) == 1


def test_profit_targets_wait_for_the_close_as_in_the_backtest(made, fake):
    quoted(made, fake, 5.0)
    assert IntradayCheck(made).run(NOW).stopped == {}
    assert fake.count(POST) == 1


def test_a_stop_sends_one_exit_from_the_mid_on_however_often_it_is_checked(made, fake):
    position = quoted(made, fake, 0.4)
    fake.fills = "rest"
    assert seen_once(made, fake).stopped == {}
    found = IntradayCheck(made).run(NOW)
    assert found.stopped == {position.position_id: "STOP_LOSS"}
    assert IntradayCheck(made).run(NOW).stopped == {}
    (order,) = exits(made)
    assert (order.session, order.reason, order.status) == (SESSION, "STOP_LOSS", "accepted")
    # Rounded to the tick in the order's favour.
    assert order.limit_price == pytest.approx(-0.4 * position.entry_price, abs=0.011)
    assert fake.count(POST) == 2
    # The ladder goes on from one check to the next, to its worst price.
    for minute in range(1, 6):
        fake.script("clock", {"offset_seconds": 60 * minute})
        IntradayCheck(made).run(NOW + timedelta(minutes=minute))
    prices = [o.limit_price for o in sorted(exits(made), key=lambda o: o.attempt)]
    assert len(prices) == made.settings.ladder.rungs
    assert prices == sorted(prices)
    assert statuses(fake) == ["canceled", "canceled", "filled", "new"]
    last = max(exits(made), key=lambda o: o.attempt)
    fake.script("fill", {"client_order_id": last.client_order_id})
    IntradayCheck(made).run(NOW + timedelta(minutes=6))
    closed = made.ledger.positions()[0]
    assert (closed.closed_on, closed.exit_reason) == (NOW.date(), "STOP_LOSS")
    assert_sound(made, fake)


@pytest.mark.parametrize("fault", ["absent", "crossed", "old", "empty"])
def test_an_unusable_quote_stops_nothing_and_is_reported(made, fake, fault):
    position = quoted(made, fake, 0.0)
    symbol = position.legs[0].symbol("SPY")
    known = fake.chains.latest({"symbols": symbol})["quotes"][symbol]
    known |= {
        "absent": {},
        "crossed": {"bp": 3.0, "ap": 2.0},
        "old": {"t": (NOW - timedelta(hours=1)).isoformat()},
        "empty": {"bp": None, "ap": None},
    }[fault]
    if fault == "absent":
        fake.chains.unquote(symbol)
    found = IntradayCheck(made).run(NOW)
    assert (found.checked, found.unpriced, found.stopped) == (0, (position.position_id,), {})
    assert exits(made) == []


@pytest.mark.parametrize("sold", [6.0, 25.0])
def test_impossible_quotes_stop_nothing_and_halt_nothing(made, fake, sold):
    """A long spread is worth at least nothing, but a stub quote implies -9.50."""
    position = made.ledger.positions()[0]
    for leg, ask in zip(position.legs, (0.5, sold), strict=True):
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": 0.0, "ask": ask})
    found = IntradayCheck(made).run(NOW)
    assert (found.checked, found.unpriced, found.stopped) == (0, (position.position_id,), {})
    assert (found.halted, exits(made)) == (None, [])


def test_wide_quotes_of_a_spread_at_its_maximum_loss_stop_it(made, fake):
    """Its mid is just outside its possible values, by less than the width of its quotes."""
    position = made.ledger.positions()[0]
    for leg, (bid, ask) in zip(position.legs, ((0.05, 0.10), (0.0, 0.30)), strict=True):
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": bid, "ask": ask})
    assert seen_once(made, fake).stopped == {}
    found = IntradayCheck(made).run(NOW)
    assert found.stopped == {position.position_id: "STOP_LOSS"}
    assert found.equity_usd < 98_600


def test_a_stop_cancels_the_remainder_of_a_partially_filled_entry(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    (entry,) = trade(made)
    resting.script("fill", {"client_order_id": entry.client_order_id, "spreads": 3})
    made.reconcile(NOW)
    quoted(made, resting, 0.1)
    seen_once(made, resting)
    (reason,) = IntradayCheck(made).run(NOW).stopped.values()
    assert (reason, made.ledger.order(entry.client_order_id).status) == ("STOP_LOSS", "canceled")
    (stop,) = exits(made)
    assert stop.contracts == 3
    resting.script("fill", {"client_order_id": stop.client_order_id})
    assert made.reconcile(NOW) == []
    assert resting.book.positions == {}
    assert_sound(made, resting)


def test_fills_during_the_cancel_of_an_entry_are_closed_too(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    (entry,) = trade(made)
    resting.script("fill", {"client_order_id": entry.client_order_id, "spreads": 3})
    made.reconcile(NOW)
    quoted(made, resting, 0.1)
    seen_once(made, resting)
    resting.script("faults", {"on": "DELETE /v2/orders", "do": "pending_cancel"})
    IntradayCheck(made).run(NOW)
    assert made.ledger.order(entry.client_order_id).status == "cancel_pending"
    # A broker refuses an exit while the entry is still at work.
    assert [order.status for order in exits(made)] == ["intent"]
    resting.script("fill", {"client_order_id": entry.client_order_id, "spreads": 1})
    resting.script("cancel", {"client_order_id": entry.client_order_id})
    made.reconcile(NOW)
    advance(made, NOW, resting)
    waited, sent = sorted(exits(made), key=lambda order: order.attempt)
    assert (waited.status, sent.attempt, sent.contracts) == ("not_sent", 2, 4)
    resting.script("fill", {"client_order_id": sent.client_order_id})
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert (position.contracts, position.closed_contracts) == (4, 4)
    assert resting.book.positions == {}
    assert_sound(made, resting)


def test_the_check_never_sends_an_entry_in_doubt_or_waiting(tmp_path, fake):
    fake.script("faults", {"do": "drop"})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    waiting = replace(made.ledger.orders()[0], client_order_id="waits", status="intent")
    made.ledger.record_intent(replace(waiting, position_id="waits", placed_at=None), NOW)
    IntradayCheck(made).run(NOW)
    assert fake.count(POST) == 1
    assert {o.status for o in made.ledger.orders()} == {"unknown", "intent"}


@pytest.mark.parametrize("hours", [-1, 7, 24 * 5])
def test_the_check_refuses_while_the_brokers_clock_shows_a_closed_market(made, fake, hours):
    quoted(made, fake, 0.0)
    fake.script("clock", {"offset_seconds": 3600 * hours})
    with pytest.raises(UsageError, match=r"market of alpaca is closed.*next from 2015-01-"):
        IntradayCheck(made).run(NOW)
    assert exits(made) == []


def test_the_check_refuses_a_broker_without_quotes(tmp_path):
    settings = make_settings({"home": tmp_path, "source": "simulated"})
    service = TradingSession(open_ledger(settings), open_broker(settings), settings)
    with pytest.raises(UsageError, match="simulated fills at the close"):
        IntradayCheck(service).run(NOW)


def test_a_server_without_quotes_is_a_doubt_and_closes_nothing(made, fake):
    position = quoted(made, fake, 0.0)
    fault = {"on": "GET /v1beta1/options/quotes", "do": "status", "status": 502, "times": 9}
    fake.script("faults", fault)
    found = IntradayCheck(made).run(NOW)
    assert (found.unpriced, found.stopped) == ((position.position_id,), {})
    assert list(found.doubts) == [position.position_id]
    assert exits(made) == []


@pytest.mark.parametrize("step", ["intent recorded", "sending", "submitted", "recorded"])
def test_a_check_killed_at_any_step_and_repeated_closes_once(tmp_path, made, fake, step):
    quoted(made, fake, 0.3)
    seen_once(made, fake)
    assert ended(start(tmp_path, fake.address, step, action="check"))[0] == -9
    for _ in range(2):
        IntradayCheck(made).run(NOW)
    assert len(exits(made)) == 1
    assert fake.count(POST) == 2
    assert statuses(fake) == ["filled", "filled"]
    assert fake.book.positions == {}
    assert_sound(made, fake)


def test_a_check_killed_during_its_request_closes_once(tmp_path, made, fake):
    quoted(made, fake, 0.3)
    seen_once(made, fake)
    fake.script("faults", {"do": "hang_after", "seconds": 30})
    child = start(tmp_path, fake.address, action="check")
    kill_when(child, lambda: fake.count(POST) == 2)
    IntradayCheck(made).run(NOW)
    assert fake.count(POST) == 2
    assert statuses(fake) == ["filled", "filled"]
    assert fake.book.positions == {}
    assert_sound(made, fake)


def test_two_checks_at_once_send_one_closing_order(tmp_path, made, fake):
    quoted(made, fake, 0.3)
    seen_once(made, fake)
    fake.fills = "rest"
    children = [start(tmp_path, fake.address, action="check") for _ in range(2)]
    assert [ended(child) for child in children] == [(0, "")] * 2
    assert len(exits(made)) == 1
    assert fake.count(POST) == 2
    assert_sound(made, fake)


@pytest.mark.parametrize("reason", ["TIME", "TAKE_PROFIT", "FLATTEN", "STOP_LOSS"])
def test_a_stop_replaces_an_exit_whose_worst_price_the_market_has_left(made, fake, reason):
    worst = resting_at_its_worst_price(made, fake, reason)
    assert worst.limit_price == pytest.approx(-1.08)
    position = quoted(made, fake, 0.4 / 1.80)
    seen_once(made, fake, NOW + timedelta(minutes=2))
    found = IntradayCheck(made).run(NOW + timedelta(minutes=2))
    assert found.stopped == {position.position_id: "STOP_LOSS"}
    *_, old, new = exits(made)
    assert (old.attempt, old.status) == (worst.attempt, "canceled")
    assert (new.attempt, new.status, new.reason) == (old.attempt + 1, "accepted", "STOP_LOSS")
    assert new.limit_price == pytest.approx(-0.4)
    assert statuses(fake).count("new") == 1
    # Done again there is nothing to overtake; it climbs the whole ladder from there.
    assert IntradayCheck(made).run(NOW + timedelta(minutes=2)).stopped == {}
    for minute in (3, 4, 5):
        advance(made, NOW + timedelta(minutes=minute), fake)
    prices = [order.limit_price for order in exits(made)[new.attempt - 1 :]]
    assert prices == made.settings.ladder.prices("SPY", "exit", -0.4, new.legs)
    assert_sound(made, fake)


def test_an_exit_that_is_repriced_or_may_still_fill_is_not_replaced(made, fake):
    first = resting_at_its_worst_price(made, fake, "TIME", climb=False)
    quoted(made, fake, 0.4 / 1.80)
    assert IntradayCheck(made).run(NOW).stopped == {}
    assert exits(made) == [first]
    for minute in (1, 2):
        advance(made, NOW + timedelta(minutes=minute), fake)
    worst = exits(made)[-1]
    quoted(made, fake, 1.2 / 1.80)
    assert IntradayCheck(made).run(NOW + timedelta(minutes=2)).stopped == {}
    assert exits(made)[-1] == worst


def test_the_exit_before_expiry_replaces_a_resting_exit_too(tmp_path, fake):
    """Decided on the session two before the expiry: the last in which it can be closed."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    near = tuple(replace(leg, expiry=date(2015, 1, 6)) for leg in first.legs)
    open_beside(made, first, near, "0near")
    position = made.ledger.positions()[0]
    resting_at_its_worst_price(made, fake, "TIME")
    quoted(made, fake, 0.55)
    found = IntradayCheck(made).run(NOW + timedelta(minutes=2))
    assert found.stopped == {position.position_id: "EXPIRY_NEAR"}
    assert exits(made)[-1].limit_price == pytest.approx(-0.55 * 1.80, abs=0.011)
    assert exits(made)[-1].reason == "EXPIRY_NEAR"


def test_a_stop_waits_for_a_pending_cancel_and_does_not_sell_its_fills_twice(made, fake):
    worst = resting_at_its_worst_price(made, fake, "TIME")
    quoted(made, fake, 0.4 / 1.80)
    seen_once(made, fake, NOW + timedelta(minutes=2))
    fake.script("faults", {"on": "DELETE /v2/orders", "do": "pending_cancel"})
    later = NOW + timedelta(minutes=2)
    for _ in range(2):
        IntradayCheck(made).run(later)
    assert [o.status for o in exits(made)] == ["canceled"] * 2 + ["cancel_pending"]
    fake.script("fill", {"client_order_id": worst.client_order_id, "spreads": 3})
    fake.script("cancel", {"client_order_id": worst.client_order_id})
    IntradayCheck(made).run(later)
    new = exits(made)[-1]
    assert (new.attempt, new.contracts, new.limit_price) == (worst.attempt + 1, 5, -0.4)
    fake.script("fill", {"client_order_id": new.client_order_id})
    assert made.reconcile(later) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize(
    "step", ["to be canceled", "canceled", "intent recorded", "sending", "submitted", "recorded"]
)
def test_a_check_killed_while_it_replaces_an_exit_leaves_one_working_order(
    tmp_path, made, fake, step
):
    worst = resting_at_its_worst_price(made, fake, "TIME")
    quoted(made, fake, 0.4 / 1.80)
    seen_once(made, fake, NOW + timedelta(minutes=2))
    assert ended(start(tmp_path, fake.address, step, action="check"))[0] == -9
    for _ in range(2):
        IntradayCheck(made).run(NOW)
    new = exits(made)[-1]
    assert (new.attempt, new.reason, new.limit_price) == (worst.attempt + 1, "STOP_LOSS", -0.4)
    assert statuses(fake) == ["canceled"] * 3 + ["filled", "new"]
    assert_sound(made, fake)
