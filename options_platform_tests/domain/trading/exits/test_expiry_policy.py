from datetime import date

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exits.expiry_policy import (
    Delivery,
    ExpiryRules,
    Outcome,
    delivery,
    outcome_of,
)
from options_platform.domain.trading.orders import OrderLeg

EXPIRY = date(2024, 3, 15)
HOLD = ExpiryRules(hold_to_expiry=True)


def legs(*parts, expiry=EXPIRY):
    return tuple(OrderLeg(side, right, strike, expiry) for side, right, strike in parts)


def test_leaving_is_decided_so_that_the_order_works_in_the_last_session_before_expiry():
    assert ExpiryRules().last_decision(EXPIRY) == date(2024, 3, 13)
    # Over Good Friday, which is closed.
    assert ExpiryRules().last_decision(date(2024, 4, 1)) == date(2024, 3, 27)
    assert HOLD.last_decision(EXPIRY) is None


def test_an_entry_is_too_late_if_its_first_close_decides_too_late():
    rules = ExpiryRules()
    assert not rules.is_too_late(shift(EXPIRY, -3), EXPIRY)
    assert rules.is_too_late(shift(EXPIRY, -2), EXPIRY)
    assert not HOLD.is_too_late(shift(EXPIRY, -1), EXPIRY)


@pytest.mark.parametrize(
    ("quantity", "right", "spot", "wanted"),
    [
        (2, "call", 101.0, Outcome("OPEXC", 200)),
        (-2, "call", 101.0, Outcome("OPASN", -200)),
        (2, "put", 99.0, Outcome("OPEXC", -200)),
        (-2, "put", 99.0, Outcome("OPASN", 200)),
        # In the money by a cent it is exercised unasked, by less it expires.
        (1, "call", 100.01, Outcome("OPEXC", 100)),
        (1, "call", 100.009, Outcome("OPEXP", 0)),
        (-1, "put", 100.0, Outcome("OPEXP", 0)),
    ],
)
def test_an_option_settles_by_what_is_in_the_money(quantity, right, spot, wanted):
    assert outcome_of(quantity, right, 100.0, spot) == wanted


@pytest.mark.parametrize(
    ("spread", "wanted"),
    [
        # Between the strikes only the sold put is assigned: 100 shares at 95.
        (legs(("sell", "put", 95.0), ("buy", "put", 90.0)), Delivery(9500.0, 0)),
        # Only the sold call: its shares are to be delivered.
        (legs(("sell", "call", 105.0), ("buy", "call", 110.0)), Delivery(500.0, 100)),
        # Only the bought call: 100 shares at 95 come.
        (legs(("buy", "call", 95.0), ("sell", "call", 100.0)), Delivery(9500.0, 0)),
        (legs(("buy", "put", 95.0), ("sell", "put", 90.0)), Delivery(0.0, 100)),
        (legs(("sell", "put", 95.0)), Delivery(9500.0, 0)),
        (legs(("sell", "call", 95.0)), Delivery(0.0, 100)),
    ],
)
def test_the_most_that_a_spread_may_take_wherever_the_stock_ends(spread, wanted):
    assert delivery(spread, 1) == wanted
    assert delivery(spread, 3) == Delivery(3 * wanted.cash_usd, 3 * wanted.shares)


def test_a_leg_that_expires_later_covers_nothing_at_the_first_expiry():
    calendar = legs(("sell", "call", 100.0)) + legs(
        ("buy", "call", 100.0), expiry=date(2024, 4, 19)
    )
    assert delivery(calendar, 1) == Delivery(0.0, 100)
