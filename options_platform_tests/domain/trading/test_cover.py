"""What covers a sold contract of an account, whoever owns it."""

import pytest

from options_platform.domain.trading.cover import most_covered, uncovered_count, uncovers

SOLD, BOUGHT = "SPY240315P00470000", "SPY240315P00465000"
NEAR, FAR = "SPY240308P00465000", "SPY240419P00465000"
CALL = "SPY240315C00480000"


@pytest.mark.parametrize(
    ("contracts", "naked"),
    [
        ({SOLD: -2, BOUGHT: 2}, {}),
        ({SOLD: -2, BOUGHT: 1}, {("SPY", "put"): 1}),
        ({SOLD: -1, NEAR: 1}, {("SPY", "put"): 1}),
        ({SOLD: -1, FAR: 1}, {}),
        ({SOLD: -1, "SPY1240315P00465000": 1}, {}),
        ({SOLD: -1, "QQQ240315P00465000": 1}, {("SPY", "put"): 1}),
        ({CALL: -2, "SPY": 150}, {("SPY", "call"): 1}),
        ({SOLD: -1, "SPY": -100}, {}),
        ({SOLD: -1, "SPY": 100}, {("SPY", "put"): 1}),
    ],
)
def test_bought_contracts_that_live_as_long_and_shares_cover_sold_ones(contracts, naked):
    assert uncovered_count(contracts) == naked


def test_a_close_uncovers_where_it_takes_more_cover_than_shorts():
    contracts = {SOLD: -1, BOUGHT: 2}
    assert not uncovers(contracts, {BOUGHT: -1})
    assert uncovers(contracts, {BOUGHT: -2})
    assert not uncovers(contracts, {SOLD: 1, BOUGHT: -2})
    # What is naked already is no reason to keep anything else.
    assert not uncovers({SOLD: -1, CALL: 1}, {CALL: -1})


def test_as_much_is_sold_as_leaves_the_sold_contracts_their_cover():
    contracts = {SOLD: -3, BOUGHT: 8}
    assert most_covered(contracts, {BOUGHT: -1}, 8) == 5
    assert most_covered(contracts, {BOUGHT: -1}, 4) == 4
    assert most_covered(contracts, {SOLD: 1, BOUGHT: -1}, 3) == 3
    assert most_covered({SOLD: -3, BOUGHT: 3}, {BOUGHT: -1}, 3) == 0
