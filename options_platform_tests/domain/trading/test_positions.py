from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.trading.orders import Order, OrderLeg, closing, shares_leg
from options_platform.domain.trading.position_fills import after_fill
from options_platform.domain.trading.positions import Position, mark_account, without_legs

OPENED, CLOSED, NEAR, FAR = (date(2024, 1, d) for d in (3, 10, 19, 26))
CENTS = st.integers(-2000, 2000).map(lambda cents: cents / 100)
SPREAD = Position(
    position_id="p",
    ticker="SPY",
    strategy="bull_call_spread",
    legs=(OrderLeg("buy", "call", 470.0, FAR), OrderLeg("sell", "call", 475.0, NEAR)),
    contracts=3,
    opened_on=OPENED,
    entry_price=2.0,
    entry_dte=23,
    max_loss_usd=607.8,
    max_profit_usd=892.2,
    fees_usd=3.9,
    mark_price=2.5,
    marked_on=OPENED,
)


@given(
    pieces=st.lists(st.tuples(st.integers(1, 60), CENTS), min_size=1, max_size=5),
    is_short=st.booleans(),
)
def test_shares_that_fill_in_odd_pieces_keep_their_number_and_the_cash(pieces, is_short):
    """Three spreads whose shorts were assigned: 300 shares, closed by one order in pieces."""
    held = shares_leg("sell" if is_short else "buy", 300)
    came = without_legs(SPREAD, {replace(SPREAD.legs[1], ratio=1): 3}, cash_usd=100.0, came=[held])
    (closes,) = closing((replace(held, ratio=1),))
    order = Order(
        "x", OPENED, "SPY", "exit", "p", "plan", SPREAD.strategy, (closes,), 300, None, 0.0, 0.0
    )
    position, sign = came, 1 if is_short else -1
    for shares, price in pieces:
        before = order
        filled = before.filled_qty + shares
        paid = before.paid_usd + sign * shares * price
        order = replace(before, filled_qty=filled, avg_price=paid / filled)
        position = after_fill(before, order, position, CLOSED)
    sold = sum(shares for shares, _ in pieces)
    paid = sum(sign * shares * price for shares, price in pieces)
    left = {leg.right: leg.ratio for leg in position.loose}
    assert left.get("shares", 0) == 300 - sold
    assert left["call"] == 3
    assert position.cash_usd == pytest.approx(came.cash_usd - paid, abs=0.005)
    assert position.is_held


@st.composite
def positions(draw):
    closed = draw(st.booleans())
    contracts = draw(st.integers(1, 10))
    some = draw(st.integers(0, contracts - 1))
    return replace(
        SPREAD,
        contracts=contracts,
        closed_contracts=contracts if closed else some,
        entry_price=draw(CENTS),
        fees_usd=draw(st.integers(0, 5000)) / 100,
        mark_price=draw(CENTS),
        exit_price=draw(CENTS) if closed or some else None,
        closed_on=CLOSED if closed else None,
        exit_reason="TIME" if closed else None,
    )


def test_an_open_debit_worked_by_hand():
    """3 spreads bought at 2.00, now 2.50, 3.90 USD of fees."""
    assert SPREAD.units == 300
    assert SPREAD.value_usd == 750.0
    assert SPREAD.profit_usd == pytest.approx(146.1)
    assert SPREAD.cash_usd == pytest.approx(-603.9)
    mark = mark_account(OPENED, 10_000.0, [SPREAD])
    assert mark.cash_usd == pytest.approx(9_396.1)
    assert mark.equity_usd == pytest.approx(10_146.1)
    assert (mark.realised_usd, mark.open_positions) == (0, 1)


def test_a_closed_credit_worked_by_hand():
    """2 spreads sold for 1.20, bought back for 0.50, 5.20 USD of fees: 140 less 5.20."""
    credit = replace(
        SPREAD,
        contracts=2,
        entry_price=-1.2,
        exit_price=-0.5,
        fees_usd=5.2,
        closed_on=CLOSED,
        closed_contracts=2,
        mark_price=-0.5,
    )
    assert credit.value_usd == 0.0
    assert credit.profit_usd == pytest.approx(134.8)
    assert credit.cash_usd == pytest.approx(134.8)
    mark = mark_account(CLOSED, 10_000.0, [credit])
    assert mark.equity_usd == mark.cash_usd == pytest.approx(10_134.8)
    assert (mark.unrealised_usd, mark.open_positions) == (0, 0)


def test_a_position_expires_with_its_first_leg():
    assert SPREAD.expiry == NEAR


@given(st.integers(1_000, 10**6), st.lists(positions(), max_size=8))
def test_equity_is_what_began_and_all_that_was_won_and_lost(start, held):
    mark = mark_account(CLOSED, float(start), held)
    assert mark.equity_usd == pytest.approx(start + mark.realised_usd + mark.unrealised_usd)
    assert mark.equity_usd == pytest.approx(mark.cash_usd + mark.positions_usd)
    assert mark.open_positions == sum(position.closed_on is None for position in held)


@given(positions(), CENTS)
def test_closing_at_the_mark_changes_no_equity(position, price):
    marked = replace(
        position, mark_price=price, exit_price=None, closed_on=None, closed_contracts=0
    )
    closed = replace(marked, exit_price=price, closed_on=CLOSED, closed_contracts=marked.contracts)
    before, after = (mark_account(CLOSED, 1e5, [one]) for one in (marked, closed))
    assert after.equity_usd == pytest.approx(before.equity_usd)
    assert after.realised_usd == pytest.approx(before.unrealised_usd)


@given(st.lists(positions(), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_positions_does_not_matter(held, random):
    shuffled = random.sample(held, len(held))
    left, right = (mark_account(CLOSED, 1e5, part) for part in (held, shuffled))
    assert left.equity_usd == pytest.approx(right.equity_usd)
    assert left.open_positions == right.open_positions


ENTRY = Order(
    client_order_id="e",
    session=date(2024, 1, 2),
    ticker="SPY",
    purpose="entry",
    position_id="e",
    plan_id="plan",
    strategy="bull_call_spread",
    legs=SPREAD.legs,
    contracts=4,
    limit_price=2.0,
    max_loss_usd=800.0,
    max_profit_usd=1200.0,
    status="accepted",
)


def exits(filled, price, *, contracts=4, fees=1.3):
    return replace(
        ENTRY,
        client_order_id="x",
        purpose="exit",
        legs=closing(SPREAD.legs),
        contracts=contracts,
        filled_qty=filled,
        avg_price=price if filled else None,
        fees_usd=fees * filled,
        reason="TIME",
    )


def test_a_partial_entry_makes_a_position_of_what_is_filled_with_its_share_of_the_risk():
    """1 of 4 at 1.90 in place of 2.00: 200 of 800 USD at risk, less the 10 that it was better."""
    part = after_fill(
        ENTRY,
        replace(ENTRY, filled_qty=1, avg_price=1.9),
        None,
        OPENED,
    )
    assert (part.contracts, part.entry_price, part.opened_on) == (1, 1.9, OPENED)
    assert part.max_loss_usd == pytest.approx(190.0)
    assert part.max_profit_usd == pytest.approx(310.0)
    whole = after_fill(
        ENTRY,
        replace(ENTRY, filled_qty=4, avg_price=1.95),
        part,
        CLOSED,
    )
    assert (whole.contracts, whole.opened_on, whole.entry_dte) == (4, OPENED, part.entry_dte)
    assert whole.max_loss_usd == pytest.approx(780.0)


def test_an_exit_in_parts_and_attempts_closes_at_the_mean_of_its_fills():
    """1 brings 2.40, 1 more 2.60 (mean 2.50), then another order closes the last 2 at 3.00."""
    held = after_fill(
        ENTRY,
        replace(ENTRY, filled_qty=4, avg_price=2.0),
        None,
        OPENED,
    )
    first = after_fill(exits(0, None), exits(1, -2.4), held, CLOSED)
    assert (first.exit_price, first.closed_contracts, first.closed_on) == (2.4, 1, None)
    second = after_fill(exits(1, -2.4), exits(2, -2.5), first, CLOSED)
    assert second.exit_price == pytest.approx(2.5)
    other = replace(exits(2, -3.0, contracts=2), client_order_id="y")
    last = after_fill(replace(other, filled_qty=0, fees_usd=0.0), other, second, CLOSED)
    assert last.exit_price == pytest.approx(2.75)
    assert (last.closed_contracts, last.closed_on, last.exit_reason) == (4, CLOSED, "TIME")
    assert last.profit_usd == pytest.approx(0.75 * 400 - 4 * 1.3)


def test_an_entry_that_fills_on_keeps_what_was_closed_meanwhile():
    """3 of 4 bought at 2.00 and sold at 1.50, then 1 more: it is open, and 150 USD are lost."""
    some = replace(ENTRY, filled_qty=3, avg_price=2.0, fees_usd=3.9)
    held = after_fill(some, some, None, OPENED)
    closed = after_fill(exits(0, None, contracts=3), exits(3, -1.5, contracts=3), held, CLOSED)
    assert closed.closed_on == CLOSED
    whole = replace(some, filled_qty=4, fees_usd=5.2)
    again = after_fill(replace(whole, fees_usd=some.fees_usd), whole, closed, CLOSED)
    assert (again.contracts, again.open_contracts, again.exit_price) == (4, 1, 1.5)
    assert (again.closed_on, again.exit_reason) == (None, None)
    assert again.fees_usd == pytest.approx(7 * 1.3)
    assert again.profit_usd == pytest.approx(-150.0 - 7 * 1.3)
    # Another price of the same fills opens nothing.
    told = after_fill(
        replace(some, fees_usd=3.9),
        replace(some, avg_price=1.9),
        closed,
        CLOSED,
    )
    assert (told.open_contracts, told.closed_on, told.exit_reason) == (0, CLOSED, "TIME")


def test_what_an_exit_trades_beyond_what_is_open_is_held_on_its_other_side():
    """Nothing that was traded is lost: it is a loose leg, to be closed in its turn."""
    held = after_fill(
        ENTRY,
        replace(ENTRY, filled_qty=2, avg_price=2.0),
        None,
        OPENED,
    )
    after = after_fill(exits(0, None), exits(3, -2.4), held, CLOSED)
    assert (after.open_contracts, after.closed_on) == (0, None)
    assert {(leg.side, leg.ratio) for leg in after.loose} == {("buy", 1), ("sell", 1)}
    fees = exits(3, -2.4).fees_usd
    assert after.cash_usd == pytest.approx(-2.0 * 200 + 2.4 * 300 - held.fees_usd - fees)
