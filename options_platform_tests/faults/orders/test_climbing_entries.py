"""An entry is canceled for a better price only if it may be sent there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.services.trading.entries.sizes import EntrySizes
from options_platform.testing.alpaca_account import NOW, WIDE, plans_of, trader
from options_platform_tests.faults.world import POST, advance, assert_sound, statuses, trade

pytestmark = pytest.mark.usefixtures("kept_open")


class Reserving:
    """A broker whose buying power is `total_usd` without what its resting orders may lose."""

    def __init__(self, trading, total_usd):
        self.broker, self.ledger, self.total_usd = trading.broker, trading.ledger, total_usd

    def __getattr__(self, name):
        return getattr(self.broker, name)

    def account(self):
        reserved = sum(o.max_loss_usd for o in self.ledger.working_orders() if o.status != "intent")
        return replace(self.broker.account(), buying_power_usd=self.total_usd - reserved)


def tight(room_usd):
    """Limits of a trade's risk that leave this much beyond the plan's maximum loss."""
    loss = plans_of()[0]["max_loss_usd"][0]
    return {"greeks": WIDE, "max_trade_risk_pct": (loss + room_usd) / 100_000.0}


def attempts(made):
    return sorted(made.ledger.orders(), key=lambda order: order.attempt)


def climb(made, fake, minutes=4):
    for minute in range(1, minutes + 1):
        advance(made, NOW + timedelta(minutes=minute), fake)
    return attempts(made)


def test_an_entry_whose_next_price_breaks_a_limit_rests_at_its_own(tmp_path, resting):
    made = trader(tmp_path, resting.address, risk=tight(20.0))
    (first,) = trade(made)
    (order,) = climb(made, resting)
    assert (order.status, order.limit_price) == ("accepted", first.limit_price)
    assert statuses(resting) == ["new"]
    assert_sound(made, resting)


@pytest.mark.parametrize(("total", "count"), [(1.02, 1), (1.9, 3)])
def test_buying_power_that_an_entry_itself_holds_is_there_for_its_next_attempt(
    tmp_path, resting, total, count
):
    """`total` is the buying power over the entry's maximum loss; its ladder adds 3 and 6%."""
    made = trader(tmp_path, resting.address)
    loss = plans_of()[0]["max_loss_usd"][0]
    made = replace(made, broker=Reserving(made, total * loss))
    trade(made)
    orders = climb(made, resting)
    assert len(orders) == count
    assert statuses(resting) == [*["canceled"] * (count - 1), "new"]
    assert_sound(made, resting)


def test_an_entry_that_may_not_be_sent_higher_after_its_cancel_is_sent_where_it_was(
    tmp_path, resting
):
    made = trader(tmp_path, resting.address)
    (first,) = trade(made)
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    advance(made, NOW + timedelta(minutes=1), resting)
    resting.script("cancel", {"client_order_id": first.client_order_id})
    risk = replace(made.settings.risk, max_trade_risk_pct=tight(20.0)["max_trade_risk_pct"])
    made = replace(made, settings=replace(made.settings, risk=risk))
    advance(made, NOW + timedelta(minutes=1), resting)
    second = attempts(made)[-1]
    assert (second.attempt, second.limit_price) == (2, first.limit_price)
    assert statuses(resting) == ["canceled", "new"]
    assert_sound(made, resting)


def test_an_entry_that_may_not_be_sent_at_any_price_is_withdrawn(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    trade(made)
    risk = replace(made.settings.risk, max_trade_risk_pct=1e-6)
    made = replace(made, settings=replace(made.settings, risk=risk))
    first, second = climb(made, resting, minutes=1)
    assert (first.status, second.status) == ("canceled", "not_sent")
    assert second.reason == "MAX_TRADE_RISK"
    assert resting.count(POST) == 1


def test_an_entry_rests_while_the_broker_cannot_say_whether_it_may_climb(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    trade(made)
    away = {"on": "GET /v1beta1/options/quotes", "do": "status", "status": 502, "times": 999}
    resting.script("faults", away)
    (order,) = climb(made, resting, minutes=2)
    assert order.status == "accepted"
    resting.faults.clear()
    advance(made, NOW + timedelta(minutes=3), resting)
    assert len(attempts(made)) == 2
    assert statuses(resting) == ["canceled", "new"]
    assert_sound(made, resting)


def test_an_equity_that_hovers_at_the_cap_costs_an_entry_one_cancel_at_most(
    tmp_path, resting, monkeypatch
):
    made = trader(tmp_path, resting.address)
    trade(made)
    looks = []

    def at_every_other_look(*_):
        looks.append(None)
        return len(looks) % 2 == 1

    monkeypatch.setattr(EntrySizes, "is_within_cap", at_every_other_look)
    orders = climb(made, resting, minutes=10)
    assert len(orders) == 2
    assert statuses(resting) == ["canceled", "new"]
    assert_sound(made, resting)
