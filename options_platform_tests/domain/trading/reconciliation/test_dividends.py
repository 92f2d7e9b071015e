"""Dividends go to the positions that had the shares, and to nobody else."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.trading.reconciliation.dividends import (
    DeliveredShares,
    dividend_paid,
    due_usd,
    entitled,
)
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
    assert counts == {"p": 300}
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
    assert entitled(dividend(-400), [delivered()], [SPREAD], own) == {"p": 300}
    assert entitled(dividend(-100), [delivered()], [SPREAD], own) == {}
    assert entitled(dividend(-300), [delivered(name="bought")], [SPREAD], {}) == {}


def test_a_canceled_dividend_is_due_on_no_share():
    assert due_usd(dividend(0), {"p": 300}) == 0.0


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), max_size=5),
    st.integers(1, 4_000),
)
def test_no_more_shares_are_paid_than_came_or_than_the_broker_states(came, shares):
    deliveries = [delivered(contracts=n, on=EX_DATE - timedelta(days=ago)) for n, ago in came]
    counts = entitled(dividend(-shares), deliveries, [SPREAD], {})
    assert sum(counts.values()) == min(shares, 100 * sum(n for n, _ in came))
