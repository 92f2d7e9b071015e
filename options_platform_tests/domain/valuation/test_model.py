"""The model value at the current spot uses yesterday's volatility or a higher one."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.fill_prices import AT_MID, MarketClose, net_price
from options_platform.domain.valuation import ValuationRules, modelled
from options_platform_tests.domain.trading.orders.test_bounds import leg

RULES, CHAIN = ValuationRules(), ChainRules()
CLOSE, DAY = MarketClose(100.0, 0.18), date(2024, 1, 16)
PUTS = (leg("-P95"), leg("+P90"))


def test_at_the_previous_close_the_model_value_is_that_of_the_close():
    band = modelled(PUTS, DAY, CLOSE, 100.0, CHAIN, RULES)
    assert band.low == band.high == net_price(PUTS, DAY, CLOSE, CHAIN, AT_MID)


def test_a_rise_does_not_lower_the_volatility():
    band = modelled(PUTS, DAY, CLOSE, 106.0, CHAIN, RULES)
    risen = replace(CLOSE, spot=106.0)
    assert band.low == band.high == net_price(PUTS, DAY, risen, CHAIN, AT_MID)


def test_a_fall_raises_the_volatility_by_up_to_five_times_its_size():
    """4% down: volatility 0.18 or 0.216. At the higher one the short puts cost more to buy back."""
    band = modelled(PUTS, DAY, CLOSE, 96.0, CHAIN, RULES)
    ends = [
        net_price(PUTS, DAY, replace(CLOSE, spot=96.0, implied_vol=vol), CHAIN, AT_MID)
        for vol in (0.216, 0.18)
    ]
    assert (band.low, band.high) == pytest.approx(ends)
    assert band.low < band.high < 0.0


@pytest.mark.parametrize("spot", [40.0, 80.0, 300.0])
def test_the_model_value_stays_within_the_possible_values_of_the_legs(spot):
    band = modelled(PUTS, DAY, CLOSE, spot, CHAIN, RULES)
    assert -5.0 <= band.low <= band.high <= 0.0


def test_on_the_expiry_day_the_model_value_is_the_intrinsic_value():
    band = modelled(PUTS, PUTS[0].expiry, CLOSE, 93.0, CHAIN, RULES)
    assert (band.low, band.high) == (-2.0, -2.0)
