"""What is left of a position is judged by what the whole of it has made."""

from dataclasses import replace

import pytest

from options_platform.domain.trading.broken_spreads import comparable, judged_legs
from options_platform.domain.trading.closing import (
    in_doubt,
    is_rest_of_cover,
    what_the_broker_shows,
    without_cover,
)
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import without_legs
from options_platform.domain.trading.reconciliation.settlement import settle
from options_platform_tests.domain.trading.reconciliation.test_settlement import (
    BOUGHT,
    EXPIRY,
    SOLD,
    SPREAD,
    activity,
)

CALLS = (OrderLeg("sell", "call", 490.0, EXPIRY), OrderLeg("buy", "call", 495.0, EXPIRY))
CONDOR = replace(SPREAD, legs=(*SPREAD.legs, *CALLS), entry_price=-2.0)
SYMBOLS = {leg.symbol("SPY"): leg.signed_ratio * 2 for leg in CONDOR.legs}


def listed(*legs):
    return {leg.symbol("SPY"): leg.signed_ratio * 2 for leg in legs}


def test_a_whole_spread_is_judged_by_its_legs():
    assert (judged_legs(SPREAD), comparable(SPREAD, -0.8)) == (SPREAD.legs, -0.8)


def test_what_is_left_of_a_condor_is_judged_with_what_its_other_side_has_brought():
    left = without_legs(CONDOR, dict.fromkeys(CALLS, 2), cash_usd=-100.0)
    assert judged_legs(left) == (replace(SOLD, ratio=2), replace(BOUGHT, ratio=2))
    # Two put spreads at 4.00 each, and half a dollar a spread was paid for the calls.
    assert comparable(left, -8.0) == pytest.approx(-4.5)
    marked = replace(left, loose_value_usd=-800.0)
    assert marked.profit_usd + marked.fees_usd == pytest.approx((-4.5 + 2.0) * marked.units)


def test_shares_have_no_stop():
    (assigned,) = settle(activity("OPASN", SOLD, 2), [SPREAD]).positions
    assert judged_legs(assigned) == ()


def test_bought_contracts_that_are_left_alone_are_the_rest_of_a_cover():
    rest = without_legs(SPREAD, {SOLD: 2}, cash_usd=-300.0)
    assert is_rest_of_cover(rest)
    assert not is_rest_of_cover(SPREAD)
    assert not is_rest_of_cover(without_legs(SPREAD, {SOLD: 1}))


@pytest.mark.parametrize("sold_call", [True, False])
def test_a_sold_put_without_its_bought_one_is_bought_back_whatever_the_calls_show(sold_call):
    shown = listed(SOLD, CALLS[1], *(CALLS[:1] if sold_call else ()))
    assert without_cover(CONDOR, in_doubt(CONDOR, SYMBOLS, shown)) == SOLD
    assert what_the_broker_shows(CONDOR, SYMBOLS, shown) == ((SOLD,), 2)


def test_one_side_of_a_condor_that_is_listed_entirely_is_closed_alone():
    assert what_the_broker_shows(CONDOR, SYMBOLS, listed(SOLD, BOUGHT)) == ((SOLD, BOUGHT), 2)
    # Nothing is concluded from a bought contract that is listed without its sold one.
    assert what_the_broker_shows(CONDOR, SYMBOLS, listed(BOUGHT)) == (CONDOR.legs, 2)


def test_as_many_spreads_are_closed_as_other_positions_leave_of_their_contracts():
    netted = {SOLD.symbol("SPY"): -2, BOUGHT.symbol("SPY"): 1}
    assert what_the_broker_shows(SPREAD, netted, netted) == (SPREAD.legs, 1)
