from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.alert_kinds import OTHER, kind_of
from options_platform.domain.trading.alerts import (
    AccountState,
    AlertRules,
    account_alerts,
    newest_due,
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"drawdown_pct": 5.0}, {"missed_after_hours": 0.0}, {"every_seconds": 0},
        {"escalations": -1}, {"escalate_after_minutes": -1.0}, {"same_within_minutes": -1.0},
        {"quiet_hours": "22 to 7"}, {"quiet_hours": "22:00-22:00"}, {"quiet_hours": "25:00-07:00"},
        {"quiet_zone": "Mars/Olympus"},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AlertRules(**wrong)


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("22:00-07:00", ("22:00", "23:59", "00:00", "06:59"), ("21:59", "07:00", "12:00")),
        ("12:00-13:30", ("12:00", "13:29"), ("11:59", "13:30", "00:00")),
        ("", (), ("00:00", "03:00")),
    ],
)
def test_quiet_hours_are_those_of_their_zone_and_may_pass_midnight(hours, quiet, loud):
    rules = AlertRules(quiet_hours=hours, quiet_zone="Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    for clock, is_quiet in (*((t, True) for t in quiet), *((t, False) for t in loud)):
        now = datetime.combine(FRIDAY, time.fromisoformat(clock), berlin).astimezone(UTC)
        assert rules.is_quiet(now) is is_quiet, clock


def test_every_alert_is_of_a_listed_kind_with_its_severity():
    state = replace(
        CALM, halted="by hand", paused="a loss", unsure={"id-1": "wide"}, orders=(ORDER,),
        differences=(Difference("CASH", "cash", "5 USD less"),), equities_usd=(100.0, 50.0),
        newest_run=date(2024, 7, 3), refused=EquityRefusals(3, 8, 9_120.5, 10_000.0),
        market_priced={"QQQ": "off"}, without_bars=(("OLD", None),), lost_sets={"mine": "lost"},
        assigned={"id-1": "100 shares"}, moved_reports={"id-1 2024-07-20": "moved"},
    )  # fmt: skip
    alerts = account_alerts(state, SATURDAY_NOON, RULES)
    kinds = {kind_of(alert.key).name: alert.severity for alert in alerts}
    assert "other" not in kinds
    assert len(kinds) == len(alerts) == 13
    critical = {name for name, severity in kinds.items() if severity == "critical"}
    assert critical == {"halted", "rule_set_lost", "assigned", "difference", "daily_missing"}
    assert len({alert.id for alert in alerts}) == len(alerts)


def test_a_longer_beginning_of_a_key_decides_its_kind():
    assert kind_of("forward head lost 3 ab").severity == "critical"
    assert kind_of("forward head 3 ab").severity == "info"
    assert kind_of("something new") is OTHER
