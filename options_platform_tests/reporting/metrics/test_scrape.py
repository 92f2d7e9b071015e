"""The figures for Prometheus: sound by promtool, equal to the ledger, without a secret."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.adapters.notifier import VARIABLE
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.domain.trading.positions import AccountMark
from options_platform.reporting.metrics.exposition import Metric, exposition
from options_platform.reporting.metrics.scrape import scrape
from options_platform.services.alerting.conditions import outbox_of
from options_platform.settings import make_settings
from options_platform_tests.web_ui import ROOT

NOW = datetime(2024, 7, 6, 16, tzinfo=UTC)
CANARY = "canary-5f1b"
MONITORING = ROOT / "docker" / "monitoring"


def promtool(*words, text=None):
    """Run promtool; skipped without it, unless everything must be tested."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("OPTIONS_REQUIRE_ALL"):
            pytest.fail("promtool is missing: apt-get install prometheus")
        pytest.skip("needs promtool, of Debian's package prometheus")
    done = subprocess.run(
        [program, *words], check=False, input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def values(text):
    """By name with labels, the number."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0].removeprefix("options_platform_"): float(line.rsplit(" ", 1)[1])
            for line in lines}  # fmt: skip


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A halted account with two marked sessions; secrets are set."""
    for name in (VARIABLE, "OPTIONS_HEARTBEAT_URL", "APCA_API_SECRET_KEY"):
        monkeypatch.setenv(name, f"json://{CANARY}.invalid/")
    made = make_settings({"home": tmp_path / "home", "source": "simulated"})
    made.home.mkdir()
    ledger = open_ledger(made)
    for day, equity in ((3, 100_000.0), (5, 94_123.45)):
        mark = AccountMark(date(2024, 7, day), equity, 0.0, equity, 0.0, 0.0, 0)
        ledger.record_marks([], mark)
    ledger.halt(f'DAILY_LOSS "{CANARY}"\nof 4,000 USD', NOW)
    publish_changes(made.home)
    return made


def test_an_empty_home_has_sound_figures(tmp_path):
    text = scrape(make_settings({"home": tmp_path / "home", "source": "simulated"}), NOW)
    promtool("check", "metrics", text=text)
    found = values(text)
    assert "equity_usd" not in found
    assert found['alert_active{alert="halted",severity="critical"}'] == 0
    assert all(found[f'part_readable{{part="{part}"}}'] == 1
               for part in ("account", "alerts", "data", "runs"))  # fmt: skip


def test_the_figures_are_those_of_the_ledger_and_the_outbox(settings):
    text = scrape(settings, NOW)
    promtool("check", "metrics", text=text)
    found = values(text)
    assert found["equity_usd"] == 94_123.45
    assert found["profit_day_usd"] == pytest.approx(94_123.45 - 100_000.0)
    assert found["drawdown_ratio"] == pytest.approx(1 - 0.9412345)
    assert found["entries_halted"] == 1
    assert found['alert_active{alert="halted",severity="critical"}'] == 1
    assert found['alert_active{alert="drawdown",severity="warning"}'] == 1
    assert found['alerts_unacknowledged{severity="critical"}'] == 1
    close = datetime(2024, 7, 5, 20, tzinfo=UTC)
    assert found["marked_session_timestamp_seconds"] == close.timestamp()
    # Neither the reason of the halt nor a secret is in a figure.
    assert CANARY not in text
    assert str(settings.home) not in text


def test_an_acknowledged_alert_and_a_message_that_waits_are_counted(settings):
    outbox, rules = outbox_of(settings), settings.alerts
    conditions = [one for one in _alerts(settings) if one.key == "halted"]
    outbox.record(conditions, ["x", "y"], NOW, rules)
    outbox.acknowledge(conditions[0].id, "Ada", NOW)
    outbox.note_run("run-1", NOW)
    outbox.note_heartbeat("run-1", NOW + timedelta(seconds=1), answered=True)
    found = values(scrape(settings, NOW))
    assert found['alerts_unacknowledged{severity="critical"}'] == 0
    assert found['alert_active{alert="halted",severity="critical"}'] == 1
    assert found["alert_messages_waiting"] == 2
    assert found["alert_message_oldest_waiting_timestamp_seconds"] == NOW.timestamp()
    assert found["heartbeat_answered_timestamp_seconds"] == NOW.timestamp() + 1


def _alerts(settings):
    from options_platform.services.trading.account_state import alerts_of

    return alerts_of(settings, open_ledger(settings), NOW)


def test_a_damaged_part_is_missing_and_the_others_are_there(settings):
    (settings.dagster_home / "history").mkdir(parents=True)
    (settings.dagster_home / "history" / "runs.db").write_bytes(b"not a database" * 100)
    found = values(scrape(settings, NOW))
    assert found['part_readable{part="runs"}'] == 0
    assert found["equity_usd"] == 94_123.45


def test_text_in_a_label_stays_text():
    metric = Metric("orders", "Orders.").add(1, status='a"b\\c\nd').add(float("inf"), status="x")
    text = exposition([metric, Metric("none", "No sample.")])
    promtool("check", "metrics", text=text)
    assert text.splitlines()[2:] == [
        r'options_platform_orders{status="a\"b\\c\nd"} 1',
        'options_platform_orders{status="x"} +Inf',
    ]


def declared():
    """The names of all metrics, as the code declares them."""
    folder = ROOT / "options_platform" / "reporting" / "metrics"
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    return set(re.findall(r'Metric\(\s*"(\w+)"', code))


def test_the_rules_are_sound_and_each_is_in_the_documents():
    assert "SUCCESS" in promtool("check", "rules", str(MONITORING / "rules.yml"))
    page = (ROOT / "docs" / "monitoring.md").read_text()
    rules = re.findall(r"alert: (\w+)", (MONITORING / "rules.yml").read_text())
    assert rules == re.findall(r"^\| `(OptionsPlatform\w+)`", page, re.MULTILINE)
    assert all(f"`{name}`" in page for name in declared())


HISTORIES = """
rule_files: [RULES]
evaluation_interval: 5m
tests:
  - interval: 5m
    input_series:
      - {series: 'up{job="options_platform"}', values: '1x3 0x40'}
      - series: 'options_platform_run_ended_timestamp_seconds{job="daily",status="success"}'
        values: '0x2000'
      - {series: 'options_platform_daemon_heartbeat_timestamp_seconds{daemon="sensor"}',
         values: '0 300 600 600x2000'}
      - {series: 'options_platform_alerts_unacknowledged{severity="critical"}', values: '1x40'}
      - {series: 'options_platform_alert_message_oldest_waiting_timestamp_seconds',
         values: '0x2000'}
      - {series: 'options_platform_risk_usd{of="open"}', values: '800x40'}
      - {series: 'options_platform_risk_usd{of="working"}', values: '150x40'}
      - {series: 'options_platform_risk_limit_usd', values: '1000x40'}
      - {series: 'options_platform_greek_usd{greek="delta"}', values: '-900x40'}
      - {series: 'options_platform_greek_limit_usd{greek="delta"}', values: '1000x40'}
    promql_expr_test:
"""
FIRE_AT = (
    ("Down", "15m", "25m"),
    ("Unacknowledged", "1h55m", "2h"),
    ("DaemonSilent", "20m", "30m"),
    ("MessagesWaiting", "12h", "12h5m"),
    ("NoDailyRun", "107h", "108h5m"),
    ("RiskNearLimit", "55m", "60m"),
)
"""Each rule, a time at which it does not fire yet, and one at which it does."""


def test_rules_fire_when_the_documents_say(tmp_path):
    lines = [HISTORIES.strip().replace("RULES", str(MONITORING / "rules.yml"))]
    for name, before, at in FIRE_AT:
        for moment, fires in ((before, 0), (at, 1)):
            rule = f'ALERTS{{alertname="OptionsPlatform{name}",alertstate="firing"}}'
            lines.append(f"      - expr: 'count({rule}) or vector(0)'")
            lines.append(f"        eval_time: {moment}")
            lines.append(f"        exp_samples: [{{labels: '{{}}', value: {fires}}}]")
    # A delta within its limit, either way, is none.
    lines.append("""      - expr: 'count(ALERTS{alertname="OptionsPlatformGreekOverLimit"})'""")
    lines += ["        eval_time: 3h", "        exp_samples: []"]
    (tmp_path / "histories.yml").write_text("\n".join(lines) + "\n")
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "histories.yml"))


def test_rules_and_dashboard_ask_for_nothing_but_declared_metrics():
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked.append((MONITORING / "rules.yml").read_text())
    named = set(re.findall(r"options_platform_(\w+)", "\n".join(asked)))
    assert named <= declared()
    assert {"equity_usd", "alert_active", "drawdown_ratio", "run_ended_timestamp_seconds"} <= named
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert all(x + w <= 24 for x, _, w, _ in places)
