"""The value of the model at the present spot, by yesterday's volatility and no less."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.fills import AT_MID, MarketClose, net_price
from options_platform.domain.valuation import ValuationRules, modelled
from options_platform_tests.domain.trading.orders.test_bounds import leg

RULES, CHAIN = ValuationRules(), ChainRules()
CLOSE, DAY = MarketClose(100.0, 0.18), date(2024, 1, 16)
PUTS = (leg("-P95"), leg("+P90"))


def test_at_the_close_of_before_it_is_what_the_close_would_say_today():
    found = modelled(PUTS, DAY, CLOSE, 100.0, CHAIN, RULES)
    assert found.low == found.high == net_price(PUTS, DAY, CLOSE, CHAIN, AT_MID)


def test_a_rise_takes_no_volatility_away():
    found = modelled(PUTS, DAY, CLOSE, 106.0, CHAIN, RULES)
    there = replace(CLOSE, spot=106.0)
    assert found.low == found.high == net_price(PUTS, DAY, there, CHAIN, AT_MID)


def test_a_fall_adds_up_to_five_times_as_much_of_the_volatility():
    """4% down: 0.18 and 0.216. The short puts are worth more to buy back with the second."""
    found = modelled(PUTS, DAY, CLOSE, 96.0, CHAIN, RULES)
    ends = [
        net_price(PUTS, DAY, replace(CLOSE, spot=96.0, implied_vol=vol), CHAIN, AT_MID)
        for vol in (0.216, 0.18)
    ]
    assert (found.low, found.high) == pytest.approx(ends)
    assert found.low < found.high < 0.0


@pytest.mark.parametrize("spot", [40.0, 80.0, 300.0])
def test_it_stays_within_what_the_legs_can_be_worth(spot):
    found = modelled(PUTS, DAY, CLOSE, spot, CHAIN, RULES)
    assert -5.0 <= found.low <= found.high <= 0.0


def test_on_the_day_of_expiry_it_is_what_exercising_pays():
    found = modelled(PUTS, PUTS[0].expiry, CLOSE, 93.0, CHAIN, RULES)
    assert (found.low, found.high) == (-2.0, -2.0)
