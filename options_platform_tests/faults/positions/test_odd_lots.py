"""Orders for shares that fill in odd lots: each share is booked, and the remainder is closed."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.closing import shares_held
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.testing.alpaca_account import NOW, trader
from options_platform_tests.faults.world import (
    DATED,
    HIGH,
    accept_unseen,
    advance,
    assert_sound,
    at_clock,
    contracts,
    daily,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open", "near")]


@pytest.fixture
def made(tmp_path, fake):
    """Eight spreads, 253 bought and 258 sold, calls; all sold ones are assigned: -800 shares."""
    opened = trader(tmp_path, fake.address)
    trade(opened)
    fake.script("assign", {"symbol": sold(fake)})
    fake.script("trade", {"ticker": "SPY", "price": 262.0})
    fake.fills = "rest"
    opened = replace(opened, closes=DATED)
    assert opened.reconcile(NOW) == []
    return opened


def sold(fake):
    return min(contracts(fake), key=contracts(fake).get)


def flatten(made):
    return Flattening(made, HIGH).run(NOW)


def working(made):
    (order,) = made.ledger.working_orders()
    return order


def fill(fake, order, shares):
    fake.script("fill", {"client_order_id": order.client_order_id, "spreads": shares})


def shares_of(made):
    return sum(
        leg.signed_ratio for p in made.ledger.positions() for leg in p.loose if leg.is_shares
    )


def assert_cash_is_the_accounts(made, fake, before=100_000.0):
    """To the cent; the fake account charges no fees."""
    books = made.ledger.statement()
    fees = sum(order.fees_usd for order in books.orders)
    assert round(fake.book.cash - before, 2) == round(books.cash_flow_usd + fees, 2)
    (position,) = made.ledger.positions()
    assert round(position.cash_usd, 2) == round(books.cash_flow_usd, 2)


def close_all(made, fake, at=NOW):
    """Fill working orders until none is left, without uncovering shares on the way."""
    for _ in range(6):
        for order in made.ledger.working_orders():
            fill(fake, order, None)
        advance(made, at, fake)
        held = contracts(fake)
        calls = sum(quantity for symbol, quantity in held.items() if symbol != "SPY")
        assert -held.get("SPY", 0) <= 100 * calls, held
    assert contracts(fake) == {}
    assert made.reconcile(at) == []
    (position,) = made.ledger.positions()
    assert position.closed_on
    assert_sound(made, fake)
    assert_cash_is_the_accounts(made, fake)
    assert position.profit_usd == pytest.approx(made.ledger.statement().cash_flow_usd)


@pytest.mark.parametrize("pieces", [(150,), (1,), (99, 1), (799,), (33, 167, 1)])
def test_an_odd_fill_is_booked_by_the_share_and_the_remainder_is_closed(made, fake, pieces):
    """150 of 800 fill: order and position both have 650 left."""
    flatten(made)
    order = working(made)
    assert (order.contracts, fake.book.quantity("SPY")) == (800, -800)
    for piece in pieces:
        fill(fake, order, piece)
        assert made.reconcile(NOW) == []
    left = 800 - sum(pieces)
    assert (working(made).filled_qty, working(made).remaining) == (sum(pieces), left)
    assert shares_of(made) == -left
    assert_cash_is_the_accounts(made, fake)
    assert_sound(made, fake)
    close_all(made, fake)


def test_pieces_at_other_prices_keep_the_cash_to_the_cent(made, fake):
    """Their average has more decimals than a cent: 777 shares of it are off by none."""
    flatten(made)
    order = working(made)
    for shares, price in ((333, 262.37), (167, 262.41), (1, 262.4), (276, 262.39)):
        body = {"client_order_id": order.client_order_id, "spreads": shares, "price": price}
        fake.script("fill", body)
        assert made.reconcile(NOW) == []
        assert_cash_is_the_accounts(made, fake)
    close_all(made, fake)


def test_one_share_of_a_hundred_is_booked(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.script("assign", {"symbol": sold(fake), "contracts": 1})
    fake.script("trade", {"ticker": "SPY", "price": 262.0})
    made = replace(made, closes=DATED)
    fake.fills = "rest"
    flatten(made)
    # Whole spreads go first.
    fill(fake, working(made), None)
    advance(made, NOW, fake)
    order = working(made)
    assert (order.contracts, order.legs[0].is_shares) == (100, True)
    fill(fake, order, 1)
    assert made.reconcile(NOW) == []
    assert shares_of(made) == -99
    close_all(made, fake)


def test_three_odd_pieces_over_two_sessions_are_one_position(made, fake):
    """The order ends with its session, and the next one is for the remainder."""
    flatten(made)
    first = working(made)
    fill(fake, first, 33)
    made.reconcile(NOW)
    fill(fake, first, 167)
    fake.script("close", {})
    day = NOW.date()
    daily(made, fake, day, {"SPY": 262.5})
    assert made.ledger.order(first.client_order_id).filled_qty == 200
    (position,) = made.ledger.positions()
    calls = next(leg for leg in position.loose if not leg.is_shares)
    assert (shares_of(made), calls.ratio) == (-600, 8)
    second = working(made)
    assert (second.session, second.contracts) == (day, 600)
    later = NOW + timedelta(days=1)
    at_clock(fake, later)
    fill(fake, second, 51)
    assert made.reconcile(later) == []
    assert shares_of(made) == -549
    close_all(made, fake, later)


def test_shares_are_marked_one_by_one_to_the_cent(made, fake):
    """650 shares short at 262.37, and eight calls at their model's price."""
    flatten(made)
    fill(fake, working(made), 150)
    fake.script("close", {})
    close = MarketClose(262.37, 0.18, ticker="SPY")
    daily(made, fake, NOW.date(), {"SPY": 262.37})
    (position,) = made.ledger.positions()
    price = made.closing.at_close(NOW.date(), close)
    calls = tuple(leg for leg in position.loose if not leg.is_shares)
    expected = -650 * 262.37 + 100 * price(calls)
    assert position.loose_value_usd == pytest.approx(expected, abs=0.005)
    assert position.value_usd == position.loose_value_usd
    newest = made.ledger.table("marks").sort("session").row(-1, named=True)
    assert newest["equity_usd"] == pytest.approx(
        made.start_usd + position.cash_usd + position.value_usd
    )


@pytest.mark.parametrize("by", ["flatten", "halt"])
def test_a_remaining_odd_lot_is_closed_after_a_flatten_and_during_a_halt(made, fake, by):
    """A flatten replaces the working order by one for the remainder; a halt does not."""
    flatten(made)
    first = working(made)
    fill(fake, first, 777)
    if by == "flatten":
        flatten(made)
        assert working(made).client_order_id != first.client_order_id
        assert working(made).contracts == 23
    else:
        OrderWorker(made).halt(NOW, "by hand")
        assert (working(made).client_order_id, working(made).remaining) == (
            first.client_order_id,
            23,
        )
    assert shares_of(made) == -23
    assert made.reconcile(NOW) == []
    close_all(made, fake)


def test_a_ledger_from_before_the_odd_fill_adopts_it(made, fake, tmp_path, kept_open):
    kept_open.close()
    flatten(made)
    order = working(made)
    shutil.copy(made.ledger.path, tmp_path / "backup")
    fill(fake, order, 150)
    made.reconcile(NOW)
    fake.fills = "rest"
    flatten(made)
    shutil.copy(tmp_path / "backup", made.ledger.path)
    assert made.reconcile(NOW) == []
    assert shares_of(made) == -650
    assert made.ledger.halted()
    (last,) = made.ledger.working_orders()
    assert last.contracts == 650
    close_all(made, fake)


@pytest.mark.parametrize("difference", [50, -50, 1, 750])
def test_accepting_an_odd_difference_of_shares_corrects_it(made, fake, difference):
    """A person bought 50 to cover, or sold 50 of their own beside the position's."""
    fake.script("move", {"symbol": "SPY", "quantity": difference})
    assert len(made.reconcile(NOW)) == 1
    assert accept_unseen(made, NOW, "by hand") == []
    assert shares_of(made) == -800 + max(difference, 0)
    assert made.reconcile(NOW) == []
    flatten(made)
    for _ in range(6):
        for order in made.ledger.working_orders():
            fill(fake, order, None)
        advance(made, NOW, fake)
    assert contracts(fake) == ({"SPY": difference} if difference < 0 else {})
    assert made.ledger.positions()[0].closed_on
    assert made.reconcile(NOW) == []


def test_a_flatten_that_cannot_close_shares_reports_how_many(made, fake):
    fake.script("move", {"symbol": "SPY", "quantity": 51})
    texts = [line for line in flatten(made) if "nothing closes" in line]
    assert len(texts) == 1
    assert "+8C253; -800 shares" in texts[0]


def test_messages_show_the_number_of_shares(made, fake):
    flatten(made)
    fill(fake, working(made), 151)
    made.reconcile(NOW)
    (texts,) = shares_held(made.ledger.positions()).values()
    assert "holds -649 shares of SPY" in texts
    (alert,) = [a for a in alerts_of(made.settings, made.ledger, NOW) if "CRITICAL" in a.title]
    assert "-649 shares of SPY" in alert.text


def test_the_next_session_does_not_wait_for_a_full_lot(made, fake):
    """Remaining shares are offered again in the next session at its close's price."""
    flatten(made)
    fill(fake, working(made), 798)
    fake.script("close", {})
    daily(made, fake, NOW.date(), {"SPY": 262.0})
    order = working(made)
    assert (order.contracts, order.session) == (2, NOW.date())
    assert order.limit_price == pytest.approx(262.0 * 1.01)
    fake.script("close", {})
    daily(made, fake, shift(NOW.date(), 1), {"SPY": 261.0})
    assert working(made).contracts == 2


def write_in_lots(path):
    """The ledger as it was written before: orders for shares and their events in lots of 100."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP TABLE broken_marks")
        of_shares = 'legs LIKE \'%"right": "shares"%\''
        connection.execute(
            "UPDATE order_events SET filled_qty = filled_qty // 100 WHERE client_order_id IN "
            f"(SELECT client_order_id FROM orders WHERE {of_shares})"
        )
        connection.execute(
            "UPDATE orders SET contracts = contracts // 100, filled_qty = filled_qty // 100 "
            f"WHERE {of_shares}"
        )
        kept = connection.execute("SELECT value FROM meta WHERE key = 'acceptance'").fetchall()
        for (text,) in kept:
            (*_, acceptance) = json.loads(text)
            for position in (*acceptance["before"], *acceptance["after"]):
                for leg in position["loose"]:
                    leg["ratio"] //= 100 if leg["right"] == "shares" else 1
            connection.execute(
                "UPDATE meta SET value = ? WHERE key = 'acceptance'", [json.dumps(acceptance)]
            )
        positions = connection.execute("SELECT position_id, loose FROM positions").fetchall()
        for number, text in positions:
            legs = json.loads(text)
            for leg in legs:
                leg["ratio"] //= 100 if leg["right"] == "shares" else 1
            connection.execute(
                "UPDATE positions SET loose = ? WHERE position_id = ?", [json.dumps(legs), number]
            )


@pytest.mark.parametrize("state", ["accepted", "partially_filled"])
def test_a_ledger_that_counts_lots_is_migrated_with_its_working_order(made, fake, state, kept_open):
    """It has at most one filled lot; the broker has filled half a lot more since."""
    flatten(made)
    order = working(made)
    if state == "partially_filled":
        fill(fake, order, 100)
        made.reconcile(NOW)
    before = made.ledger.statement()
    was = made.ledger.positions()[0]
    assert working(made).status == state
    kept_open.close()
    write_in_lots(made.ledger.path)
    after = made.ledger.statement()
    assert (after.contracts, after.lots) == (before.contracts, before.lots)
    assert after.cash_flow_usd == before.cash_flow_usd
    assert after.orders == before.orders
    assert made.ledger.positions() == [was]
    events = made.ledger.table("order_events")
    assert events["filled_qty"].to_list()[-1] == working(made).filled_qty
    fill(fake, order, 50)
    assert made.reconcile(NOW) == []
    assert shares_of(made) == fake.book.quantity("SPY")
    assert shares_of(made) == (-650 if state == "partially_filled" else -750)
    close_all(made, fake)


def test_an_acceptance_in_lots_is_undone_as_that_many_shares(made, fake, kept_open):
    """The list had lagged when a person accepted that 100 of the 800 shares were closed."""
    fake.script("move", {"symbol": "SPY", "quantity": 100})
    assert len(made.reconcile(NOW)) == 1
    assert accept_unseen(made, NOW, "by hand") == []
    assert shares_of(made) == -700
    kept_open.close()
    write_in_lots(made.ledger.path)
    fake.script("move", {"symbol": "SPY", "quantity": -100})
    made.reconcile(NOW)
    assert made.reconcile(NOW) == []
    assert shares_of(made) == -800
    flatten(made)
    close_all(made, fake)


def test_an_order_in_lots_that_never_arrived_is_sent_as_that_many_shares(made, fake, kept_open):
    class Killed(BaseException):
        pass

    def kill(step):
        if step == "sending":
            raise Killed

    with suppress(Killed):
        flatten(replace(made, at=kill))
    order = working(made)
    assert (order.status, order.contracts) == ("unknown", 800)
    kept_open.close()
    write_in_lots(made.ledger.path)
    flatten(made)
    assert fake.book.by_client_id(order.client_order_id)["qty"] == "800"
    assert made.reconcile(NOW) == []
    close_all(made, fake)
