"""Secrets appear in no file of the home, no exception, no output and no page of the UI."""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.sources.alpaca.keys import Keys
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.definitions import build_defs
from options_platform.defs.alerts.sensors import make_alert_sensors
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.errors import PlatformError
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.alerting.after_run import after_run
from options_platform.settings import ALERT_URLS, ESCALATION_URLS, HEARTBEAT_URL
from options_platform.settings.broker_rules import LIVE_SWITCH
from options_platform_tests.adapters.sources.test_secrets import everything_behind
from options_platform_tests.fakes.receiver import receiver
from options_platform_tests.platform import END, START, make_platform_settings, run
from options_platform_tests.web_ui import WebUI

KEYS = Keys("PKCANARYKEY0123456789", "canarysecretcanarysecretcanarysecret1234")
NUMBER, PASSWORD = "CANARYACCOUNT77", "canary-password"
CANARIES = (KEYS.key, KEYS.secret, NUMBER, PASSWORD)
ECHO = {"code": 40110000, "message": f"no account for {KEYS.key} and {KEYS.secret}"}
TICKERS = ("SPY", "QQQ")
COMMANDS = ("orders", "positions", "reconcile", "status", "alerts")
PAGES = {
    "repositories": """{ repositoriesOrError { ... on RepositoryConnection { nodes { name
        allTopLevelResourceDetails { name description resourceType
            configFields { name description } configuredValues { key value } }
        sensors { name description } schedules { name description }
        jobs { name description } } } } }""",
    "assets": """{ assetNodes { assetKey { path } description metadataEntries { label description
        ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } } } }""",
    "runs": """{ runsOrError { ... on Runs { results { runId status runConfigYaml
        tags { key value } stats { ... on PythonError { message stack } } } } } }""",
    "instance": "{ instance { info daemonHealth { id } } }",
}
EVENTS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
    ... on MessageEvent { message }
    ... on ExecutionStepFailureEvent { error { message stack
        causes { message stack } errorChain { error { message stack } } } } } } } }"""


def forms(secret):
    """The secret as it may be written."""
    plain = secret.encode()
    return {plain, base64.b64encode(plain).rstrip(b"="), urllib.parse.quote(secret).encode()}


def leaks_in(data, where):
    return [f"{where}: {c}" for c in CANARIES if any(form in data for form in forms(c))]


def leaks_below(folder):
    """The places of a canary in the files of a folder; databases are also read value by value."""
    found = []
    for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        where, data = str(path.relative_to(folder)), path.read_bytes()
        found += leaks_in(data, where)
        if data.startswith(b"SQLite format 3"):
            found += leaks_in(sqlite_text(path), where)
        elif data[8:12] == b"DUCK":
            found += leaks_in(duckdb_text(path), where)
    return found


def sqlite_text(path):
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names]
    connection.close()
    return repr(rows).encode()


def duckdb_text(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE'"
        ).fetchall()
        texts = []
        for schema, name in tables:
            kinds = connection.execute(f'DESCRIBE "{schema}"."{name}"').fetchall()
            wanted = [f'"{kind[0]}"' for kind in kinds if "VARCHAR" in kind[1]]
            if wanted:
                query = f'SELECT DISTINCT {", ".join(wanted)} FROM "{schema}"."{name}"'
                texts.append(connection.execute(query).fetchall())
    return repr(texts).encode()


def test_the_search_finds_planted_secrets(tmp_path):
    """Also where a database packs its blocks."""
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT range i, 'x' || range s FROM range(50000)")
        connection.execute("INSERT INTO t VALUES (-1, ?)", [f"key {KEYS.secret}"])
    (tmp_path / "b.txt").write_bytes(base64.b64encode(PASSWORD.encode()))
    with sqlite3.connect(tmp_path / "c.db") as connection:
        connection.execute("CREATE TABLE t (s TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", [NUMBER])
    connection.close()
    found = {line.split(":")[0] for line in leaks_below(tmp_path)}
    assert found == {"a.duckdb", "b.txt", "c.db"}


@dataclass
class Heard:
    """Everything that a person may see."""

    texts: dict = field(default_factory=dict)

    def leaks(self):
        return [line for where, text in self.texts.items() for line in leaks_in(text, where)]


def shell(environment, folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "options_platform", *words],
        check=False,
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=300,
    )
    return done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_canary_is_in_any_file_exception_output_or_page(tmp_path, monkeypatch, capfd, caplog,
                                                           simulated_home):  # fmt: skip
    home, heard = tmp_path / "home", Heard()
    shutil.copytree(simulated_home.home, home)
    now = datetime.combine(END + timedelta(days=1), time(0, 30), NEW_YORK)
    # Even at the fake server, the keys are those of an account.
    monkeypatch.setattr(AlpacaBroker, "_keys", lambda self: KEYS)
    with FakeAlpaca(now=lambda: now) as fake, receiver() as there:
        assert there.password == PASSWORD
        fake.book.number = NUMBER
        secrets = {
            "APCA_API_KEY_ID": KEYS.key,
            "APCA_API_SECRET_KEY": KEYS.secret,
            ALERT_URLS: there.url,
            ESCALATION_URLS: there.url,
            HEARTBEAT_URL: there.watcher,
            LIVE_SWITCH: NUMBER,
        }
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        settings = make_platform_settings(
            home, broker="alpaca", alpaca={"fake_address": fake.address, "timeout_seconds": 2}
        )
        there.status = 500
        for status in (401, 500, 200):
            fake.faults.clear()
            if status != 200:
                fault = {"on": "", "do": "status", "status": status, "body": ECHO, "times": 10_000}
                fake.script("faults", fault)
            warnings = run(settings, start=END, end=END, backfill=False, now=now)[0].warnings
            heard.texts[f"run at {status}"] = "\n".join(warnings).encode()
        # What fails is said, and the server did hear the keys' account asked for.
        assert b"paper_orders.reconciled: BROKER" in heard.texts["run at 401"]
        assert b"no account for" in heard.texts["run at 401"]
        assert b"reconciled" not in heard.texts["run at 200"]
        others = replace(settings, alpaca=replace(settings.alpaca, accounts=("other",)))
        with pytest.raises(PlatformError, match="does not list") as caught:
            run(others, start=END, end=END, backfill=False, now=now)
        heard.texts["run of another account"] = everything_behind(caught.value).encode()
        assert fake.count("GET /v2/account") > 0
        assert open_ledger(settings).exists
        open_ledger(settings).halt("by hand", now)
        for sensor in make_alert_sensors(settings)[1:]:
            resources = build_defs(settings, now=lambda: now).resources
            with dg.build_sensor_context(resources=resources, sensor_name=sensor.name) as context:
                told = sensor.evaluate_tick(context).skip_message
            assert " no messages sent" in told
            assert " 0 not delivered" not in told
        own = {
            "OPTIONS_HOME": str(home), "OPTIONS_SOURCE": "simulated",
            "OPTIONS_TICKERS": ",".join(TICKERS), "OPTIONS_START": START.isoformat(),
            "OPTIONS_END": END.isoformat(), "OPTIONS_BASELINES": "none",
            "OPTIONS_BROKER": "alpaca", "OPTIONS_ALPACA__FAKE_ADDRESS": fake.address,
        }  # fmt: skip
        environment = os.environ | own | {"PYTHONPATH": os.pathsep.join(sys.path)}
        for command in COMMANDS:
            heard.texts[command] = shell(environment, tmp_path, command, "--json")
        heard.texts["alerts test"] = shell(environment, tmp_path, "alerts", "test")
        assert b"did not accept the alert" in heard.texts["alerts test"]
        heard.texts["metrics"] = shell(environment, tmp_path, "metrics")
        assert b"options_platform_alert_messages_waiting " in heard.texts["metrics"]
        heard.texts["after a run"] = "\n".join(after_run(settings, "run-1", {}, now)).encode()
        assert b"the heartbeat was not answered" in heard.texts["after a run"]
        not_listed = tmp_path / "options.toml"
        not_listed.write_text('[alpaca]\naccounts = ["other"]\n')
        refused = shell(environment, tmp_path, "reconcile")
        not_listed.unlink()
        heard.texts["account not listed"] = refused
        assert b"does not list" in refused
        heard.texts["report"] = shell(environment, tmp_path, "report")
        heard.texts["doctor"] = shell(environment, tmp_path, "doctor")
        assert list((home / "reports").rglob("*.html"))
        web = WebUI(home, **own, **secrets)
        try:
            web.wait()
            for page, query in PAGES.items():
                heard.texts[page] = json.dumps(web.ask(query)).encode()
            runs = json.loads(heard.texts["runs"])["runsOrError"]["results"]
            assert {one["status"] for one in runs} >= {"SUCCESS", "FAILURE"}
            for one in runs:
                events = web.ask(EVENTS, id=one["runId"])
                heard.texts[f"events of {one['runId']}"] = json.dumps(events).encode()
        finally:
            web.stop()
    printed = capfd.readouterr()
    heard.texts["printed"] = (printed.out + printed.err + caplog.text).encode()
    assert all(heard.texts[name] for name in (*COMMANDS, *PAGES))
    assert heard.leaks() == []
    assert leaks_below(home) == []
