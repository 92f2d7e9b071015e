from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.closing import next_to_close
from options_platform_tests.domain.test_orders import LEGS
from options_platform_tests.domain.test_reconciliation import LONG, LOT, SHORT


def test_a_position_that_is_all_there_is_closed_whole():
    assert next_to_close(LOT, [LOT], {LONG: 5, SHORT: -5}) == (LEGS, 5)


def test_spreads_that_are_whole_are_closed_before_the_legs_that_are_left():
    """2 of 5 sold calls were assigned: 3 spreads, then the 2 bought calls."""
    assert next_to_close(LOT, [LOT], {LONG: 5, SHORT: -3}) == (LEGS, 3)
    rest = replace(LOT, closed_contracts=3)
    assert next_to_close(rest, [rest], {LONG: 2}) == (LEGS[:1], 2)


def test_a_position_without_any_leg_at_the_broker_leaves_nothing_to_close():
    assert next_to_close(LOT, [LOT], {}) == ((), 0)


def test_more_at_the_broker_than_the_position_has_is_not_closed_with_it():
    assert next_to_close(LOT, [LOT], {LONG: 7, SHORT: -9}) == (LEGS, 5)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    lost=st.tuples(st.integers(0, 18), st.integers(0, 18)),
)
def test_closing_everything_ends_flat_without_a_sold_leg_that_nothing_covers(sizes, lost):
    """Whatever vanished of contracts that several positions share."""
    positions = {
        str(number): replace(LOT, position_id=str(number), contracts=size)
        for number, size in enumerate(sizes)
    }
    whole = sum(sizes)
    there = {LONG: max(whole - lost[0], 0), SHORT: min(lost[1] - whole, 0)}
    uncovered = max(0, -there[SHORT] - there[LONG])
    while positions:
        number, position = next(iter(positions.items()))
        legs, spreads = next_to_close(position, positions.values(), there)
        if not legs:
            del positions[number]
            continue
        for leg in legs:
            before = there[leg.symbol("SPY")]
            there[leg.symbol("SPY")] -= leg.signed_ratio * spreads
            # Nothing is closed that is not there.
            assert before * there[leg.symbol("SPY")] >= 0
        assert max(0, -there[SHORT] - there[LONG]) <= uncovered
        after = replace(position, closed_contracts=position.closed_contracts + spreads)
        positions[number] = after
        if not after.open_contracts:
            del positions[number]
    assert set(there.values()) == {0}


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    lost=st.integers(0, 18),
)
def test_orders_that_work_at_once_leave_no_sold_leg_that_nothing_covers(sizes, lost):
    """Each position has its own bought leg; they share a sold one, in part assigned."""
    positions = [
        replace(
            LOT,
            position_id=str(number),
            contracts=size,
            legs=(replace(LEGS[0], strike=LEGS[0].strike - number), LEGS[1]),
        )
        for number, size in enumerate(sizes)
    ]
    there = {p.legs[0].symbol("SPY"): p.contracts for p in positions}
    there[SHORT] = min(lost - sum(sizes), 0)
    for _ in range(2):
        working = [(p, *next_to_close(p, positions, there)) for p in positions]
        positions = []
        for position, legs, spreads in working:
            for leg in legs:
                there[leg.symbol("SPY")] -= leg.signed_ratio * spreads
            closed = replace(position, closed_contracts=position.closed_contracts + spreads)
            if closed.open_contracts:
                positions.append(closed)
        assert -there[SHORT] <= sum(q for symbol, q in there.items() if symbol != SHORT)
    assert set(there.values()) == {0}
