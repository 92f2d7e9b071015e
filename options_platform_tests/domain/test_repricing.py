from dataclasses import replace
from datetime import date, datetime

import pytest

from options_platform.domain.calendar import NEW_YORK
from options_platform.domain.repricing import deciding_session, rung_of, with_next_attempt
from options_platform_tests.domain.test_orders import ORDER


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


def test_a_ladder_begins_anew_with_another_reason_and_after_an_order_that_filled():
    def attempt(number, status, reason="STOP_LOSS"):
        return replace(ORDER, purpose="exit", attempt=number, status=status, reason=reason)

    first, second = attempt(1, "canceled"), attempt(2, "canceled")
    third = attempt(3, "accepted")
    assert rung_of(third, [first, second, third]) == (first, 2)
    hurried = attempt(3, "accepted", "FLATTEN")
    assert rung_of(hurried, [first, second, hurried]) == (hurried, 0)
    assert rung_of(third, [first, replace(second, status="filled"), third]) == (third, 0)
    other = replace(second, position_id="other")
    assert rung_of(third, [first, other, third]) == (third, 0)


def test_the_marked_attempts_of_an_entry_are_one_ladder():
    first = replace(ORDER, status="canceled", reason="REPRICE")
    second = replace(ORDER, attempt=2, status="accepted")
    assert rung_of(second, [first, second]) == (first, 1)
