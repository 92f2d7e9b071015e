from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.orders import (
    TRANSITIONS,
    WORKING,
    Order,
    OrderLeg,
    client_order_id,
    closing,
    exit_order_id,
)
from options_platform.errors import LedgerError

DAY, EXPIRY = date(2024, 1, 2), date(2024, 2, 2)
LEGS = (OrderLeg("buy", "call", 470.0, EXPIRY), OrderLeg("sell", "call", 475.0, EXPIRY))
ORDER = Order(
    client_order_id="20240102-SPY-entry-0",
    session=DAY,
    ticker="SPY",
    purpose="entry",
    position_id="20240102-SPY-entry-0",
    plan_id="p",
    strategy="bull_call_spread",
    legs=LEGS,
    contracts=5,
    limit_price=2.1,
    max_loss_usd=1063.0,
    max_profit_usd=1437.0,
)
STATES = tuple(TRANSITIONS)
FINAL = tuple(state for state in STATES if state not in WORKING)


@pytest.mark.parametrize("state", STATES)
def test_only_the_listed_states_may_follow(state):
    order = replace(ORDER, status=state)
    for after in STATES:
        if after == state:
            continue
        if after in TRANSITIONS[state]:
            assert order.to(after).status == after
        else:
            with pytest.raises(LedgerError, match=f"is {state} and cannot become {after}") as said:
                order.to(after)
            assert "options-platform reconcile" in str(said.value)


def test_final_states_are_final_and_working_ones_can_end():
    assert set(FINAL) == {"not_sent", "filled", "canceled", "expired", "rejected"}
    for state in WORKING:
        assert TRANSITIONS[state] & set(FINAL)


def test_an_order_that_was_never_sent_cannot_be_filled():
    with pytest.raises(LedgerError):
        replace(ORDER, status="not_sent").to("filled")


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_no_path_leads_out_of_a_final_state_or_back_to_pending(path):
    order, seen = ORDER, []
    for state in path:
        try:
            order = order.to(state)
        except LedgerError:
            continue
        seen.append(order.status)
    moves = [state for at, state in enumerate(seen) if at == 0 or seen[at - 1] != state]
    assert all(state not in FINAL for state in moves[:-1])
    assert "pending" not in moves[1:]


def test_a_state_that_stays_keeps_what_is_new_about_it():
    part = replace(ORDER, status="submitted").to("partially_filled", filled_qty=2, avg_price=2.0)
    more = part.to("partially_filled", filled_qty=3, avg_price=2.05)
    assert (more.filled_qty, more.avg_price) == (3, 2.05)
    assert part.to("partially_filled") == part


def test_a_final_state_takes_no_other_content():
    filled = replace(ORDER, status="submitted").to("filled", filled_qty=5, avg_price=2.0)
    assert filled.to("filled", filled_qty=5, avg_price=2.0) == filled
    with pytest.raises(LedgerError, match="is filled and cannot change"):
        filled.to("filled", avg_price=2.5)


def test_the_id_of_an_order_is_known_before_it_is_sent_and_is_its_own():
    ids = {
        client_order_id(account, day, ticker, purpose)
        for account in ("paper", "replay")
        for day in (DAY, EXPIRY)
        for ticker in ("SPY", "QQQ")
        for purpose in ("entry", "exit")
    }
    assert len(ids) == 16
    assert client_order_id("paper", DAY, "SPY", "entry") in ids
    assert client_order_id("paper", DAY, "SPY", "entry").startswith("20240102-SPY-entry-")
    exits = {exit_order_id(position, DAY) for position in ids}
    assert len(exits) == 16
    assert not exits & ids
    # Brokers take at most 128 characters, of a plain alphabet.
    assert all(len(number) <= 48 and number.replace("-", "").isalnum() for number in ids | exits)


def test_closing_undoes_each_leg_and_closing_twice_is_nothing():
    undone = closing(LEGS)
    assert [leg.side for leg in undone] == ["sell", "buy"]
    assert [(leg.strike, leg.right, leg.expiry) for leg in undone] == [
        (leg.strike, leg.right, leg.expiry) for leg in LEGS
    ]
    assert closing(undone) == LEGS
