from dataclasses import replace
from datetime import date, datetime

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import LadderRules
from options_platform.domain.trading.repricing import (
    deciding_session,
    next_price,
    price_after_worst,
    price_within,
    with_next_attempt,
)
from options_platform_tests.domain.trading.orders.test_orders import ORDER


def test_the_next_attempt_of_an_entry_risks_what_it_pays_more():
    """5 spreads at 2.20 in place of 2.10: 50 USD more to lose and less to gain."""
    done = replace(ORDER, status="canceled")
    new = with_next_attempt(done, "n", 2.2)
    assert (new.status, new.attempt, new.contracts, new.limit_price) == ("intent", 2, 5, 2.2)
    assert new.max_loss_usd == pytest.approx(1063.0 + 50.0)
    assert new.max_profit_usd == pytest.approx(1437.0 - 50.0)
    assert (new.filled_qty, new.avg_price, new.placed_at) == (0, None, None)


def test_the_next_attempt_of_an_exit_is_for_what_is_left():
    part = replace(
        ORDER, purpose="exit", status="canceled", filled_qty=2, avg_price=-2.0, max_loss_usd=0.0
    )
    new = with_next_attempt(part, "n", -1.9)
    assert (new.contracts, new.filled_qty, new.max_loss_usd) == (3, 0, 0.0)


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2024-01-03T08:00", date(2024, 1, 2)),
        ("2024-01-03T15:59", date(2024, 1, 2)),
        ("2024-01-03T16:00", date(2024, 1, 3)),
        ("2024-07-03T13:00", date(2024, 7, 3)),
        ("2024-01-06T12:00", date(2024, 1, 5)),
        ("2024-07-04T12:00", date(2024, 7, 3)),
    ],
)
def test_an_order_decided_now_works_until_the_next_close(now, wanted):
    """Before and after the close, after an early one, on a Saturday and on a holiday."""
    moment = datetime.fromisoformat(now).replace(tzinfo=NEW_YORK)
    session = deciding_session(moment)
    assert session == wanted
    assert replace(ORDER, session=session).expires_at > moment


# From 1.00 the rungs are 1.00, 1.20 and 1.40.
EXITS = LadderRules(rungs=3, exit_concession=0.4)


def exit_attempt(number, price, status="canceled", reason="STOP_LOSS"):
    return replace(
        ORDER, purpose="exit", attempt=number, limit_price=price, status=status, reason=reason
    )


def test_an_order_climbs_the_ladder_that_its_first_attempt_began():
    orders = [exit_attempt(number, price) for number, price in enumerate((1.0, 1.2, 1.4), 1)]
    assert [next_price(order, orders, EXITS) for order in orders] == [1.2, 1.4, None]
    # What is left on the last rung is sent at its price again.
    assert next_price(exit_attempt(4, 1.4), orders, EXITS) is None


def test_a_ladder_begins_anew_with_another_reason_and_after_an_order_that_filled():
    first, second = exit_attempt(1, 1.0), exit_attempt(2, 1.4)
    third = exit_attempt(3, 1.4, "accepted")
    assert next_price(third, [first, second, third], EXITS) is None
    hurried = exit_attempt(3, 1.4, "accepted", "FLATTEN")
    assert next_price(hurried, [first, second, hurried], EXITS) == 1.68
    assert next_price(third, [first, replace(second, status="filled"), third], EXITS) == 1.68
    overtaken = [replace(first, reason="TIME"), second, third]
    assert next_price(third, overtaken, EXITS) is None
    other = replace(second, position_id="other")
    assert next_price(third, [first, other, third], EXITS) == 1.68


def test_an_exit_that_was_priced_anew_ends_at_the_worst_price_of_its_own_ladder():
    """2.00 is on no rung of 1.00: the rungs from there on are 2.00, 2.40 and 2.80."""
    orders = [exit_attempt(1, 1.0), exit_attempt(2, 2.0)]
    while (price := next_price(orders[-1], orders, EXITS)) is not None and len(orders) < 9:
        orders.append(exit_attempt(len(orders) + 1, price))
    assert [order.limit_price for order in orders] == [1.0, 2.0, 2.4, 2.8]


def test_the_marked_attempts_of_an_entry_are_one_ladder():
    rules = LadderRules(rungs=3, entry_concession=0.1)
    first = replace(ORDER, limit_price=2.0, status="canceled", reason="REPRICE")
    second = replace(ORDER, limit_price=2.1, attempt=2, status="accepted")
    assert next_price(second, [first, second], rules) == 2.2
    assert next_price(replace(second, limit_price=2.2), [first], rules) is None


def test_an_order_without_a_limit_has_no_rungs():
    assert next_price(replace(ORDER, limit_price=None), [], EXITS) is None


@pytest.mark.parametrize(
    ("price", "worst", "allowed"),
    [
        (1.4, float("inf"), 1.4),
        (1.4, 1.4, 1.4),
        (1.4, 1.308, 1.3),
        (1.4, 1.2, None),
        (1.4, 0.9, None),
    ],
)
def test_no_rung_is_above_the_worst_price_that_is_allowed(price, worst, allowed):
    """One that stands there already, or above it, stays."""
    assert price_within(exit_attempt(2, 1.2, "accepted"), price, worst) == allowed


def test_a_market_beyond_an_exits_limit_is_followed_and_one_short_of_it_is_not():
    standing = exit_attempt(3, 1.4, "accepted")
    assert price_after_worst(standing, 1.41, EXITS) == 1.41
    assert price_after_worst(standing, 1.4, EXITS) is None
    assert price_after_worst(standing, 0.9, EXITS) is None
    # What 470/475 costs is 5 at most.
    assert price_after_worst(standing, 7.0, EXITS) == 5.0
    assert price_after_worst(replace(standing, limit_price=5.0), 7.0, EXITS) is None
    assert price_after_worst(replace(standing, limit_price=None), 7.0, EXITS) is None
