from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.trading.orders import closing
from options_platform.domain.trading.position_fills import after_fill
from options_platform.domain.trading.positions import without_legs
from options_platform.domain.trading.reconciliation.differences import (
    BrokerStatement,
    LedgerStatement,
    differences,
)
from options_platform_tests.domain.trading.orders.test_orders import LEGS, ORDER

NOW = datetime(2024, 1, 3, 15, tzinfo=UTC)
FILLED = replace(ORDER, status="filled", filled_qty=5, avg_price=2.0, fees_usd=6.5)
LOT = after_fill(FILLED, FILLED, None, NOW.date())
LONG, SHORT = (leg.symbol("SPY") for leg in LEGS)
LEDGER_SIDE = LedgerStatement((FILLED,), (LOT,), cash_base_usd=100_000.0)
AGREED = BrokerStatement(
    orders={FILLED.client_order_id: ("filled", 5)},
    asked=frozenset({FILLED.client_order_id}),
    contracts={LONG: 5, SHORT: -5},
    cash_usd=100_000.0 - 2.0 * 500 - 6.5,
    clock=NOW,
)


def codes(ledger_side=LEDGER_SIDE, broker=AGREED, now=NOW):
    found = differences(
        ledger_side, broker, now=now, cash_tolerance_usd=50.0, clock_tolerance_seconds=60.0
    )
    return [(difference.code, difference.subject) for difference in found]


def test_two_sides_that_agree_have_no_differences():
    assert codes() == []


def test_an_order_that_only_the_broker_has_is_foreign_while_it_works():
    for status, wanted in (("accepted", [("ORDER_FOREIGN", "x")]), ("canceled", [])):
        assert codes(broker=replace(AGREED, orders={**AGREED.orders, "x": (status, 0)})) == wanted


def test_states_and_fills_that_differ_are_named():
    for told in (("partially_filled", 3), ("canceled", 5)):
        broker = replace(AGREED, orders={FILLED.client_order_id: told})
        assert codes(broker=broker) == [("ORDER_STATE", FILLED.client_order_id)]


def test_an_order_that_the_broker_does_not_have_is_in_doubt_missing_or_rightly_absent():
    wanted = {
        "unknown": ["ORDER_DOUBTFUL"],
        "intent": ["ORDER_MISSING"],
        "accepted": ["ORDER_MISSING"],
        "expired": [],
        "rejected": [],
        "not_sent": [],
    }
    for status, found in wanted.items():
        order = replace(ORDER, status=status, seen=status == "accepted")
        ledger_side = LedgerStatement((order,), ())
        broker = BrokerStatement({}, frozenset({order.client_order_id}), {}, None)
        assert [code for code, _ in codes(ledger_side, broker)] == found, status
        assert codes(ledger_side, replace(broker, asked=frozenset())) == []


def test_a_leg_that_is_gone_is_named_with_its_cause():
    broker = replace(AGREED, contracts={LONG: 5}, causes={SHORT: "assigned on 2024-01-03"})
    found = differences(
        LEDGER_SIDE, broker, now=NOW, cash_tolerance_usd=50.0, clock_tolerance_seconds=60.0
    )
    assert [d.code for d in found] == ["CONTRACTS"]
    assert found[0].text == f"{SHORT}: 0 at the broker, -5 here (assigned on 2024-01-03)"


def test_a_sold_contract_without_its_cover_is_a_difference_until_it_is_bought_back():
    broker = replace(AGREED, contracts={SHORT: -5})
    naked = without_legs(LOT, {LOT.legs[0]: 5})
    ledger_side = replace(LEDGER_SIDE, positions=(naked,), adjustments={LONG: -5})
    assert codes(ledger_side, broker) == [("LEGS", LOT.position_id)]
    closed = replace(naked, loose=(), closed_on=NOW.date())
    rest = replace(ledger_side, positions=(closed,), adjustments={SHORT: 5, LONG: -5})
    assert codes(rest, replace(broker, contracts={})) == []


def test_an_order_that_is_missing_is_named_for_two_sessions_if_it_was_never_shown():
    order = replace(ORDER, status="missing")
    broker = BrokerStatement({}, frozenset({order.client_order_id}), {}, None)
    assert [code for code, _ in codes(LedgerStatement((order,), ()), broker)] == ["ORDER_MISSING"]
    later = NOW + timedelta(days=7)
    assert codes(LedgerStatement((order,), ()), broker, later) == []
    shown = replace(order, seen=True)
    assert codes(LedgerStatement((shown,), ()), broker, later) == [
        ("ORDER_MISSING", order.client_order_id)
    ]


def test_contracts_are_compared_as_the_broker_nets_them():
    """A second spread sells what the first bought: the broker shows no 470 call at all."""
    lower = (replace(LEGS[0], strike=465.0), replace(LEGS[0], side="sell"))
    other = replace(FILLED, client_order_id="y", position_id="y", legs=lower)
    ledger_side = replace(
        LEDGER_SIDE,
        orders=(FILLED, other),
        positions=(LOT, after_fill(other, other, None, NOW.date())),
        cash_base_usd=None,
    )
    netted = {lower[0].symbol("SPY"): 5, SHORT: -5}
    assert codes(ledger_side, replace(AGREED, contracts=netted)) == []
    assert codes(ledger_side, AGREED) == [
        ("CONTRACTS", lower[0].symbol("SPY")),
        ("CONTRACTS", LONG),
    ]


def test_lots_that_do_not_add_up_to_the_fills_are_a_difference_of_our_own():
    ledger_side = replace(LEDGER_SIDE, positions=(replace(LOT, contracts=4),))
    assert codes(ledger_side) == [("LOTS", LONG), ("LOTS", SHORT)]


def test_cash_may_differ_by_fees_and_the_tolerance_and_no_more():
    """6.50 USD of fees, which the broker may not have charged, and 50 USD either way."""
    differs = [("CASH", "cash")]
    for off, wanted in ((56.0, []), (57.0, differs), (-50.0, []), (-51.0, differs)):
        assert codes(broker=replace(AGREED, cash_usd=AGREED.cash_usd + off)) == wanted


def test_a_clock_that_is_off_by_more_than_a_minute_is_a_difference():
    assert codes(now=NOW + timedelta(seconds=60)) == []
    assert codes(now=NOW - timedelta(seconds=61)) == [("CLOCK", "clock")]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_books_and_broker_that_move_by_the_same_fills_agree(sizes):
    orders, positions = [], []
    for number, size in enumerate(sizes):
        order = replace(
            FILLED,
            client_order_id=f"o{number}",
            position_id=f"o{number}",
            filled_qty=size,
            legs=LEGS if number % 2 else closing(LEGS),
        )
        orders.append(order)
        positions.append(after_fill(order, order, None, NOW.date()))
    ledger_side = LedgerStatement(tuple(orders), tuple(positions))
    broker = BrokerStatement(
        {o.client_order_id: (o.status, o.filled_qty) for o in orders},
        frozenset(o.client_order_id for o in orders),
        ledger_side.contracts,
        None,
    )
    assert codes(ledger_side, broker) == []
    assert sum(ledger_side.contracts.values()) == 0


def test_what_a_person_holds_beside_is_no_lot_of_the_positions():
    ledger_side = replace(LEDGER_SIDE, adjustments={LONG: 3})
    broker = replace(AGREED, contracts={LONG: 8, SHORT: -5})
    assert codes(ledger_side, broker) == [("LOTS", LONG)]
    assert codes(replace(ledger_side, beside={LONG: 3}), broker) == []
    assert codes(replace(ledger_side, beside={LONG: 2}), broker) == [("LOTS", LONG)]
