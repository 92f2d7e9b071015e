"""Value of a spread from its quotes, and the range that they leave open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.trading.orders import bounds_of
from options_platform.domain.valuation import ValuationRules, quoted
from options_platform_tests.domain.trading.orders.test_bounds import LEGS, leg

RULES = ValuationRules()
CREDIT = [leg("-C100"), leg("+C105")]


@pytest.mark.parametrize(
    ("legs", "sides", "mid", "band", "is_wide"),
    [
        # A spread 5 wide may be quoted 1 USD apart.
        (CREDIT, [(2.0, 2.5), (0.5, 1.0)], -1.5, (-2.0, -1.0), False),
        (CREDIT, [(2.0, 2.51), (0.5, 1.0)], -1.505, (-2.01, -1.0), True),
        (CREDIT, [(0.0, 12.0), (0.0, 3.0)], -4.5, (-5.0, 0.0), True),
        # 5.15 for a spread 5 wide: clipped to its maximum loss, with the width of the quotes.
        (CREDIT, [(6.0, 6.5), (1.0, 1.2)], -5.0, (-5.0, -4.8), False),
        # Without an upper bound, width is measured by the mid.
        ([leg("+C100")], [(9.0, 11.0)], 10.0, (9.0, 11.0), False),
        ([leg("+C100")], [(8.0, 12.0)], 10.0, (8.0, 12.0), True),
        # Five cents per leg are never wide.
        ([leg("+C100")], [(0.0, 0.05)], 0.025, (0.0, 0.05), False),
        ([leg("+C100")], [(0.0, 0.10)], 0.05, (0.0, 0.10), True),
        # Two contracts of a leg count twice.
        ([leg("+2C100"), leg("-2C105")], [(2.0, 2.6), (1.0, 1.6)], 2.0, (0.8, 3.2), True),
    ],
)
def test_quotes_worked_by_hand(legs, sides, mid, band, is_wide):
    value = quoted(legs, sides, RULES)
    assert value.mid == pytest.approx(mid)
    assert (value.band.low, value.band.high) == pytest.approx(band)
    assert value.is_wide is is_wide


def test_impossible_quotes_give_no_value():
    assert quoted(CREDIT, [(0.0, 25.0), (0.0, 0.5)], RULES) is None


@given(LEGS, st.data())
def test_the_mid_is_within_the_band_and_both_are_possible_values_of_the_legs(legs, data):
    bids = data.draw(st.lists(st.floats(0, 50), min_size=len(legs), max_size=len(legs)))
    widths = data.draw(st.lists(st.floats(0.01, 20), min_size=len(legs), max_size=len(legs)))
    sides = [(bid, bid + width) for bid, width in zip(bids, widths, strict=True)]
    value = quoted(legs, sides, RULES)
    if value is None:
        return
    bounds = bounds_of(legs)
    assert value.band.low - 1e-9 <= value.mid <= value.band.high + 1e-9
    assert bounds.low - 1e-9 <= value.band.low <= value.band.high <= bounds.high + 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wide_share": 1.0}, "wide_share"),
        ({"wide_seconds": 901.0}, "silences no stop for longer"),
        ({"confirm_seconds": -1.0}, "confirm_seconds"),
        ({"model_tolerance": -0.1}, "model_tolerance"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ValuationRules(**change)


def test_the_width_of_a_single_puts_quotes_is_measured_by_its_value_not_its_strike():
    assert quoted([leg("+P590")], [(0.05, 90.0)], RULES).is_wide
    assert quoted([leg("-P590")], [(8.0, 12.0)], RULES).is_wide
    assert not quoted([leg("-P590")], [(9.5, 10.5)], RULES).is_wide
