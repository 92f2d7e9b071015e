"""Orders of ours that a ledger does not know prove themselves by their ids."""

from datetime import date

import pytest

from options_platform.domain.trading.orders import (
    OrderLeg,
    client_order_id,
    exit_order_id,
    shares_leg,
)
from options_platform.domain.trading.reconciliation.adoption import (
    adopted_entry,
    adopted_exit,
    purpose_of,
    successor,
)
from options_platform.domain.trading.reports import BrokerOrder

SESSION, EXPIRY = date(2024, 1, 2), date(2024, 2, 16)
LOW, HIGH = OrderLeg("buy", "call", 470.0, EXPIRY), OrderLeg("sell", "call", 475.0, EXPIRY)
CONTRACTS = {LOW.symbol("SPY"): 3, HIGH.symbol("SPY"): -3}


def order_of(name, contracts=CONTRACTS, **changes):
    return BrokerOrder(name, "filled", 3, 1.5, 0.0, contracts=contracts, limit_price=1.6, **changes)


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_entry_of_the_account_is_adopted_with_its_legs_and_risk(attempt):
    name = client_order_id("paper", SESSION, "SPY", "entry", attempt)
    order = adopted_entry(order_of(name), "paper")
    assert (order.session, order.ticker, order.attempt) == (SESSION, "SPY", attempt)
    assert order.position_id == client_order_id("paper", SESSION, "SPY", "entry")
    assert (set(order.legs), order.contracts) == ({LOW, HIGH}, 3)
    assert order.max_loss_usd == pytest.approx(1.6 * 300)
    assert order.max_profit_usd == pytest.approx((5 - 1.6) * 300)


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_entry_of_a_rule_set_is_adopted_for_its_set(attempt):
    name = client_order_id("paper", SESSION, "SPY", "entry", attempt, "mine")
    order = adopted_entry(order_of(name), "paper")
    first = client_order_id("paper", SESSION, "SPY", "entry", rule_set="mine")
    assert (order.position_id, order.attempt, order.rule_set) == (first, attempt, "mine")
    assert adopted_entry(order_of(name.replace("mine", "other")), "paper") is None


def test_an_entry_of_another_account_or_pattern_is_not():
    name = client_order_id("another", SESSION, "SPY", "entry")
    assert adopted_entry(order_of(name), "paper") is None
    assert adopted_entry(order_of("by hand"), "paper") is None
    assert purpose_of(name) == "entry"
    assert purpose_of("by hand") is None


def test_an_exit_is_adopted_for_the_position_that_its_id_names():
    name = exit_order_id("p", SESSION, 2)
    order = adopted_exit(order_of(name), {"another": "QQQ", "p": "SPY"})
    assert (order.position_id, order.attempt, order.purpose) == ("p", 2, "exit")
    assert adopted_exit(order_of(name), {"another": "QQQ"}) is None
    assert purpose_of(name) == "exit"


def test_an_order_put_in_the_place_of_ours_is_its_next_attempt():
    first = adopted_entry(order_of(client_order_id("paper", SESSION, "SPY", "entry")), "paper")
    after = successor(first, order_of("5f1d3c"), [first])
    assert (after.client_order_id, after.attempt, after.position_id) == (
        "5f1d3c",
        2,
        first.position_id,
    )


def test_an_order_whose_legs_are_not_shown_is_not_adopted():
    name = client_order_id("paper", SESSION, "SPY", "entry")
    assert adopted_entry(order_of(name, contracts=None), "paper") is None
    assert adopted_entry(order_of(name, contracts={"SPY": 50}), "paper") is None


def test_an_exit_of_an_odd_number_of_shares_is_adopted_share_by_share():
    name = exit_order_id("p", SESSION)
    order = adopted_exit(order_of(name, contracts={"SPY": 149}), {"p": "SPY"})
    assert (order.legs, order.contracts) == ((shares_leg("buy"),), 149)
    assert adopted_exit(order_of(name, contracts={"SPY": 0}), {"p": "SPY"}) is None


def test_an_entry_that_trades_shares_is_none_of_ours():
    name = client_order_id("paper", SESSION, "SPY", "entry")
    assert adopted_entry(order_of(name, contracts={"SPY": 100}), "paper") is None
