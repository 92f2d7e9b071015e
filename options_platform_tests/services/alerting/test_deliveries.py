"""Messages reach real addresses: by severity, outside quiet hours, once, whoever delivers."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock

from options_platform.adapters.notifier import VARIABLE, open_notifier
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.outbox import Outbox
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.cli import main
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.alerts import Alert
from options_platform.services.alerting.after_run import after_failure, after_run
from options_platform.services.alerting.conditions import outbox_of
from options_platform.services.alerting.deliveries import MOST_FAILURES, deliver
from options_platform.settings import ESCALATION_URLS, HEARTBEAT_URL, make_settings
from options_platform_tests.fakes.receiver import receiver

RULES = AlertRules(quiet_hours="22:00-07:00", quiet_zone="UTC")
NIGHT = datetime(2024, 7, 5, 23, tzinfo=UTC)
MORNING = datetime(2024, 7, 6, 7, tzinfo=UTC)
HALTED = Alert("halted", "halted", "by hand")
PAUSED = Alert("paused", "paused", "a loss")


@pytest.fixture
def there():
    with receiver() as found:
        yield found


@pytest.fixture
def boss():
    with receiver() as found:
        yield found


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "alerts.db")


def test_quiet_hours_hold_all_but_critical_alerts_back_until_they_end(there, outbox):
    notifier = open_notifier({VARIABLE: there.url})
    outbox.record([HALTED, PAUSED], notifier.addresses, NIGHT, RULES)
    result = deliver(outbox, notifier, NIGHT, RULES)
    assert result.text == "1 message sent, 0 not delivered, 1 until the quiet hours end"
    assert there.got == [("halted", "by hand")]
    outbox.record([HALTED], notifier.addresses, NIGHT + timedelta(hours=1), RULES)
    deliver(outbox, notifier, MORNING, RULES)
    assert there.got[1:] == [("paused", "a loss\nIt ended by 2024-07-06 00:00 UTC.")]


def test_what_nobody_acknowledges_goes_to_the_addresses_of_escalations(there, boss, outbox):
    notifier = open_notifier({VARIABLE: there.url, ESCALATION_URLS: boss.url})
    outbox.record([HALTED], notifier.addresses, NIGHT, RULES)
    deliver(outbox, notifier, NIGHT, RULES)
    later = NIGHT + timedelta(hours=1)
    for _ in range(2):
        outbox.escalate(notifier.escalation_addresses, later, RULES)
        deliver(outbox, notifier, later, RULES)
    assert there.got == [("halted", "by hand")]
    ((title, _),) = boss.got
    assert title == "NOT ACKNOWLEDGED for 1.0 hours: halted"
    # The test of the addresses reaches both.
    assert notifier.send("a test", "sent") == 2
    assert there.got[-1] == boss.got[-1] == ("a test", "sent")


def test_a_message_that_is_refused_lets_others_pass_after_ten_attempts(there, outbox):
    notifier = open_notifier({VARIABLE: there.url})
    there.status = 400
    refused = [Alert(f"run {number}", f"{number}", "") for number in range(MOST_FAILURES)]
    outbox.record_events(refused, notifier.addresses, MORNING)
    for _ in range(10):
        result = deliver(outbox, notifier, MORNING, RULES)
        assert (result.delivered, result.failed) == (0, MOST_FAILURES)
    outbox.record_events([Alert("run later", "later", "")], notifier.addresses, MORNING)
    assert next(one.key for one in outbox.undelivered()) == "run later"


def test_one_process_of_a_home_delivers_at_a_time(there, outbox):
    notifier = open_notifier({VARIABLE: there.url})
    outbox.record([HALTED], notifier.addresses, MORNING, RULES)
    with FileLock(outbox.path.with_suffix(".lock")):
        assert deliver(outbox, notifier, MORNING, RULES).text == "another process delivers"
    assert deliver(outbox, notifier, MORNING, RULES).delivered == 1


@pytest.fixture
def halted(tmp_path, monkeypatch):
    """A home whose account is halted; commands see it."""
    settings = make_settings({"home": tmp_path / "home", "source": "simulated"})
    settings.home.mkdir()
    open_ledger(settings).halt("by hand", datetime.now(UTC))
    publish_changes(settings.home)
    monkeypatch.setenv("OPTIONS_HOME", str(settings.home))
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    return settings


def test_an_acknowledgement_is_shown_and_is_in_the_audit_with_its_name(halted, capsys):
    assert main(["alerts"]) == 0
    shown = capsys.readouterr().out
    (alert_id,) = re.findall(r"critical, (\w{6})", shown)
    assert main(["alerts", "--acknowledge", alert_id, "--by", "Ada Lovelace"]) == 0
    assert "Acknowledged by Ada Lovelace" in capsys.readouterr().out
    assert main(["alerts"]) == 0
    assert "acknowledged by Ada Lovelace on" in capsys.readouterr().out
    # Who was first stays, and is one line of the audit.
    assert main(["alerts", "--acknowledge", alert_id.upper(), "--by", "Bob"]) == 0
    events = open_ledger(halted).table("account_events").filter(kind="acknowledged")
    assert events["detail"].to_list() == [
        f"{alert_id} by Ada Lovelace: paper: new entries are halted"
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--acknowledge", "ffffff"], "no alert that lasts has the ID 'ffffff'"),
        (["--acknowledge", "ffffff", "--by", " "], "--by is a name of 1 to 80 characters"),
        (["--by", "Ada"], "give --acknowledge ID too"),
        (["test", "--acknowledge", "ffffff"], "give one of them"),
    ],
)
def test_what_cannot_be_acknowledged_is_refused_with_what_to_do(halted, capsys, words, said):
    assert main(["alerts", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_run_from_the_shell_alerts_and_reports_to_the_watcher(halted, there, monkeypatch):
    now = datetime.now(UTC)
    assert after_run(halted, "run-1", {}, now) == []
    assert not (halted.home / "alerts.db").exists()
    monkeypatch.setenv(VARIABLE, there.url)
    monkeypatch.setenv(HEARTBEAT_URL, there.watcher)
    monkeypatch.setattr("options_platform.services.alerting.after_run.HEARTBEAT_TRIES", 1)
    there.status = 503
    heartbeat, alert = after_run(halted, "run-1", {}, now)
    assert heartbeat.startswith("the heartbeat was not answered")
    assert alert.startswith("address 1 of 1 in OPTIONS_ALERT_URLS did not accept the alert")
    there.status = 200
    for _ in range(2):
        assert after_run(halted, "run-2", {}, now + timedelta(minutes=1)) == []
    assert there.got == [("paper: new entries are halted", "by hand")]
    assert len(there.asked) == 2
    assert outbox_of(halted).newest_run(answered=True).run_id == "run-2"
    kept = (halted.home / "alerts.db").read_bytes()
    assert there.password.encode() not in kept
    # A run that failed is an alert, once, and no sign of life.
    for _ in range(2):
        assert after_failure(halted, "run-9", "no source", now + timedelta(minutes=1)) == []
    assert there.got[1:] == [("run of daily failed", "no source (run run-9)")]
    assert len(there.asked) == 2
    # One that left out a ticker is both.
    left_out = {"QQQ": "no answer"}
    assert after_run(halted, "run-10", left_out, now + timedelta(minutes=2)) == []
    assert there.got[2:] == [("run of daily failed", "QQQ failed: no answer (run run-10)")]
    assert len(there.asked) == 3
    # What cannot be used fails no run.
    monkeypatch.setenv(HEARTBEAT_URL, "ftp://canary")
    (problem,) = after_run(halted, "run-3", {}, now + timedelta(minutes=3))
    assert "canary" not in problem
