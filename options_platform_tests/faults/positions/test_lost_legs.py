"""Positions that lost legs: activities close them, lists do not, and no exit uncovers a short."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    POST,
    accept,
    advance,
    assert_sound,
    at_clock,
    contracts,
    daily,
    exits,
    lose_the_bought_leg,
    open_beside,
    quote,
    seen_once,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open", "near")]


def bought(fake):
    return max(contracts(fake), key=contracts(fake).get)


def sold(fake):
    return min(contracts(fake), key=contracts(fake).get)


def assert_nothing_is_uncovered(fake):
    """Each right and expiry has as many long as short contracts, or shares that cover them."""
    options = {s: q for s, q in contracts(fake).items() if len(s) > 6}
    assert sum(options.values()) >= 0, contracts(fake)


@pytest.mark.parametrize("hidden", ["sold", "bought", "both"])
@pytest.mark.parametrize("by", ["flatten", "stop"])
def test_a_list_without_some_legs_sells_no_half_of_a_spread(tmp_path, fake, hidden, by):
    """The whole spread is sent as one order whose legs are marked as closing."""
    made = trader(tmp_path, fake.address)
    trade(made)
    names = {"sold": [sold(fake)], "bought": [bought(fake)]}.get(hidden, list(contracts(fake)))
    fake.script("hide", {"symbols": names})
    if by == "flatten":
        Flattening(made, CLOSES).run(NOW)
    else:
        with made.ledger.trading():
            made.closing.close_position(made.ledger.positions()[0], SESSION, "STOP_LOSS", None, NOW)
    (order,) = exits(made)
    assert (len(order.legs), order.contracts) == (2, 8)
    sent = list(fake.book.orders.values())[-1]
    assert {leg["position_intent"] for leg in sent["legs"]} == {"sell_to_close", "buy_to_close"}
    assert contracts(fake) == {}
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert made.ledger.positions()[0].closed_on
    assert_sound(made, fake)


@pytest.mark.parametrize("late", ["positions", "all"])
def test_an_empty_list_of_positions_closes_nothing(tmp_path, fake, late):
    """It lags behind the entry's fill: the position stays open, with its stops."""
    made = trader(tmp_path, fake.address)
    if late == "positions":
        fake.script("lag", {"of": ["positions"], "requests": 999})
        trade(made)
    else:
        trade(made)
        fake.script("hide", {"symbols": None})
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 250.0})
    daily(made, fake, NOW.date(), {"SPY": 250.0})
    (position,) = made.ledger.positions()
    assert (position.closed_on, position.open_contracts) == (None, 8)
    assert {d.code for d in made.ledger.differences()} == {"CONTRACTS"}
    fake.script("honest", {})
    at_clock(fake, NOW)
    Flattening(made, CLOSES).run(NOW)
    for order in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": order.client_order_id})
    assert made.reconcile(NOW) == []
    assert contracts(fake) == {}


def test_a_leg_missing_at_the_broker_stops_entries_and_is_reported(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("hide", {"symbols": [sold(fake)]})
    differing = made.reconcile(NOW)
    assert len(differing) == 1
    assert sold(fake) in differing[0]
    trade(made, ("SPY", "QQQ"))
    refused = next(o for o in made.ledger.orders() if o.ticker == "QQQ")
    assert (refused.status, refused.reason) == ("not_sent", "DIFFERENCE")
    assert fake.count(POST) == 1
    fake.script("honest", {})
    assert made.reconcile(NOW) == []


def test_a_position_closed_elsewhere_stays_open_until_a_person_accepts_it(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    for symbol, quantity in contracts(fake).items():
        fake.script("move", {"symbol": symbol, "quantity": -quantity})
    held = made.ledger.positions()[0]
    problems = Flattening(made, CLOSES).run(NOW)
    assert len(problems) == 1
    assert "rejected" in problems[0]
    assert made.ledger.positions()[0].closed_on is None
    assert accept(made, NOW, "sold by hand") == []
    (position,) = made.ledger.positions()
    assert (position.open_contracts, position.exit_reason) == (0, "ACCEPTED")
    assert position.exit_price == held.mark_price > 0
    assert position.closed_on >= position.opened_on


def test_spreads_that_share_a_contract_are_netted_by_the_broker_and_all_closed(tmp_path, fake):
    """A bull spread sells the contract that another buys: the broker shows none of it."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    _, high = first.legs
    legs = (replace(high, side="buy"), replace(high, strike=high.strike + 5))
    open_beside(made, first, legs)
    assert len(fake.book.positions) == 2
    assert Flattening(made, CLOSES).run(NOW) == []
    assert fake.book.positions == {}
    assert {p.exit_reason for p in made.ledger.positions()} == {"FLATTEN"}
    assert_sound(made, fake)


@pytest.mark.parametrize("fills", ["limit", "rest"])
@pytest.mark.parametrize("assigned", [1, 3, 8])
def test_an_assignment_leaves_shares_that_are_closed_with_their_cover(
    tmp_path, fake, fills, assigned
):
    """Short shares of sold calls: bought back first, and then the bought calls are sold."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("assign", {"symbol": sold(fake), "contracts": assigned})
    fake.script("trade", {"ticker": "SPY", "price": 262.0})
    fake.script("quote", {"symbol": bought(fake), "bid": 9.1, "ask": 9.2})
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert (position.open_contracts, position.broken_contracts) == (8 - assigned, assigned)
    assert {(leg.right, leg.side, leg.ratio) for leg in position.loose} == {
        ("call", "buy", assigned),
        ("shares", "sell", 100 * assigned),
    }
    fake.fills = fills
    made = replace(made, closes=DATED)
    Flattening(made, {"SPY": MarketClose(262.0, 0.18, ticker="SPY")}).run(NOW)
    for _ in range(4):
        for order in made.ledger.working_orders():
            fake.script("fill", {"client_order_id": order.client_order_id})
        advance(made, NOW, fake)
        held = contracts(fake)
        assert held.get("SPY", 0) >= 0 or any(q > 0 for q in held.values()), held
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert position.closed_on
    assert position.exit_reason == "FLATTEN"
    assert_sound(made, fake)
    flow = made.ledger.statement().cash_flow_usd
    assert position.cash_usd == pytest.approx(flow)
    assert position.profit_usd == pytest.approx(flow)


def test_a_fill_in_shares_moves_the_cash_that_the_broker_moved(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    before = fake.book.cash
    trade(made)
    fake.script("assign", {"symbol": sold(fake)})
    assert made.reconcile(NOW) == []
    assert made.ledger.statement().activities_usd == 8 * 100 * 258.0
    fees = sum(order.fees_usd for order in made.ledger.orders())
    assert fake.book.cash - before == pytest.approx(made.ledger.statement().cash_flow_usd + fees)


@pytest.mark.parametrize("market", ["thin", "fair"])
def test_the_cover_of_the_shares_is_exercised_if_that_pays_more(tmp_path, fake, market):
    """A bought call at 253, its stock at 262, bid below the nine dollars that exercising brings."""
    made = trader(tmp_path, fake.address)
    trade(made)
    long = bought(fake)
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("trade", {"ticker": "SPY", "price": 262.0})
    bid, ask = (8.0, 9.2) if market == "thin" else (9.3, 9.6)
    fake.script("quote", {"symbol": long, "bid": bid, "ask": ask})
    made.reconcile(NOW)
    if market == "thin":
        seen_once(made, fake)
    IntradayCheck(made).run(NOW)
    if market == "thin":
        assert fake.count(f"POST /v2/positions/{long}/exercise") == 1
        assert [o.purpose for o in made.ledger.orders()].count("exercise") == 1
        assert made.reconcile(NOW) == []
        assert made.ledger.positions()[0].exit_reason == "EXERCISED"
    else:
        assert fake.count("POST /v2/positions") == 0
        for _ in range(3):
            IntradayCheck(made).run(NOW)
        assert made.ledger.positions()[0].exit_reason == "ASSIGNED"
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_the_daily_run_closes_an_assignment_at_the_next_open(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("assign", {"symbol": sold(fake)})
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 262.0}, at_night=True)
    (alert,) = [a for a in alerts_of(made.settings, made.ledger, NOW) if "CRITICAL" in a.title]
    assert "-800 shares of SPY" in alert.text
    (order,) = exits(made)
    assert (order.reason, [(leg.right, leg.side) for leg in order.legs]) == (
        "ASSIGNED",
        [("shares", "buy")],
    )
    assert order.limit_price == pytest.approx(262.0 * 1.01)
    assert made.ledger.positions()[0].loose_value_usd != 0.0
    fake.script("fill", {"client_order_id": order.client_order_id})
    made = replace(made, closes=DATED)
    advance(made, NOW + timedelta(days=1), fake)
    (last,) = [o for o in exits(made) if o.status == "accepted"]
    assert [(leg.right, leg.side) for leg in last.legs] == [("call", "sell")]


def test_an_assignment_does_not_reduce_a_position_that_was_opened_later(tmp_path, fake):
    """Two positions share the sold contract: what was opened first is assigned first."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    low, high = first.legs
    open_beside(made, first, (replace(low, strike=low.strike - 1), high))
    fake.script("assign", {"symbol": high.symbol("SPY"), "contracts": 3})
    assert made.reconcile(NOW) == []
    broken = {p.position_id: p.broken_contracts for p in made.ledger.positions()}
    assert sorted(broken.values()) == [0, 3]


# Ids in either order of the working exits.
@pytest.mark.parametrize("number", ["beside", "beside2", "beside3"])
def test_a_fill_found_by_another_positions_lookup_is_counted_once(tmp_path, fake, number):
    """Both exit; the later one's fill is missing in the contract that the two share."""
    made = trader(tmp_path, fake.address)
    first = trade(made)[0]
    low, high = first.legs
    open_beside(made, first, (replace(low, strike=low.strike - 1), high), number)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
    order = next(o for o in exits(made) if o.position_id == number)
    fake.script("fill", {"client_order_id": order.client_order_id, "spreads": 2})
    advance(made, NOW + timedelta(seconds=30), fake)
    closed = {p.position_id: p.closed_contracts for p in made.ledger.positions()}
    assert closed == {first.position_id: 0, number: 2}
    for working in made.ledger.working_orders():
        fake.script("fill", {"client_order_id": working.client_order_id})
    assert made.reconcile(NOW + timedelta(seconds=30)) == []
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize("by", ["flatten", "daily"])
def test_a_long_contract_that_no_longer_exists_leaves_no_short_uncovered(tmp_path, fake, by):
    """The broker refuses to close the whole; the short is bought back, the rest is reported."""
    made = trader(tmp_path, fake.address)
    trade(made)
    lose_the_bought_leg(fake)
    if by == "flatten":
        assert Flattening(made, CLOSES).run(NOW) != []
    else:
        daily(made, fake, NOW.date(), {"SPY": 252.0})
        daily(made, fake, shift(NOW.date(), 1), {"SPY": 252.0})
    assert contracts(fake) == {}
    (position,) = made.ledger.positions()
    assert [(leg.side, leg.ratio) for leg in position.loose] == [("buy", 8)]
    assert position.closed_on is None
    at_clock(fake, NOW)
    accept(made, NOW, "sold by hand")
    assert made.ledger.positions()[0].closed_on
    assert made.reconcile(NOW) == []


def test_a_sold_contract_that_was_assigned_is_not_bought_back(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    short = sold(fake)
    fake.script("assign", {"symbol": short})
    Flattening(made, CLOSES).run(NOW)
    assert all(
        leg.symbol("SPY") != short
        for order in exits(made)
        for leg in order.legs
        if order.status != "rejected"
    )
    assert_nothing_is_uncovered(fake)


def test_a_fill_that_the_ledger_does_not_know_is_closed_once(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    assert Flattening(made, CLOSES).run(NOW) == []
    fake.script("fill", {"client_order_id": exits(made)[0].client_order_id, "spreads": 3})
    fake.fills = "limit"
    assert Flattening(made, CLOSES).run(NOW) == []
    assert [(o.contracts, o.filled_qty) for o in exits(made)] == [(8, 3), (5, 5)]
    assert contracts(fake) == {}
    assert_sound(made, fake)


@pytest.mark.parametrize("times", [3, 9])
def test_while_positions_cannot_be_listed_a_spread_is_closed_completely_or_not_at_all(
    tmp_path, fake, times
):
    made = trader(tmp_path, fake.address)
    trade(made)
    fault = {"on": "GET /v2/positions", "do": "status", "status": 502, "times": times}
    fake.script("faults", fault)
    (position,) = made.ledger.positions()
    with made.ledger.trading():
        sent = made.closing.close_position(position, SESSION, "STOP_LOSS", None, NOW)
    assert (len(sent.legs), sent.contracts) == (2, 8)
    assert contracts(fake) == {}


def test_a_position_that_expired_unseen_is_open_until_the_broker_reports_its_end(tmp_path, fake):
    """The calendar is no evidence: worthless contracts end by their OPEXP."""
    made = trader(tmp_path, fake.address)
    trade(made)
    (held,) = made.ledger.positions()
    fake.fills = "rest"
    days = sessions(NOW.date(), shift(held.expiry, 1))
    at_clock(fake, datetime.combine(days[-1], time(16, 31), NEW_YORK))
    fake.script("hide", {"symbols": None})
    daily(made, fake, days[-1], {"SPY": 250.0})
    (position,) = made.ledger.positions()
    assert position.closed_on is None
    fake.script("honest", {})
    fake.script("expire", {"date": str(held.expiry), "spots": {"SPY": 250.0}})
    daily(made, fake, shift(days[-1], 1), {"SPY": 265.0})
    (position,) = made.ledger.positions()
    assert position.exit_reason == "EXPIRED"
    assert position.profit_usd == pytest.approx(-position.entry_price * 800 - position.fees_usd)
    assert contracts(fake) == {}


def test_contracts_that_a_split_renamed_are_followed_and_closed(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("split", {"ticker": "SPY"})
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert {leg.root for leg in position.legs} == {"SPY1"}
    assert Flattening(made, CLOSES).run(NOW) == []
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []
    assert_sound(made, fake)


def test_the_remaining_legs_of_a_stop_are_priced_by_their_quotes(tmp_path, fake):
    """Without closes, as in the intraday check, the spread's mark cannot value one leg."""
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    legs = made.ledger.positions()[0].legs
    lose_the_bought_leg(fake)
    quote(fake, legs, (0.20, 0.10), 0.02)
    IntradayCheck(made).run(NOW)
    rest = exits(made)[-1]
    assert [leg.side for leg in rest.legs] == ["buy"]
    assert rest.limit_price == pytest.approx(0.11)
