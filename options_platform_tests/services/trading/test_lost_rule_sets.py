"""A set of the budgets that cannot be read any more: the account trades on without its entries."""

import pytest

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.forward_record import ForwardRecord
from options_platform.domain.forward.links import Content
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.services.forward.recorded_exits import with_recorded_exits
from options_platform.services.forward.recording import plain_rules
from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.session import TradingSession
from options_platform.testing.market import NOW
from options_platform.testing.plan_rows import one
from options_platform_tests.forward_links import night
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    WIDE_RISK,
    market,
    service,
)

SHARES = {"plan": 0.6, "mine": 0.4}
# Its exits are not those of the plan: a small loss ends the trade.
MINE = 'version = 1\ntitle = "Mine"\n[exits]\ndebit_stop = 0.01\n'
CLOSES = [250.0, 249.5, 248.0, 248.0]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "rule_sets").mkdir()
    (tmp_path / "rule_sets" / "mine.toml").write_text(MINE)
    return tmp_path


def made(home):
    trading = service(home, budgets=SHARES, risk={**WIDE_RISK, "max_positions_per_ticker": 6})
    settings = with_recorded_exits(trading.settings)
    return TradingSession(trading.ledger, trading.broker, settings)


def plans(settings, day):
    rows = one(date=day)
    of_sets = [settings.of_set(name).plan for name in settings.traded_sets]
    return plans_of_sets(rows, of_sets, lost=settings.lost_sets)[0]


def run(trading, number, planned=None):
    day = DAYS[number]
    planned = planned or plans(trading.settings, day)
    with trading.ledger.holding(), held(trading.broker.path, wait_seconds=10.0):
        trading.run_session(day, *planned, market(CLOSES), NOW)
    return trading.ledger


def exits_of(ledger):
    orders = ledger.orders()
    return {o.rule_set: o.reason for o in orders if o.purpose == "exit"}


def record(settings):
    day = DAYS[0]
    rules = plain_rules(settings.alone("mine").backtest_rules)
    content = Content(day, "mine", 1, "0" * 12, rules)
    ForwardRecord(settings.forward_record_path).append([content], lambda: night(day))


def lose(home, text=None):
    file = home / "rule_sets" / "mine.toml"
    file.unlink() if text is None else file.write_text(text)


@pytest.mark.parametrize("text", [None, "version = \n", MINE.replace("debit_stop", "debit_stopp")])
def test_the_others_trade_on_and_its_positions_are_left_by_its_own_exits(home, text):
    first = made(home)
    assert first.settings.of_set("mine").exits != first.settings.exits
    stored = plans(first.settings, DAYS[1])
    record(first.settings)
    run(first, 0)
    lose(home, text)

    later = made(home)
    assert list(later.settings.lost_sets) == ["mine"]
    assert later.settings.of_set("mine").exits.debit_stop == 0.01
    # Its plans of the evening were made before it was lost.
    ledger = run(later, 1, stored)
    assert {p.rule_set for p in ledger.positions()} == {"plan", "mine"}
    entries = {o.rule_set: o for o in ledger.orders(session=DAYS[1]) if o.purpose == "entry"}
    assert entries["plan"].status == "submitted"
    assert (entries["mine"].status, entries["mine"].reason) == ("not_sent", "RULE_SET_LOST")
    run(later, 2)
    assert exits_of(ledger) == {"mine": "STOP_LOSS"}
    run(later, 3)
    assert [p.exit_reason for p in ledger.positions() if p.rule_set == "mine"] == ["STOP_LOSS"]


def test_it_plans_no_trade_and_says_why(home):
    lose(home)
    settings = made(home).settings
    (planned, refused), legs = (frame.rows(named=True) for frame in plans(settings, DAYS[0]))
    assert (planned["rule_set"], planned["decision"]) == ("plan", "trade")
    assert (refused["rule_set"], refused["decision"]) == ("mine", "no_trade")
    assert refused["reasons"] == ["RULE_SET_LOST"]
    assert "there is no rule set 'mine'" in refused["needs"]
    assert {leg["plan_id"] for leg in legs} == {planned["plan_id"]}


def test_without_a_record_the_exits_of_the_plan_leave_its_positions(home):
    run(made(home), 0)
    lose(home)
    later = made(home)
    run(later, 1)
    ledger = run(later, 2)
    assert later.settings.of_set("mine").exits == later.settings.exits
    assert {p.rule_set for p in ledger.positions(only_open=True)} == {"plan", "mine"}
    assert exits_of(ledger) == {}


def test_a_record_that_cannot_be_read_leaves_the_exits_of_the_plan(home):
    record(made(home).settings)
    lose(home)
    path = made(home).settings.forward_record_path
    path.write_bytes(path.read_bytes().replace(b'"debit_stop":0.01', b'"debit_stop":0.02'))
    settings = made(home).settings
    assert settings.of_set("mine").exits == settings.exits


def test_an_alert_names_it_until_it_is_mended(home):
    run(made(home), 0)
    settings = made(home).settings

    def titles():
        return {a.title: a.text for a in alerts_of(settings, made(home).ledger, NOW)}

    title = "paper: CRITICAL: rule set mine cannot be read"
    assert title not in titles()
    # Also for a process that has read the settings before.
    lose(home)
    assert titles()[title].startswith(
        "It enters nothing, and its positions are left by the exits of plan: "
    )
    (home / "rule_sets" / "mine.toml").write_text(MINE)
    assert title not in titles()
