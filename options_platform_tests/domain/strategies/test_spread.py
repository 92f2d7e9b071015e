import pytest

from options_platform.domain.strategies.spread import Spread, SpreadLeg


def one(*legs):
    made = tuple(SpreadLeg(side, sign, k, 0.1, 0.2, m, m, m) for side, sign, k, m in legs)
    return Spread("hand", 100.0, made, 0.0, 0.0)


def test_a_bull_call_spread_worked_by_hand():
    # Buy the 100 call at 3, sell the 105 call at 1: debit 2, at most 3 to gain, even at 102.
    spread = one((1, 1, 100.0, 3.0), (-1, 1, 105.0, 1.0))
    assert (spread.net_price, spread.max_loss, spread.max_profit) == (2.0, 2.0, 3.0)
    assert spread.break_evens == pytest.approx((102.0,))
    assert spread.margin() == 2.0


def test_an_iron_condor_worked_by_hand():
    # Wings of 5 and 10, credit 1.5: at most 8.5 to lose.
    spread = one((-1, -1, 95.0, 1.5), (1, -1, 90.0, 0.5), (-1, 1, 105.0, 1.0), (1, 1, 115.0, 0.5))
    assert spread.net_price == pytest.approx(-1.5)
    assert spread.max_loss == pytest.approx(8.5)
    assert spread.break_evens == pytest.approx((93.5, 106.5))


def test_naked_margin_worked_by_hand():
    # Cboe's margin manual: a short 95 put at 2 with the spot at 100: 2 + max(20 - 5, 9.5) = 17.
    assert one((-1, -1, 95.0, 2.0)).max_loss == pytest.approx(93.0)  # a share can fall to zero
    # Short strangle: the call takes 20 - 10 = 10, the put 15; the dearer one and both premiums.
    assert one((-1, -1, 95.0, 2.0), (-1, 1, 110.0, 1.0)).margin() == pytest.approx(18.0)
