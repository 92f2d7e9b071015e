from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.alerts import (
    AccountState,
    Alert,
    AlertRules,
    account_alerts,
    newest_due,
    sent_sizes,
    unsent,
)
from options_platform.domain.trading.equity_refusals import EquityRefusals
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.reconciliation.differences import Difference

RULES = AlertRules()
FRIDAY, MONDAY = date(2024, 7, 5), date(2024, 7, 8)
SATURDAY_NOON = datetime(2024, 7, 6, 12, tzinfo=NEW_YORK)
CALM = AccountState("paper", None, (), (), (100.0, 99.0), FRIDAY)
ORDER = Order(
    "id-1", FRIDAY, "SPY", "entry", "id-1", "plan", "bull_put_spread",
    (OrderLeg("buy", "put", 1.0, MONDAY),), 1, -0.5, 50.0, 50.0,
    status="rejected", reason="insufficient buying power",
)  # fmt: skip


def keys(state, now=SATURDAY_NOON, rules=RULES):
    return [alert.key for alert in account_alerts(state, now, rules)]


def test_a_calm_account_is_told_of_nothing():
    assert keys(CALM) == []
    assert keys(replace(CALM, equities_usd=())) == []


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"halted": "DAILY_LOSS: 4,000 USD lost"}, "halted", "DAILY_LOSS"),
        ({"paused": "DAILY_LOSS: 4,000 USD lost"}, "paused", "DAILY_LOSS"),
        ({"unsure": {"id-1": "wide since 10:00"}}, "quotes id-1", "wide since 10:00"),
        (
            {"differences": (Difference("CASH", "cash", "the broker has 5 USD less"),)},
            "difference CASH cash",
            "5 USD less",
        ),
        ({"orders": (ORDER,)}, "rejected id-1", "insufficient buying power"),
        ({"equities_usd": (100.0, 110.0, 104.5)}, "drawdown", "5.0% below its peak"),
        ({"newest_run": date(2024, 7, 3)}, "missed 2024-07-05", "options-platform daily"),
        (
            {"refused": EquityRefusals(3, 8, 9_120.5, 10_000.0)},
            "equity",
            "set it to 7,200 to 8,200",
        ),
        ({"market_priced": {"QQQ": "5.9 vol points off"}}, "index QQQ", "5.9 vol"),
        (
            {"without_bars": (("OLD", date(2024, 6, 28)),)},
            "no bar OLD 2024-06-28",
            "OLD does not trade",
        ),
    ],
)
def test_each_condition_is_told_with_its_cause(change, key, said):
    (alert,) = account_alerts(replace(CALM, **change), SATURDAY_NOON, RULES)
    assert alert.key == key
    assert said in alert.text
    assert alert.title.startswith("paper: ")


def test_a_drawdown_below_its_limit_and_a_filled_order_are_nothing():
    assert keys(replace(CALM, equities_usd=(110.0, 104.6))) == []
    assert keys(replace(CALM, orders=(replace(ORDER, status="filled"),))) == []


def test_a_daily_run_is_missed_three_hours_after_its_start():
    """Friday's run starts on Saturday at 00:30; Thursday 4 July was a holiday."""
    late = datetime(2024, 7, 6, 3, 30, tzinfo=NEW_YORK)
    assert newest_due(late - timedelta(minutes=1), RULES) == date(2024, 7, 3)
    assert newest_due(late, RULES) == FRIDAY
    assert newest_due(datetime(2024, 7, 8, 23, tzinfo=NEW_YORK), RULES) == FRIDAY


def test_a_history_that_has_ended_is_not_missed():
    old = replace(CALM, newest_run=date(2018, 12, 31))
    assert keys(replace(old, data_end=date(2018, 12, 31))) == []
    assert keys(replace(old, data_end=date(2019, 1, 2))) == ["missed 2019-01-02"]


def test_a_home_that_never_ran_misses_nothing():
    assert keys(replace(CALM, newest_run=None)) == []


@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=12))
def test_each_spell_of_a_condition_is_told_once(spells):
    told, before = {}, set()
    for holding in spells:
        found = [Alert(key, "", "") for key in sorted(holding)]
        fresh = [alert.key for alert in unsent(found, told)]
        assert set(fresh) == holding - before
        told = sent_sizes(found, told, fresh)
        before = holding


@given(st.lists(st.floats(5.0, 1e6), min_size=1, max_size=20))
def test_a_difference_in_cash_is_told_again_each_time_it_has_doubled(amounts):
    told, rung = {}, []
    for amount in amounts:
        differ = (Difference("CASH", "cash", "the broker has less", -amount),)
        found = account_alerts(replace(CALM, differences=differ), SATURDAY_NOON, RULES)
        fresh = unsent(found, told)
        rung += [alert.size for alert in fresh]
        assert max(amounts[: amounts.index(amount) + 1]) < 2 * rung[-1]
        told = sent_sizes(found, told, [alert.key for alert in fresh])
    assert rung[0] == amounts[0]
    assert all(later >= 2 * earlier for earlier, later in pairwise(rung))


def test_cents_do_not_ring_and_a_difference_that_grew_does():
    told = {"difference CASH cash": 100.0}
    for amount, count in ((100.04, 0), (199.99, 0), (5_100.0, 1), (40.0, 0)):
        alert = Alert("difference CASH cash", "", "", amount)
        assert len(unsent([alert], told)) == count, amount


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_what_was_not_delivered_is_tried_again_until_it_is(delivered):
    found, told, count = [Alert("halted", "", "")], {}, 0
    for works in delivered:
        fresh = [alert.key for alert in unsent(found, told)]
        sent = fresh if works else []
        count += len(sent)
        told = sent_sizes(found, told, sent)
    assert count == (1 if any(delivered) else 0)


@pytest.mark.parametrize(
    "wrong", [{"drawdown_pct": 5.0}, {"missed_after_hours": 0.0}, {"every_seconds": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AlertRules(**wrong)
