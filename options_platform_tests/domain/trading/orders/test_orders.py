import itertools
import math
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from options_platform.domain.trading.orders import (
    ENTRY_ID,
    EXIT_ID,
    TRANSITIONS,
    WORKING,
    LadderRules,
    Order,
    OrderLeg,
    client_order_id,
    closing,
    contracts_held,
    exit_order_id,
    in_lowest_terms,
    ladder,
    rule_set_of,
)
from options_platform.domain.trading.orders.price_ladder import worst_of_exit
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
FINAL = tuple(state for state in STATES if state not in (*WORKING, "missing"))


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
def test_no_path_leads_out_of_a_final_state_or_back_to_intent(path):
    order, seen = ORDER, []
    for state in path:
        try:
            order = order.to(state)
        except LedgerError:
            continue
        seen.append(order.status)
    moves = [state for at, state in enumerate(seen) if at == 0 or seen[at - 1] != state]
    assert all(state not in FINAL for state in moves[:-1])
    assert "intent" not in moves[1:]


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


def test_an_attempt_has_an_id_of_its_own_and_the_first_keeps_the_plain_one():
    args = ("paper", DAY, "SPY", "entry")
    ids = [client_order_id(*args, attempt=n) for n in (1, 2, 3)]
    assert ids[0] == client_order_id(*args)
    assert len(set(ids)) == 3
    assert ids[1].startswith("20240102-SPY-entry-2-")
    assert exit_order_id("p", DAY, 2) != exit_order_id("p", DAY)


def test_fills_never_fall_and_never_pass_what_was_ordered():
    part = replace(ORDER, status="accepted").to("partially_filled", filled_qty=3, avg_price=2.0)
    for wrong in (2, 6):
        with pytest.raises(LedgerError, match=f"3 of 5 filled and cannot have {wrong}"):
            part.to("partially_filled", filled_qty=wrong)
    assert part.remaining == 2


def test_an_order_ends_at_the_close_of_the_session_after_its_decision():
    """2 January 2024 is a Tuesday; 3 July 2024 is followed by a holiday, and the 5th by 16:00."""
    assert ORDER.expires_at.isoformat() == "2024-01-03T16:00:00-05:00"
    eve = replace(ORDER, session=date(2024, 7, 2))
    assert eve.expires_at.isoformat() == "2024-07-03T13:00:00-04:00"


def test_ratios_are_reduced_to_lowest_terms_without_changing_what_is_bought():
    legs = tuple(replace(leg, ratio=2 * n) for n, leg in enumerate(LEGS, start=1))
    twice = replace(ORDER, legs=legs, contracts=3, limit_price=4.2)
    reduced = in_lowest_terms(twice)
    assert [leg.ratio for leg in reduced.legs] == [1, 2]
    assert (reduced.contracts, reduced.limit_price) == (6, 2.1)
    done = [replace(o, filled_qty=o.contracts) for o in (twice, reduced)]
    assert contracts_held(done[:1]) == contracts_held(done[1:])
    assert in_lowest_terms(reduced) is reduced


def test_contracts_are_netted_over_orders_that_share_them():
    """Long 470/475 and short 475/480 leave no 475 but two sold."""
    upper = (replace(LEGS[0], strike=475.0), replace(LEGS[1], strike=480.0))
    lower = replace(ORDER, filled_qty=5)
    same = replace(ORDER, legs=upper, filled_qty=5)
    assert contracts_held([lower, same]) == {
        "SPY240202C00470000": 5,
        "SPY240202C00480000": -5,
    }
    assert contracts_held([lower, replace(lower, legs=closing(LEGS))]) == {}


def test_a_ladder_worked_by_hand():
    """A debit of 2.00 that may give way by 10%: 2.00, 2.10, 2.20; a credit likewise to 1.80."""
    rules = LadderRules(rungs=3, entry_concession=0.1, exit_concession=0.1)
    for purpose in ("entry", "exit"):
        assert rules.prices("SPY", purpose, 2.0, LEGS) == pytest.approx([2.0, 2.1, 2.2])
        assert rules.prices("SPY", purpose, -2.0, closing(LEGS)) == pytest.approx(
            [-2.0, -1.9, -1.8]
        )


def test_what_is_nearly_worthless_is_closed_at_a_cost_and_never_opened_at_one():
    rules = LadderRules(rungs=3)
    assert rules.prices("SPY", "exit", 0.02, LEGS) == pytest.approx([0.02, 0.07, 0.12])
    assert rules.prices("SPY", "entry", -0.02, LEGS) == pytest.approx([-0.02])


def test_an_exit_never_pays_more_than_the_width_and_gives_no_spread_away():
    """470/475: buying it back costs at most 5, selling it brings at least a cent."""
    rules = LadderRules(rungs=4)
    assert rules.prices("SPY", "exit", 4.6, LEGS) == pytest.approx([4.6, 4.73, 4.86, 5.0])
    assert rules.prices("SPY", "exit", 25.0, LEGS) == [5.0]
    assert rules.prices("SPY", "exit", -0.02, closing(LEGS)) == pytest.approx([-0.02, -0.01])


@given(
    st.integers(-3000, 3000).map(lambda cents: cents / 100),
    st.floats(0, 20),
    st.integers(1, 9),
)
def test_a_ladder_rises_from_the_fair_price_to_its_worst_price_and_keeps_its_sign(
    fair, give, rungs
):
    prices = ladder(fair, give, rungs)
    assert 1 <= len(prices) <= rungs
    assert prices[0] == pytest.approx(fair)
    assert all(later > earlier for earlier, later in itertools.pairwise(prices))
    assert prices[-1] <= fair + give + 1e-6
    assert all(price * fair > 0 for price in prices) or fair == 0
    assert all(round(price * 100) == pytest.approx(price * 100) for price in prices)


def test_ids_of_the_default_set_are_those_of_before_there_were_sets():
    """Stored orders, and orders at the broker, keep their ids: values of the version before."""
    first, second = "20240102-SPY-entry-11577bec64", "20240102-SPY-entry-2-593390f8ec"
    assert client_order_id("paper", DAY, "SPY", "entry") == first
    assert client_order_id("paper", DAY, "SPY", "entry", 2) == second
    assert client_order_id("paper", DAY, "SPY", "entry", 2, "plan") == second


@given(
    ticker=st.from_regex(r"[A-Z][A-Z0-9.-]{0,9}", fullmatch=True),
    attempt=st.integers(1, 99),
    names=st.lists(
        st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), min_size=2, max_size=2, unique=True
    ),
)
@example(ticker="SPY", attempt=1, names=["entry", "exit"])
@example(ticker="BRK.B", attempt=2, names=["exercise", "abcdef0123"])
def test_an_id_names_its_rule_set_and_no_two_sets_share_one(ticker, attempt, names):
    ids = [client_order_id("paper", DAY, ticker, "entry", attempt, name) for name in names]
    assert [rule_set_of(number) for number in ids] == names
    said = [pattern.groups() for number in ids if (pattern := ENTRY_ID.fullmatch(number))]
    attempt_said = str(attempt) if attempt > 1 else None
    assert said == [("20240102", ticker, name, attempt_said) for name in names]
    assert not any(EXIT_ID.fullmatch(number) for number in ids)
    assert len({*ids, *(exit_order_id(number, DAY) for number in ids)}) == 4
    assert all(len(number) <= 128 for number in ids)


def test_an_id_that_is_not_ours_is_of_the_default_set():
    for number in ("by hand", "5f1d3c", exit_order_id("p", DAY), ""):
        assert rule_set_of(number) == "plan"
    mine = client_order_id("paper", DAY, "SPY", "entry", rule_set="mine")
    assert replace(ORDER, position_id=mine, purpose="exit").rule_set == "mine"
    assert ORDER.rule_set == "plan"


@pytest.mark.parametrize(
    ("held", "fair_price", "worst"),
    [
        # A spread of 5 is worth 0 to 5: bought ones bring a cent, sold ones cost 5 at the most.
        (LEGS, -2.0, -0.01),
        (LEGS, 0.0, -0.01),
        (closing(LEGS), 2.0, 5.0),
        (LEGS[:1], -3.0, -0.01),
        # A sold call alone has no bound.
        (LEGS[1:], 3.0, math.inf),
        (
            (OrderLeg("sell", "put", 450.0, EXPIRY), OrderLeg("buy", "put", 440.0, EXPIRY),
             *closing(LEGS)),
            3.0,
            10.0,
        ),
    ],
)  # fmt: skip
def test_an_exit_has_a_worst_price_and_no_rung_is_beyond_it(held, fair_price, worst):
    legs = closing(held)
    assert worst_of_exit(fair_price, legs) == worst
    prices = LadderRules(exit_concession_usd=99.0).prices("SPY", "exit", fair_price, legs)
    assert max(prices) <= worst
