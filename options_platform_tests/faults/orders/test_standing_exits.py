"""Positions that must be closed at any price: naked contracts, and flattened positions."""

from datetime import date, timedelta

import pytest

from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    accept,
    at_clock,
    contracts,
    daily,
    exits,
    lose_the_bought_leg,
    quote,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


@pytest.mark.parametrize("accepted", [False, True])
def test_a_sold_contract_that_lost_its_cover_is_bought_back_by_the_daily_run(
    tmp_path, fake, accepted
):
    """Accepting the broker's contracts makes no spread of them, and allows no entry."""
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    if accepted:
        accept(made, NOW, "liquidated")
    else:
        made.reconcile(NOW)
    assert {d.code for d in made.ledger.differences()} <= {"LEGS", "CONTRACTS", "CASH"}
    trade(made, ("SPY", "QQQ"))
    assert [o.reason for o in made.ledger.orders() if o.ticker == "QQQ"] == ["DIFFERENCE"]
    daily(made, fake, NOW.date(), {"SPY": 252.0})
    order = exits(made)[-1]
    reason = "LEGS_GONE" if accepted else "LEG_MISSING"
    assert ([leg.side for leg in order.legs], order.reason) == (["buy"], reason)
    assert contracts(fake) == {}


@pytest.mark.parametrize("quoted", [True, False])
def test_a_single_short_contract_is_bought_back_at_its_quote_or_reported(tmp_path, fake, quoted):
    """The lost contract has no quote; the mark of the spread cannot price half of it."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    long, short = made.ledger.positions()[0].legs
    lose_the_bought_leg(fake)
    accept(made, NOW, "liquidated")
    fake.chains.unquote(long.symbol("SPY"))
    if quoted:
        fake.script("quote", {"symbol": short.symbol("SPY"), "bid": 7.9, "ask": 8.1})
    else:
        fake.chains.unquote(short.symbol("SPY"))
    outcome = IntradayCheck(made).run(NOW)
    assert [o.limit_price for o in exits(made)] == ([8.1] if quoted else [])
    assert set(outcome.stopped.values()) == ({"LEGS_GONE"} if quoted else set())
    problems = Flattening(made, {}).run(NOW)
    assert [o.limit_price for o in exits(made) if not o.is_final] == ([8.1] if quoted else [])
    assert any("nothing closes" in problem for problem in problems) is not quoted


def test_a_long_contract_is_kept_against_the_shares_of_its_assigned_short(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    short = next(symbol for symbol, quantity in contracts(fake).items() if quantity < 0)
    fake.script("assign", {"symbol": short})
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 252.0})
    (order,) = exits(made)
    assert order.legs[0].is_shares


def test_a_position_whose_flattening_order_expired_is_closed_by_the_next_daily_run(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
    for day in (NOW.date(), date(2015, 1, 6)):
        fake.script("close", {})
        daily(made, fake, day, {"SPY": 252.0})
    sent = sorted((o.session, o.status, o.reason) for o in exits(made))
    assert sent == [
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
def test_a_naked_contract_is_bought_back_though_the_broker_answers_only_some_requests(
    tmp_path, fake, path
):
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    fake.script("faults", {"on": f"GET {path}", "do": "status", "status": 500, "times": 999})
    Flattening(made, CLOSES).run(NOW)
    assert contracts(fake) == {}


def test_a_single_list_without_a_long_leg_closes_nothing(tmp_path, fake):
    """A temporary doubt ends with the next check that finds the leg again."""
    made = trader(tmp_path, fake.address, doubt=60)
    trade(made)
    quote(fake, made.ledger.positions()[0].legs, (2.9, 1.0), 0.02)
    fake.script("hide", {"symbols": [max(contracts(fake), key=contracts(fake).get)]})
    assert IntradayCheck(made).run(NOW).stopped == {}
    fake.script("honest", {})
    for minute in (2, 4):
        at_clock(fake, NOW + timedelta(minutes=minute))
        assert IntradayCheck(made).run(NOW + timedelta(minutes=minute)).stopped == {}
    assert exits(made) == []


def test_a_refused_flatten_is_repeated_by_the_daily_run(tmp_path, fake):
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
