from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest
from polars.testing import assert_frame_equal

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.links import FAILURE, PLANS, rows_as_frame
from options_platform.errors import SettingsError
from options_platform.services.forward.recording import (
    LATE,
    plain_rules,
    read_rules,
    record_session,
)
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings
from options_platform.settings.rule_sets import rules_digest
from options_platform_tests.forward_links import night, too_late
from options_platform_tests.platform import END, make_platform_settings, run
from options_platform_tests.services.forward.conftest import (
    DAYS,
    GAP,
    chain_of,
    platform_at,
    recorded_that_night,
)

OWN = 'version = 3\ntitle = "Mine"\n'


def recorded_frames(chain, name):
    contents = [link.content for link in chain.links if link.rule_set == name]
    rows = [row for content in contents for row in content.plans]
    legs = [row for content in contents for row in content.legs]
    return rows_as_frame(rows, TRADE_PLAN), rows_as_frame(legs, TRADE_PLAN_LEGS)


def test_what_is_recorded_is_the_trade_plan_of_the_set_bit_by_bit(recorded_home):
    chain = chain_of(recorded_home)
    plans, legs = recorded_frames(chain, "plan")
    warehouse = Warehouse(recorded_home.warehouse_path)
    for recorded, table in ((plans, TRADE_PLAN), (legs, TRADE_PLAN_LEGS)):
        stored = warehouse.read(table, start=DAYS[0], end=DAYS[-1])
        stored = stored.filter(stored["date"] != GAP).sort(table.key)
        assert stored.height > 8
        assert_frame_equal(recorded.sort(table.key), stored, check_exact=True)
    # No-trades are recorded as well, and every set, whether or not it sends orders.
    assert set(plans["decision"]) == {"trade", "no_trade"}
    assert {link.rule_set for link in chain.links} == {"plan", "premium_ladder"}
    link = chain.links[0]
    assert (link.content.version, link.content.digest) == (1, rules_digest(recorded_home))
    assert read_rules(link.content.trading) == recorded_home.backtest_rules


@pytest.mark.long
def test_another_set_is_recorded_as_it_would_be_planned_if_it_traded(home):
    (home.home / "rule_sets").mkdir()
    eager = files("options_platform.settings.rule_sets").joinpath("premium_ladder.toml").read_text()
    for old, new in (
        ('cadence = "week"', 'cadence = "session"'),
        ("needed = 2", "needed = 1"),
        ("0 = 0.03, 2 = 1.0", "0 = 1.0"),
    ):
        assert old in eager
        eager = eager.replace(old, new)
    (home.home / "rule_sets" / "eager.toml").write_text(eager)
    after = [shift(DAYS[-1], 1), shift(DAYS[-1], 2)]
    for day in after:
        recorded_that_night(home, day)
    decisions = set()
    for name, days in (
        ("premium_ladder", [*(day for day in DAYS if day != GAP), *after]),
        ("eager", after),
    ):
        run(
            make_platform_settings(home.home, rule_set=name),
            days[0],
            days[-1],
            assets=["trade_plan"],
        )
        plans, legs = recorded_frames(chain_of(home), name)
        warehouse = Warehouse(home.warehouse_path)
        for recorded, table in ((plans, TRADE_PLAN), (legs, TRADE_PLAN_LEGS)):
            stored = warehouse.read(table, start=days[0], end=days[-1])
            stored = stored.filter((stored["date"] != GAP) & (stored["rule_set"] == name))
            assert_frame_equal(recorded.sort(table.key), stored.sort(table.key), check_exact=True)
        decisions |= set(plans["decision"])
    assert decisions == {"trade", "no_trade"}


def test_the_same_evening_again_adds_no_link_and_a_late_one_leaves_a_gap(home):
    before = home.forward_record_path.read_bytes()
    again = recorded_that_night(home, DAYS[-1])
    assert (again.links, again.failures, again.not_recorded) == ([], {}, None)
    for day, moment in (
        (shift(DAYS[-1], 1), too_late(shift(DAYS[-1], 1))),
        # A session that is not the newest one, as in a backfill.
        (GAP, night(END)),
        (shift(DAYS[-1], 1), night(END)),
    ):
        late = record_session(platform_at(home, moment), day)
        assert (list(late.links), late.not_recorded) == ([], LATE)
        assert late.head.session == DAYS[-1]
    assert home.forward_record_path.read_bytes() == before


def test_plans_that_are_ready_only_after_the_open_are_late(home):
    opens = too_late(END)
    moments = iter([opens - timedelta(seconds=1), opens, opens])
    platform = make_platform(home, now=moments.__next__)
    late = record_session(platform, END)
    assert (late.links, late.not_recorded) == ([], LATE)


def test_a_set_that_cannot_be_read_or_planned_is_recorded_as_that_and_stops_no_other(home):
    folder = home.home / "rule_sets"
    folder.mkdir()
    (folder / "broken.toml").write_text("version = \n")
    (folder / "mine.toml").write_text(OWN)
    (folder / "odd.toml").write_text(OWN)
    platform = platform_at(home, night(END))

    def rules_of(name):
        if name == "odd":
            raise ZeroDivisionError("of a rule")
        return home.rules_of(name)

    recorded = record_session(platform_at(replace(home, rules_of=rules_of), night(END)), END)
    kinds = {link.rule_set: link.kind for link in recorded.links}
    assert kinds == {
        "plan": PLANS, "premium_ladder": PLANS, "mine": PLANS, "broken": FAILURE, "odd": FAILURE,
    }  # fmt: skip
    assert "broken.toml" in recorded.failures["broken"]
    assert recorded.failures["odd"] == "ZeroDivisionError: of a rule"
    # Once it can be planned, before the open, its plans are added, and nothing else.
    (folder / "broken.toml").write_text(OWN)
    later = record_session(platform, END)
    assert {link.rule_set: link.kind for link in later.links} == {"broken": PLANS, "odd": PLANS}
    assert chain_of(home).fault is None


def test_rules_of_trading_come_back_from_json_as_they_were():
    settings = make_settings(
        {
            "rule_set": "premium_ladder",
            "plan": {"costs": {"changes": {"2019-10-01": 0.65}}},
            "risk": {"gap": {"max_loss_pct": 0.1}, "betas": {"QQQ": 1.2}},
            "expiry": {"hold_to_expiry": True},
        }
    )
    assert read_rules(plain_rules(settings.backtest_rules)) == settings.backtest_rules


def test_each_set_is_planned_alone_in_the_whole_account_whatever_the_budgets_are(tmp_path):
    (tmp_path / "rule_sets").mkdir()
    (tmp_path / "rule_sets" / "mine.toml").write_text(f"{OWN}[exits]\ncredit_stop = 3.5\n")
    values = {"home": tmp_path, "account_value_usd": 80_000, "max_risk_usd": 900}
    traded = make_settings({**values, "budgets": {"mine": 0.3, "premium_ladder": 0.5}})
    for name in ("plan", "mine", "premium_ladder"):
        settings, expected = traded.alone(name), make_settings({**values, "rule_set": name})
        assert settings.backtest_rules == expected.backtest_rules
        assert settings.plan == expected.plan
        assert rules_digest(settings) == rules_digest(expected)
    with pytest.raises(SettingsError, match="no rule set 'other'"):
        traded.alone("other")
