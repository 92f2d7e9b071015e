import math
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from options_platform.adapters.ports.broker import BrokerAccount
from options_platform.domain.trading.cover import needed_level
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.services.trading.entries.account_checks import (
    account_refusals,
    free_power_usd,
    nonsense,
)

EXPIRY = date(2024, 3, 15)
SOLD, BOUGHT = OrderLeg("sell", "put", 95.0, EXPIRY), OrderLeg("buy", "put", 90.0, EXPIRY)
ENTRY = Order(
    "a", date(2024, 2, 1), "SPY", "entry", "a", "plan", "bull_put_spread", (SOLD, BOUGHT), 2, -0.8,
    840.0, 160.0,
)  # fmt: skip
ACCOUNT = BrokerAccount("PA1", 5_000.0, 5_000.0, 1_000.0, 3)


@dataclass
class Recorded:
    """A ledger that has these orders."""

    orders: list = field(default_factory=list)

    def unsettled_orders(self):
        return self.orders

    def order(self, client_order_id):
        return next((o for o in self.orders if o.client_order_id == client_order_id), None)


def codes(account=ACCOUNT, entry=ENTRY, orders=()):
    return account_refusals(entry, account, Recorded(list(orders)))


@pytest.mark.parametrize(
    ("legs", "level"),
    [
        ((SOLD, BOUGHT), 3),
        ((BOUGHT,), 2),
        ((SOLD,), 4),
        ((SOLD, OrderLeg("buy", "call", 105.0, EXPIRY)), 4),
        ((SOLD, replace(BOUGHT, ratio=2)), 3),
        # What expires before the sold one covers it only until then.
        ((SOLD, replace(BOUGHT, expiry=date(2024, 3, 8))), 4),
    ],
)
def test_an_order_takes_the_level_of_its_legs(legs, level):
    assert needed_level("SPY", legs) == level
    low = replace(ACCOUNT, options_level=level - 1)
    assert codes(low, replace(ENTRY, legs=legs)) == ["OPTIONS_LEVEL"]
    assert codes(replace(low, options_level=level), replace(ENTRY, legs=legs)) == []


def test_a_broker_that_limits_nothing_refuses_nothing():
    assert codes(BrokerAccount("simulated", 100.0)) == []


def test_what_may_be_on_its_way_is_taken_off_and_what_the_entry_holds_comes_back():
    assert codes(replace(ACCOUNT, buying_power_usd=839.0)) == ["BUYING_POWER"]
    doubtful = replace(ENTRY, client_order_id="b", ticker="QQQ", status="unknown", filled_qty=1)
    # Half of it has filled, which the broker counts.
    assert free_power_usd(ACCOUNT, Recorded([doubtful]), ENTRY) == 1_000.0 - 420.0
    assert codes(orders=[doubtful]) == ["BUYING_POWER"]
    # What rests is in the broker's figure already.
    assert codes(orders=[replace(doubtful, status="accepted")]) == []
    resting = replace(ENTRY, status="accepted")
    assert codes(replace(ACCOUNT, buying_power_usd=0.0), orders=[resting]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"cash_usd": math.nan},
        {"equity_usd": -5.0},
        {"equity_usd": 0.0},
        {"equity_usd": math.inf},
        {"buying_power_usd": -1.0},
        {"buying_power_usd": math.inf},
        {"options_level": -1},
        {"options_level": 33},
    ],
)
def test_an_account_that_answers_nonsense_is_sent_no_entry(wrong):
    assert nonsense(replace(ACCOUNT, **wrong))
    assert codes(replace(ACCOUNT, **wrong)) == ["ACCOUNT_DOUBTFUL"]
    assert nonsense(ACCOUNT) == []
