"""The grid of prices of single options, worked by hand."""

from datetime import date

import pytest

from options_platform.domain.trading.orders import LadderRules, OrderLeg, on_grid, shares_leg

BUY = OrderLeg("buy", "put", 250.0, date(2027, 1, 15))
SELL = OrderLeg("sell", "put", 245.0, date(2027, 1, 15))
RULES = LadderRules(rungs=3, exit_concession=0.1)


@pytest.mark.parametrize(
    ("price", "sells", "rounded"),
    [
        (2.41, False, 2.45),
        (2.97, False, 3.0),
        (3.01, False, 3.1),
        (7.04, False, 7.1),
        (0.0, False, 0.05),
        (-2.41, True, -2.4),
        (-3.04, True, -3.0),
        (-7.04, True, -7.0),
        (-0.03, True, -0.05),
        (-0.01, True, -0.05),
        (2.45, False, 2.45),
        (-3.1, True, -3.1),
    ],
)
def test_a_single_option_is_priced_on_its_grid_towards_being_filled(price, sells, rounded):
    assert on_grid(price, sells=sells) == pytest.approx(rounded)


def test_only_single_options_of_classes_that_do_not_trade_by_the_cent_have_it():
    assert RULES.prices("AAPL", "exit", 7.04, (BUY,)) == pytest.approx([7.1, 7.4, 7.8])
    assert RULES.prices("SPY", "exit", 7.04, (BUY,)) == pytest.approx([7.04, 7.39, 7.74])
    assert RULES.prices("AAPL", "exit", 2.04, (BUY, SELL))[0] == pytest.approx(2.04)
    assert RULES.prices("AAPL", "exit", -250.03, (shares_leg("sell"),))[0] == -250.03


def test_prices_that_fall_onto_one_step_of_the_grid_are_one_rung():
    assert RULES.prices("AAPL", "exit", -0.12, (SELL,)) == pytest.approx([-0.1, -0.05])
