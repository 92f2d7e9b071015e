"""Exercise requires reliable quotes, because it cannot be undone."""

import pytest

from options_platform.domain.trading.reconciliation.settlement import settle
from options_platform.domain.valuation import ValuationRules
from options_platform.domain.valuation.exercise import exercise_is_worth_more
from options_platform_tests.domain.trading.reconciliation.test_settlement import (
    BOUGHT,
    SOLD,
    SPREAD,
    activity,
)

(ASSIGNED,) = settle(activity("OPASN", SOLD, 2), [SPREAD]).positions
SYMBOL = BOUGHT.symbol("SPY")


def chosen(spot, *sides):
    quotes = {SYMBOL: sides} if sides else {}
    return exercise_is_worth_more(ASSIGNED, spot, quotes, ValuationRules())


def test_a_put_with_a_bid_below_its_intrinsic_value_is_exercised():
    leg = chosen(440.0, 24.5, 25.1)
    assert leg is not None
    assert (leg.right, leg.side, leg.strike) == ("put", "buy", 465.0)


@pytest.mark.parametrize(
    "sides",
    [(), (0.0, 18.0), (0.0, 25.1), (20.0, 30.0), (6.0, 6.2), (25.0, 25.4)],
    ids=["no quote", "no bid", "no bid but tight", "wide", "contradicted", "worth more sold"],
)
def test_without_reliable_quotes_it_is_not_exercised(sides):
    assert chosen(440.0, *sides) is None
