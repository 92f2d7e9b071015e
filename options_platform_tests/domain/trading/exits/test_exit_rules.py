"""What holds for every position, beside the examples worked by hand."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exits.exit_rules import ExitRules, PositionMark, exit_reason

RULES = ExitRules()
EXPIRY = date(2024, 3, 15)
FLAT_BY = shift(EXPIRY, -1)


@st.composite
def marks(draw):
    """A spread between its worst and its best, any number of days before its expiry."""
    width = draw(st.integers(1, 20))
    price = round(width * draw(st.floats(0.02, 0.98)), 2)
    is_debit = draw(st.booleans())
    loss, profit = (price, width - price) if is_debit else (width - price, price)
    entry = price if is_debit else -price
    earned = draw(st.floats(-1, 1)) * (profit if draw(st.booleans()) else loss)
    earned = min(max(earned, -loss), profit)
    return PositionMark(
        entry_price=entry,
        close_price=entry + earned,
        max_loss=loss,
        max_profit=profit,
        entry_dte=draw(st.integers(14, 45)),
        expiry=EXPIRY,
        session=EXPIRY - timedelta(days=draw(st.integers(1, 45))),
        last_decision_on=FLAT_BY,
    )


@given(marks())
def test_nothing_is_held_into_its_expiry(mark):
    assert exit_reason(replace(mark, session=FLAT_BY), RULES) == "EXPIRY_NEAR"


@given(marks())
def test_a_total_loss_stops_and_a_whole_profit_is_taken(mark):
    early = replace(mark, session=EXPIRY - timedelta(days=45))
    lost = replace(early, close_price=early.entry_price - early.max_loss)
    won = replace(early, close_price=early.entry_price + early.max_profit)
    assert exit_reason(lost, RULES) == "STOP_LOSS"
    assert exit_reason(won, RULES) == "TAKE_PROFIT"


@given(marks())
def test_profit_is_taken_only_with_a_profit_and_a_loss_stopped_only_with_a_loss(mark):
    reason = exit_reason(mark, RULES)
    earned = mark.close_price - mark.entry_price
    if reason == "TAKE_PROFIT":
        assert earned > 0
    if reason == "STOP_LOSS":
        assert earned < 0


@given(marks(), st.integers(0, 44))
def test_a_position_once_due_stays_due_as_days_pass_at_the_same_price(mark, days):
    if exit_reason(mark, RULES) is not None:
        later = replace(mark, session=min(mark.session + timedelta(days=days), FLAT_BY))
        assert exit_reason(later, RULES) is not None


@given(marks(), st.floats(0, 5))
def test_a_worse_price_never_reopens_what_a_stop_has_closed(mark, drop):
    if exit_reason(mark, RULES) == "STOP_LOSS":
        worse = replace(mark, close_price=mark.close_price - drop)
        assert exit_reason(worse, RULES) == "STOP_LOSS"


STOP_ALONE = ExitRules(
    credit_take_profit=1.01, credit_stop=3.0, credit_stop_cap=1.0, debit_take_profit=1.01,
    exit_dte=0,
)  # fmt: skip


@given(marks())
def test_with_a_stop_alone_a_credit_is_held_until_three_credits_are_lost_or_it_is_due(mark):
    reason = exit_reason(mark, STOP_ALONE)
    if mark.session >= FLAT_BY:
        assert reason == "EXPIRY_NEAR"
    elif mark.entry_price < 0:
        credit, loss = -mark.entry_price, mark.entry_price - mark.close_price
        is_stopped = loss >= min(3.0 * credit, mark.max_loss)
        assert reason == ("STOP_LOSS" if is_stopped else None)
    else:
        assert reason in ("STOP_LOSS", None)
