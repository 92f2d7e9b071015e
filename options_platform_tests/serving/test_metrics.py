"""A real Prometheus scrapes the figures of a home and fires; nobody else reads them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread

import pytest
import requests
import uvicorn

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.page_secret import METRICS, secret_of
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.serving.dashboard.access import make_access
from options_platform.serving.dashboard.app import make_app as make_dashboard
from options_platform.serving.dashboard.made_pages import MadePages
from options_platform.serving.metrics import Scrapes, make_app
from options_platform.settings import make_settings
from options_platform_tests.web_ui import ROOT, free_port

NOW = datetime(2024, 7, 6, 16, tzinfo=UTC)
MONITORING = ROOT / "docker" / "monitoring"
LOCAL = "http://127.0.0.1"


@pytest.fixture
def settings(tmp_path):
    """A home whose account is halted."""
    made = make_settings({"home": tmp_path / "home", "source": "simulated"})
    made.home.mkdir()
    open_ledger(made).halt("by hand", NOW)
    publish_changes(made.home)
    return made


@contextmanager
def serving(app):
    """Serves an application to this machine; gives its address."""
    port = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"{LOCAL}:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("server", ["metrics", "dashboard"])
def test_only_the_token_of_metrics_opens_the_figures_and_it_opens_nothing_else(settings, server):
    access = make_access(settings.home, None, None)
    if server == "metrics":
        app = make_app(Scrapes(settings))
    else:
        app = make_dashboard(MadePages(settings, access))
    token = {"Authorization": f"Bearer {secret_of(settings.home, METRICS)}"}
    refused = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {access.secret}"},
        {"Cookie": f"{access.cookie}={access.secret}"},
        token | {"X-Forwarded-For": "203.0.113.9"},
    ]
    with serving(app) as address:

        def status(path, headers):
            return requests.get(f"{address}{path}", headers=headers, timeout=30).status_code

        answer = requests.get(f"{address}/metrics", headers=token, timeout=30)
        assert [status("/metrics", each) for each in refused] == [401] * 5
        assert status("/metrics", token | {"Host": "evil.example"}) == 400
        assert status("/today", token) in (403, 404)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'options_platform_alert_active{alert="halted",severity="critical"} 1' in answer.text
    assert (settings.home / METRICS).stat().st_mode & 0o077 == 0


def test_a_home_is_read_once_in_ten_seconds_however_many_ask(settings, monkeypatch):
    scrapes = Scrapes(settings, now=lambda: NOW)
    first = scrapes.text()
    open_ledger(settings).resume("looked", NOW)
    publish_changes(settings.home)
    assert scrapes.text() == first
    monkeypatch.setattr("options_platform.serving.metrics.KEPT_SECONDS", 0.0)
    assert "options_platform_entries_halted 0" in scrapes.text()


@pytest.fixture
def started():
    """Starts programs, and ends them."""
    running = []

    def start(words, **options):
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options))
        return running[-1]

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        process.stdout.close()


def asked(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
    except (urllib.error.URLError, ConnectionError, json.JSONDecodeError):
        return None


@pytest.mark.long
def test_a_real_prometheus_scrapes_a_halted_account_and_fires(settings, started, tmp_path):
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("OPTIONS_REQUIRE_ALL"):
            pytest.fail("prometheus is missing: apt-get install prometheus")
        pytest.skip("needs prometheus, of Debian's package of that name")
    served, port = free_port(), free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
    own = {
        "OPTIONS_HOME": str(settings.home), "OPTIONS_SOURCE": "simulated",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }  # fmt: skip
    words = [sys.executable, "-m", "options_platform", "metrics", "--serve", "--port", str(served)]
    ours = started(words, env=kept | own, cwd=tmp_path)
    token = settings.home / METRICS
    said = ours.stdout.readline()
    assert f"http://127.0.0.1:{served}/metrics" in said
    while str(token) not in said:
        said = ours.stdout.readline()
        assert said, "the server does not say where its token is"
    config = (MONITORING / "prometheus.yml").read_text()
    for old, new in (
        ("1m", "1s"), ("/etc/prometheus/options-platform.token", str(token)),
        ("127.0.0.1:9465", f"127.0.0.1:{served}"),
    ):  # fmt: skip
        assert old in config
        config = config.replace(old, new)
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(MONITORING / "rules.yml", tmp_path / "rules.yml")
    started(
        [
            program, f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    firing, until = {}, time.monotonic() + 120
    while ("OptionsPlatformCritical", "halted") not in firing:
        assert time.monotonic() < until, "no alert fires"
        time.sleep(0.5)
        found = asked(f"{LOCAL}:{port}/api/v1/alerts") or {"alerts": []}
        firing = {
            (one["labels"]["alertname"], one["labels"].get("alert")): one
            for one in found["alerts"] if one["state"] == "firing"
        }  # fmt: skip
    alert = firing["OptionsPlatformCritical", "halted"]
    assert alert["annotations"]["summary"] == "The alert halted holds"
    assert {name for name, _ in firing} == {"OptionsPlatformCritical"}
    # Each question of the dashboard is one that Prometheus understands.
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    for expression in {t["expr"] for panel in dashboard["panels"] for t in panel["targets"]}:
        query = urllib.parse.quote(expression)
        assert asked(f"{LOCAL}:{port}/api/v1/query?query={query}") is not None, expression
    groups = asked(f"{LOCAL}:{port}/api/v1/rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    (up,) = asked(f"{LOCAL}:{port}/api/v1/query?query=up")["result"]
    assert up["value"][1] == "1"
