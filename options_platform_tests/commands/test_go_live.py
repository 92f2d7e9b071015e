"""The go-live gate of a home, from the shell: what it asks for, and who overrides it."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.adapters.storage.outbox import Outbox
from options_platform.adapters.storage.outbox.file import FILE
from options_platform.cli import main
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.alerts import Alert
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.services.trading.entries.checks import EntryChecks
from options_platform.settings import load_settings
from options_platform_tests.fakes.receiver import receiver
from options_platform_tests.paper_run import paper_run
from options_platform_tests.printed import flat

LIVE = 'broker = "alpaca"\n[alpaca]\nlive = true\naccounts = ["123"]\n'
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    return paper_run(tmp_path_factory.mktemp("traded"))


@pytest.fixture
def home(traded, tmp_path, monkeypatch):
    """A home of a paper account, in which real money is to be traded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.toml").write_text(LIVE)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(traded.settings.home / "ledger.duckdb", home)
    of_broker(home, "alpaca")
    monkeypatch.setenv("OPTIONS_HOME", str(home))
    return home


def of_broker(home, name):
    """Make the paper account one at this broker."""
    with duckdb.connect(home / "ledger.duckdb") as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'broker'", [name])


def said(capsys, *words, code):
    assert main(["go-live", *words]) == code
    return flat(capsys.readouterr().out)


def drilled(home, capsys):
    """Do all that the gate asks for beside trades: a delivery, a halt, a rehearsed restore."""
    now = datetime.now(UTC)
    outbox = Outbox(home / FILE)
    outbox.record([Alert("test", "a test", "")], ["address"], now, AlertRules())
    (message,) = outbox.undelivered()
    outbox.note_attempt(message, now, delivered=True)
    ledger = Ledger(home / "ledger.duckdb", broker="alpaca")
    ledger.halt("a test", now - HOUR)
    ledger.resume("a test", now)
    archive = home.parent / "home.tar.gz"
    assert main(["backup", str(archive)]) == 0
    assert main(["restore", str(archive), "--rehearse"]) == 0
    assert "can be restored" in flat(capsys.readouterr().out)


def test_each_drill_counts_and_trades_on_paper_are_still_missing(home, traded, capsys):
    closed = sum(p.closed_on is not None for p in traded.ledger.positions())
    before = said(capsys, code=1)
    for missing in ("alerts: never tried", "kill switch: never tried", "backup: never tried"):
        assert f"MISSING {missing}" in before
    assert f"MISSING record: {closed} closed trades; looked at with 30, 60, 120" in before
    drilled(home, capsys)
    after = said(capsys, code=1)
    for passed in ("alerts: tried on", "kill switch: tried on", "backup: tried on",
                   "reconciliation: "):  # fmt: skip
        assert f"ok {passed}" in after
    assert "the next look is at 30 trades" in after
    assert "The gate is closed" in after


def test_only_a_person_with_a_name_and_a_reason_overrides_it_in_the_audit(home, capsys):
    assert main(["go-live", "--override", "Ada"]) == 2
    assert "an override needs a name and a reason" in flat(capsys.readouterr().err)
    shown = said(capsys, "--override", "Ada", "--reason", "small and watched", code=0)
    assert "OVERRIDDEN by Ada on" in shown
    live = load_settings(home.parent, {"OPTIONS_HOME": str(home)})
    (event,) = open_ledger(live).table("account_events").rows(named=True)
    assert event["kind"] == "go_live_override"
    assert "Ada" in event["detail"]
    assert "small and watched (not passed: record, profit factor, alerts" in event["detail"]
    assert "The gate is closed" in said(capsys, "--revoke", code=1)
    assert main(["go-live", "--revoke"]) == 2
    assert "no override is in force" in flat(capsys.readouterr().err)


def test_without_real_money_there_is_nothing_to_override(home, capsys):
    (home.parent / "options.toml").write_text('broker = "simulated"\n')
    assert main(["go-live", "--override", "Ada", "--reason", "why not"]) == 2
    assert "no real money is traded here" in flat(capsys.readouterr().err)


def test_an_entry_for_real_money_waits_for_the_gate_and_one_on_paper_does_not(home, traded):
    live = load_settings(home.parent, {"OPTIONS_HOME": str(home)})
    order = next(o for o in traded.ledger.orders() if o.purpose == "entry")

    def codes(settings):
        checks = EntryChecks(traded.ledger, open_broker(traded.settings), settings, {}, {}, {})
        return checks.rules_broken(order)

    assert "GO_LIVE" in codes(live)
    assert "GO_LIVE" not in codes(replace(live, broker="simulated"))
    assert main(["go-live", "--override", "Ada", "--reason", "small and watched"]) == 0
    assert "GO_LIVE" not in codes(live)
    # A gate that cannot be asked is closed.
    (home / "ledger-live.duckdb").write_bytes(b"no ledger")
    assert "GO_LIVE" in codes(live)


def test_a_record_at_another_broker_proves_nothing(home, capsys):
    of_broker(home, "simulated")
    shown = said(capsys, code=1)
    assert "MISSING record: the ledger ledger.duckdb belongs to account paper" in shown


def test_the_record_may_be_in_another_home_and_the_drills_are_of_this_one(home, traded, capsys):
    closed = sum(p.closed_on is not None for p in traded.ledger.positions())
    drilled(home, capsys)
    (home.parent / "options.toml").write_text(LIVE + '[go_live]\npaper_home = "home"\n')
    (home.parent / "live").mkdir()
    other = ["--home", str(home.parent / "live")]
    shown = said(capsys, *other, code=1)
    assert f"{closed} closed trades" in shown
    assert "MISSING kill switch: never tried" in shown
    assert said(capsys, *other, "--override", "Ada", "--reason", "small", code=0)
    ledger = Ledger(home.parent / "live" / "ledger-live.duckdb", label="live", broker="alpaca")
    ledger.halt("a test")
    ledger.resume("a test")
    assert "ok kill switch" in said(capsys, *other, code=0)


def test_a_halt_of_losses_or_of_a_restore_is_no_drill(home, capsys):
    ledger = Ledger(home / "ledger.duckdb", broker="alpaca")
    for reason in ("RESTORED from a.tar.gz", "DAILY_LOSS: 900.00 USD lost, the limit is 500.00"):
        ledger.halt(reason)
        ledger.resume("looked at")
    shown = said(capsys, code=1)
    assert "MISSING kill switch: never tried" in shown
    assert "ok backup: tried on" in shown


def test_sessions_count_from_the_day_on_which_a_difference_was_gone(home, capsys):
    ledger = Ledger(home / "ledger.duckdb", broker="alpaca")
    marked = ledger.table("marks")["session"].sort().to_list()
    first, gone = (datetime.combine(marked[at], datetime.min.time(), UTC) for at in (-30, -5))
    ledger.record_differences([Difference("CASH", "cash", "the cash differs")], first)
    assert "ledger and broker differ" in said(capsys, code=1)
    ledger.record_differences([], gone)
    assert "MISSING reconciliation: 4 of 20 sessions" in said(capsys, code=1)


def test_a_test_of_alerts_is_a_delivery(home, capsys, monkeypatch):
    with receiver() as there:
        monkeypatch.setenv("OPTIONS_ALERT_URLS", there.url)
        assert main(["alerts", "test"]) == 0
    capsys.readouterr()
    assert "ok alerts: tried on" in said(capsys, code=1)


def test_an_outbox_that_cannot_be_read_closes_the_gate_and_not_the_override(home, capsys):
    (home / FILE).write_bytes(b"no database at all, of some length" * 40)
    assert "MISSING alerts" in said(capsys, code=1)
    assert "OVERRIDDEN" in said(capsys, "--override", "Ada", "--reason", "small", code=0)
