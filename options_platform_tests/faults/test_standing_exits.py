"""What stays to be closed whatever it is worth: a naked contract, and what was flattened."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from options_platform.adapters import closing
from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.closing import Closing
from options_platform.adapters.flattening import Flattening
from options_platform.adapters.intraday import IntradayCheck
from options_platform_tests.faults.world import (
    CLOSES,
    NOW,
    SESSION,
    advance,
    contracts,
    daily,
    exits,
    lose_the_bought_leg,
    open_beside,
    quote,
    resting_on_its_floor,
    trade,
    trader,
)


@pytest.mark.parametrize("accepted", [False, True])
def test_a_sold_contract_that_lost_its_cover_is_bought_back_by_the_daily_run(
    tmp_path, fake, accepted
):
    """Accepting what the broker has makes no spread of it, and lets no entry through."""
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    if accepted:
        made.reconciler.accept(NOW, "liquidated")
    assert {d.code for d in made.ledger.differences()} <= {"LEGS", "CONTRACTS", "CASH"}
    trade(made, ("SPY", "QQQ"))
    assert made.ledger.orders()[0].ticker == "QQQ"
    assert [o.reason for o in made.ledger.orders() if o.ticker == "QQQ"] == ["DIFFERENCE"]
    daily(made, fake, NOW.date(), {"SPY": 252.0})
    (order,) = exits(made)
    assert ([leg.side for leg in order.legs], order.reason) == (["buy"], "LEGS_GONE")
    assert contracts(fake) == {}


@pytest.mark.parametrize("quoted", [True, False])
def test_a_sold_contract_alone_is_bought_back_at_its_own_quote_or_named(tmp_path, fake, quoted):
    """The lost contract has no quote any more; the mark of the spread prices no half of it."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    long, short = made.ledger.positions()[0].legs
    lose_the_bought_leg(fake)
    fake.chains.unquote(long.symbol("SPY"))
    if quoted:
        fake.script("quote", {"symbol": short.symbol("SPY"), "bid": 7.9, "ask": 8.1})
    else:
        fake.chains.unquote(short.symbol("SPY"))
    found = IntradayCheck(made).run(NOW)
    assert [o.limit_price for o in exits(made)] == ([8.1] if quoted else [])
    assert set(found.stopped.values()) == ({"LEGS_GONE"} if quoted else set())
    assert len(found.unpriced) == 1
    told = Flattening(made, {}).run(NOW)
    assert [o.limit_price for o in exits(made) if not o.is_final] == ([8.1] if quoted else [])
    assert len(told) == (0 if quoted else 1)


def test_a_bought_contract_whose_sold_one_was_assigned_is_kept_against_the_shares(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    short = next(symbol for symbol, quantity in contracts(fake).items() if quantity < 0)
    fake.script("clearing", {"kind": "OPASN", "symbol": short})
    daily(made, fake, NOW.date(), {"SPY": 252.0})
    assert exits(made) == []


@pytest.mark.parametrize("lost", [False, True])
def test_what_was_flattened_and_expired_is_closed_by_the_next_daily_run(tmp_path, fake, lost):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    if lost:
        lose_the_bought_leg(fake)
    assert Flattening(made, CLOSES).run(NOW) == []
    for day in (NOW.date(), date(2015, 1, 6)):
        fake.script("close", {})
        daily(made, fake, day, {"SPY": 252.0})
    told = sorted((o.session, o.status, o.reason) for o in exits(made))
    assert told == [
        (SESSION, "expired", "FLATTEN"),
        (NOW.date(), "expired", "FLATTEN"),
        (date(2015, 1, 6), "accepted", "FLATTEN"),
    ]
    for order in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": order.client_order_id})
    daily(made, fake, date(2015, 1, 7), {"SPY": 252.0})
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on


@pytest.mark.parametrize("path", ["/v2/clock", "/v2/account/activities"])
def test_a_naked_contract_is_bought_back_while_the_broker_answers_only_half(tmp_path, fake, path):
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    fake.script("faults", {"on": f"GET {path}", "do": "status", "status": 500, "times": 999})
    Flattening(made, CLOSES).run(NOW)
    assert contracts(fake) == {}


def test_one_list_without_a_bought_leg_closes_nothing(tmp_path, fake, monkeypatch):
    """A foreign contract is a difference already; the second look finds the leg again."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("move", {"symbol": "QQQ150220C00100000", "quantity": 1})
    bought = max(contracts(fake), key=contracts(fake).get)
    lagging = []
    holdings, look = AlpacaBroker.holdings, Closing._without_cover

    def without_the_leg(broker):
        return [one for one in holdings(broker) if not (lagging and one.symbol == bought)]

    def looking(self, now):
        lagging.append(True)
        return look(self, now)

    monkeypatch.setattr(AlpacaBroker, "holdings", without_the_leg)
    monkeypatch.setattr(Closing, "_without_cover", looking)
    monkeypatch.setattr(closing, "sleep", lambda _: lagging.clear())
    quote(fake, made.ledger.positions()[0].legs, (2.9, 1.0), 0.02)
    assert IntradayCheck(made).run(NOW).stopped == {}
    assert exits(made) == []


@pytest.mark.parametrize("spreads", [3, 8])
def test_a_fill_during_a_second_look_ends_no_check_half_done(tmp_path, fake, monkeypatch, spreads):
    """One position lost its cover while the exit of another, which a stop overtakes, fills."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    floor = resting_on_its_floor(made, fake, "TIME")
    low, high = first.legs
    fake.fills = "limit"
    apart = (replace(low, strike=low.strike - 20), replace(high, strike=high.strike - 20))
    fake.script("clock", {"offset_seconds": 0})
    open_beside(made, first, apart, "a-first")
    fake.script("clock", {"offset_seconds": 120})
    fake.fills = "rest"
    fake.script("move", {"symbol": apart[0].symbol("SPY"), "quantity": -8})
    for position in made.ledger.positions(only_open=True):
        quote(fake, position.legs, (1.4, 1.0), 0.02)

    def fills(_):
        fake.script("fill", {"client_order_id": floor.client_order_id, "spreads": spreads})

    monkeypatch.setattr(closing, "sleep", fills)
    found = IntradayCheck(made).run(NOW + timedelta(minutes=2))
    assert found.stopped["a-first"] == "LEGS_GONE"
    monkeypatch.setattr(closing, "sleep", lambda _: None)
    for _ in range(3):
        for order in made.ledger.working_orders():
            fake.script("fill", {"client_order_id": order.client_order_id})
        advance(made, NOW + timedelta(minutes=2), fake)
    assert contracts(fake) == {}
    assert all(position.closed_on for position in made.ledger.positions())


def test_a_flatten_that_was_refused_is_done_again_by_the_daily_run(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("faults", {"do": "status", "status": 403, "body": {"code": 1, "message": "no"}})
    assert len(Flattening(made, CLOSES).run(NOW)) == 1
    (refused,) = exits(made)
    assert refused.status == "rejected"
    assert refused.reason.startswith("FLATTEN: ")
    fake.script("close", {})
    fake.fills = "limit"
    daily(made, fake, NOW.date(), {"SPY": 250.0}, at_night=True)
    assert [o.reason for o in exits(made) if o.session == NOW.date()] == ["FLATTEN"]
