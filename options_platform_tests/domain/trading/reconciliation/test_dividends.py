"""Dividends go to the positions that had the shares, and to nobody else."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import Order, shares_leg
from options_platform.domain.trading.reconciliation.dividends import (
    dividend_paid,
    due_usd,
    entitled,
)
from options_platform.domain.trading.reconciliation.shares_held import DeliveredShares
from options_platform.domain.trading.reports import Activity
from options_platform_tests.domain.trading.reconciliation.test_settlement import SPREAD

CALL, PUT = "SPY240119C00475000", "SPY240119P00470000"
EX_DATE = date(2024, 1, 10)


def dividend(shares, per_share=1.5, on=EX_DATE):
    return Activity("1", "DIV", "SPY", shares, None, on, amount_usd=shares * per_share)


def delivered(kind="OPASN", symbol=CALL, contracts=3, on=EX_DATE, name="p"):
    return DeliveredShares(name, kind, symbol, contracts, on)


@pytest.mark.parametrize(
    ("kind", "symbol", "shares"),
    [("OPASN", CALL, -300), ("OPASN", PUT, 300), ("OPEXC", CALL, 300), ("OPEXC", PUT, -300)],
)
def test_who_delivers_shares_owes_their_dividend_and_who_takes_them_receives_it(
    kind, symbol, shares
):
    came = delivered(kind, symbol)
    assert came.shares == shares
    paid = dividend(shares)
    counts = entitled(paid, [came], [SPREAD], {})
    assert counts == {"p": shares}
    assert due_usd(paid, counts) == shares * 1.5
    (position,) = dividend_paid(shares * 1.5, counts, [SPREAD]).positions
    assert position.profit_usd == pytest.approx(SPREAD.profit_usd + shares * 1.5)
    # The other side of the market has nothing to do with them.
    assert entitled(dividend(-shares), [came], [SPREAD], {}) == {}


@pytest.mark.parametrize(("days", "counts"), [(-1, {}), (0, True), (40, True), (93, {})])
def test_a_dividend_may_be_paid_weeks_after_the_shares_came_but_never_before(days, counts):
    paid = dividend(-300, on=EX_DATE + timedelta(days=days))
    assert bool(entitled(paid, [delivered()], [SPREAD], {})) == bool(counts)


def test_the_dividend_on_a_persons_shares_is_no_positions():
    own = {"SPY": -100}
    assert entitled(dividend(-400), [delivered()], [SPREAD], own) == {"p": -300}
    assert entitled(dividend(-100), [delivered()], [SPREAD], own) == {}
    assert entitled(dividend(-300), [delivered(name="bought")], [SPREAD], {}) == {}


def test_a_canceled_dividend_is_due_on_no_share():
    assert due_usd(dividend(0), {"p": -300}) == 0.0


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), max_size=5),
    st.integers(1, 4_000),
)
def test_no_more_shares_are_paid_than_came_or_than_the_broker_states(came, shares):
    deliveries = [delivered(contracts=n, on=EX_DATE - timedelta(days=ago)) for n, ago in came]
    counts = entitled(dividend(-shares), deliveries, [SPREAD], {})
    assert -sum(counts.values()) == min(shares, 100 * sum(n for n, _ in came))


def positions(*names):
    return [replace(SPREAD, position_id=name) for name in names]


def sold(name, shares, on):
    """The exit order that sells the shares of a position in the session `on`."""
    return Order(
        client_order_id=f"exit-{name}",
        session=shift(on, -1),
        ticker="SPY",
        purpose="exit",
        position_id=name,
        plan_id=name,
        strategy="bull_put_spread",
        legs=(shares_leg("sell"),),
        contracts=shares,
        limit_price=None,
        max_loss_usd=0.0,
        max_profit_usd=0.0,
        status="filled",
        filled_qty=shares,
        avg_price=400.0,
    )


EARLY, LATE = date(2024, 6, 3), date(2024, 6, 20)
ONE_AFTER_THE_OTHER = [
    delivered(symbol="SPY240719P00400000", contracts=1, on=EARLY, name="plan"),
    delivered(symbol="SPY240719P00380000", contracts=1, on=LATE, name="ladder"),
]
SOLD = [sold("plan", 100, date(2024, 6, 11)), sold("ladder", 100, date(2024, 6, 21))]


@pytest.mark.parametrize(
    ("ex_dates", "counts"),
    [
        ({date(2024, 6, 10): 1.5}, {"plan": 100}),
        # Who sells on the ex-date itself has the dividend.
        ({date(2024, 6, 11): 1.5}, {"plan": 100}),
        ({date(2024, 6, 21): 1.5}, {"ladder": 100}),
        ({date(2024, 6, 12): 1.5}, {}),
        # Another dividend, or one that was paid before, says nothing of this one.
        ({date(2024, 6, 10): 1.2}, {"ladder": 100}),
        ({date(2024, 3, 15): 1.5}, {"ladder": 100}),
        ({}, {"ladder": 100}),
    ],
)
def test_a_dividend_goes_to_who_held_the_shares_before_the_ex_date(ex_dates, counts):
    paid = dividend(100, on=date(2024, 6, 30))
    both = positions("plan", "ladder")
    assert entitled(paid, ONE_AFTER_THE_OTHER, both, {}, SOLD, ex_dates) == counts


def test_one_that_was_booked_before_the_ex_date_was_known_moves_to_who_held_the_shares():
    paid, both = dividend(100, on=date(2024, 6, 30)), positions("plan", "ladder")
    ex_dates = {date(2024, 6, 10): 1.5}
    counts = entitled(paid, ONE_AFTER_THE_OTHER, both, {}, SOLD, ex_dates, {"ladder": 100})
    assert counts == {"plan": 100}
    done = dividend_paid(150.0, counts, both, settled_usd=150.0, recorded={"ladder": 100})
    assert [p.loose_cash_usd for p in done.positions] == [150.0, -150.0]
    assert (done.cash_usd, done.ended) == (0.0, {"plan": 100, "ladder": -100})


@pytest.mark.parametrize(
    ("stated", "counts"),
    [(100, {"early": 100}), (200, {"early": 100, "expiring": 100})],
)
def test_shares_of_what_expires_on_the_ex_date_come_after_it_unless_the_broker_states_them(
    stated, counts
):
    came = [
        delivered(symbol="SPY240119P00470000", contracts=1, name="early"),
        delivered(symbol="SPY240110P00470000", contracts=1, name="expiring"),
    ]
    both, ex_dates = positions("early", "expiring"), {EX_DATE: 1.5}
    assert entitled(dividend(stated), came, both, {}, (), ex_dates) == counts
    # While another delivery is not listed yet, as many as are known.
    assert entitled(dividend(stated + 100), came, both, {}, (), ex_dates) == {
        "early": 100,
        "expiring": 100,
    }
    # A contract that was assigned in the night before its expiry.
    alone = entitled(dividend(100), came[1:], both, {}, (), ex_dates)
    assert alone == {"expiring": 100}


@pytest.mark.parametrize("ex_dates", [{}, {EX_DATE: 1.5}])
def test_a_delivery_that_is_listed_after_the_dividend_gets_its_part_at_a_later_look(ex_dates):
    paid, both = dividend(-300), positions("A", "B")
    came = [delivered(contracts=2, name="A"), delivered(contracts=1, name="B")]
    first = entitled(paid, came[:1], both, {}, (), ex_dates)
    assert first == {"A": -200}
    second = entitled(paid, came, both, {}, (), ex_dates, first)
    assert second == {"A": -200, "B": -100}
    done = dividend_paid(-450.0, second, both, settled_usd=-300.0, recorded=first)
    assert [(p.position_id, p.loose_cash_usd) for p in done.positions] == [("B", -150.0)]
    assert (done.cash_usd, done.ended) == (-150.0, {"B": -100})
    # The person sells or buys shares later: what was booked stays.
    for own in (100, -100):
        assert entitled(paid, came, both, {"SPY": own}, (), ex_dates, second) == second


@pytest.mark.parametrize("ex_dates", [{}, {EX_DATE: 1.5}])
def test_each_position_owes_or_receives_the_dividend_on_its_own_side(ex_dates):
    came = [
        delivered(contracts=2, name="A"),
        delivered(symbol=PUT, contracts=1, name="B"),
    ]
    paid, both = dividend(-100), positions("A", "B")
    counts = entitled(paid, came, both, {}, (), ex_dates)
    assert counts == {"A": -200, "B": 100}
    done = dividend_paid(due_usd(paid, counts), counts, both)
    assert [p.loose_cash_usd for p in done.positions] == [-300.0, 150.0]
    assert done.cash_usd == -150.0


@pytest.mark.parametrize("ex_dates", [{}, {EX_DATE: 1.5}])
def test_what_was_booked_beside_a_persons_shares_of_the_other_side_stays_once_these_are_sold(
    ex_dates,
):
    first = entitled(dividend(-100), [delivered()], [SPREAD], {"SPY": 200}, (), ex_dates)
    assert first == {"p": -300}
    assert entitled(dividend(-100), [delivered()], [SPREAD], {}, (), ex_dates, first) == first


def test_a_dividend_that_is_corrected_to_fewer_shares_is_due_on_no_more():
    corrected = replace(dividend(-200), status="correct")
    counts = entitled(corrected, [delivered()], [SPREAD], {}, (), {}, {"p": -300})
    assert counts == {"p": -200}
    assert entitled(dividend(0), [delivered()], [SPREAD], {}, (), {}, {"p": -300}) == {}


@given(
    st.lists(st.sampled_from([-300, -100, 100, 200]), min_size=1, max_size=6),
    st.integers(1, 100_000),
)
def test_positions_get_whole_cents_that_add_up_to_the_dividend(shares, cents):
    names = [f"p{number}" for number in range(len(shares))]
    counts = dict(zip(names, shares, strict=True))
    total = cents / 100 * (1 if sum(shares) > 0 else -1) if sum(shares) else 0.0
    changed = dividend_paid(total, counts, positions(*names)).positions
    by_cent = [p.loose_cash_usd * 100 for p in changed]
    assert by_cent == pytest.approx([round(usd) for usd in by_cent], abs=1e-9)
    assert sum(by_cent) == pytest.approx(total * 100, abs=1e-6)


def test_the_cents_that_are_left_over_go_to_the_oldest_position():
    three = positions("a", "b", "c")
    done = dividend_paid(500.0, {"c": 100, "a": 100, "b": 100}, three)
    assert [p.loose_cash_usd for p in done.positions] == [166.68, 166.66, 166.66]
