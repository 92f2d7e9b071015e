"""Opposite sides of one contract, by name as the ledger has them and by number in a backtest."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.trading.netting import opposed, sides_of
from options_platform.domain.trading.orders import OrderLeg, closing, shares_leg

EXPIRY = date(2015, 2, 20)
SIDES = st.dictionaries(st.integers(0, 5), st.sampled_from([-1, 1]), max_size=4)


def put(side, strike):
    return OrderLeg(side, "put", strike, EXPIRY)


def test_a_contract_is_opposed_by_its_other_side_alone():
    entry = sides_of("SPY", [put("sell", 240.0), put("buy", 235.0)])
    sold, bought = entry
    assert opposed(entry, [sides_of("SPY", [put("buy", 240.0)])]) == [sold]
    assert opposed(entry, [sides_of("SPY", [put("sell", 235.0)])]) == [bought]
    assert opposed(entry, [sides_of("SPY", [put("sell", 240.0), put("buy", 245.0)])]) == []
    assert opposed(entry, [sides_of("QQQ", [put("buy", 240.0)])]) == []


def test_the_exit_of_a_sold_contract_opposes_its_sale():
    legs = [put("sell", 240.0), put("buy", 235.0)]
    entry = sides_of("SPY", legs)
    assert opposed(entry, [sides_of("SPY", closing(tuple(legs)))]) == list(entry)


def test_shares_of_an_assignment_oppose_nothing():
    assert sides_of("SPY", [shares_leg("buy", 100)]) == {}


@given(SIDES, st.lists(SIDES, max_size=4))
def test_whoever_comes_later_is_opposed_alike(first, others):
    """If an entry opposes another one, that one would have opposed it."""
    for other in others:
        assert set(opposed(first, [other])) == set(opposed(other, [first]))
    each = {contract for other in others for contract in opposed(first, [other])}
    assert set(opposed(first, others)) == each
