import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import years_of
from options_platform.domain.trading.exits.pin_risk import PinRiskRules, at_pin_risk, near_the_money
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg

# A Friday, and the Monday before it: four sessions and four days.
EXPIRY, MONDAY = date(2024, 3, 15), date(2024, 3, 11)
SPREAD = (OrderLeg("sell", "put", 98.0, EXPIRY), OrderLeg("buy", "put", 90.0, EXPIRY))
RULES = PinRiskRules()


def is_near(strike, *, session=MONDAY, spot=100.0, index=0.2, rules=RULES):
    legs = (replace(SPREAD[0], strike=strike), SPREAD[1])
    return at_pin_risk(legs, session, MarketClose(spot, index), rules)


@pytest.mark.parametrize(
    ("strike", "near"),
    # 100 x 0.2 x sqrt(4 / 365) = 2.094: in the money or out of it.
    [(97.90, False), (97.91, True), (100.0, True), (102.09, True), (102.10, False)],
)
def test_a_sold_leg_within_the_expected_move_to_its_expiry_is_near(strike, near):
    assert is_near(strike) is near


def test_it_is_asked_from_some_sessions_before_the_expiry_and_never_with_none():
    assert RULES.asked_from(EXPIRY) == MONDAY
    # Good Friday is closed: the expiry of that week is Thursday.
    assert RULES.asked_from(date(2024, 3, 28)) == date(2024, 3, 22)
    assert not is_near(100.0, session=shift(MONDAY, -1))
    assert is_near(100.0, session=shift(MONDAY, 1))
    assert not is_near(100.0, session=EXPIRY)
    assert not is_near(100.0, rules=PinRiskRules(sessions=0))


def test_bought_legs_and_shares_are_at_no_pin_risk():
    bought = tuple(replace(leg, side="buy", strike=100.0) for leg in SPREAD)
    assert not at_pin_risk(bought, MONDAY, MarketClose(100.0, 0.2), RULES)
    assert not at_pin_risk((), MONDAY, MarketClose(100.0, 0.2), RULES)


@pytest.mark.parametrize(("spot", "index"), [(math.nan, 0.2), (100.0, math.nan)])
def test_what_is_not_known_closes_nothing(spot, index):
    assert not is_near(100.0, spot=spot, index=index)


@pytest.mark.parametrize("wrong", [{"sessions": -1}, {"moves": 0.0}, {"moves": math.nan}])
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(ValueError, match=f"pin_risk.{next(iter(wrong))} must"):
        PinRiskRules(**wrong)


@given(
    strikes=st.lists(st.floats(80.0, 120.0), min_size=1, max_size=4),
    index=st.floats(0.05, 1.5),
    days=st.integers(1, 6),
    moves=st.floats(0.1, 3.0),
)
def test_the_rule_on_arrays_is_the_rule_on_one_position(strikes, index, days, moves):
    session, rules = EXPIRY - timedelta(days=days), PinRiskRules(sessions=10, moves=moves)
    legs = tuple(OrderLeg("sell", "call", strike, EXPIRY) for strike in strikes)
    near = near_the_money(
        -np.ones(len(strikes)),
        np.array(strikes),
        np.array([100.0]),
        np.array([index]),
        years_of(np.full(len(strikes), days)),
        moves,
    )
    assert at_pin_risk(legs, session, MarketClose(100.0, index), rules) == near.any()
