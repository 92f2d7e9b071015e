"""Every service of the compose file, started as it would be, without a container engine."""

import json
import os
import stat

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform_tests.container.engine import Engine, can_contain
from options_platform_tests.container.inside import ADDRESS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
SETTINGS = 'source = "sample"\ntickers = ["SPY", "QQQ"]\nstart = 2018-11-01\n'
FETCH = """
import sys, urllib.request as u
request = u.Request(sys.argv[1], headers={"Host": sys.argv[2]})
print(u.urlopen(request, timeout=30).status)
"""


@pytest.fixture
def engine(tmp_path):
    if not can_contain():
        pytest.skip("no right to make namespaces here")
    for name in ("config", "secrets"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "config" / "options.toml").write_text(SETTINGS)
    made = Engine(
        tmp_path,
        OPTIONS_CONFIG=str(tmp_path / "config"),
        OPTIONS_SECRETS=str(tmp_path / "secrets"),
    )
    yield made
    made.close()


def secret(engine, name, text, owner, mode=0o400):
    path = engine.folder / "secrets" / name
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner, owner)


def foreign(engine):
    """What of the volumes does not belong to the user of the image alone."""
    paths = [p for name in engine.compose["volumes"] for p in engine.volume(name).rglob("*")]
    assert len(paths) > 10
    return [
        path
        for path in paths
        if path.lstat().st_uid != engine.uid
        # A link has no rights of its own.
        or (stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink())
    ]


def test_app_fetches_spy_qqq_and_the_vix_and_doctor_reads_the_secrets(engine):
    secret(engine, "OPTIONS_ALERT_URLS", "json://127.0.0.1/\n", engine.uid)
    code, shown = engine.run("app")
    assert code == 0, shown
    home = engine.volume("home")
    warehouse = Warehouse(home / "warehouse.duckdb", wait_seconds=5)
    for table in (RAW_OHLCV, VIX):
        assert set(warehouse.read(table)["ticker"]) == {"SPY", "QQQ"}
    assert warehouse.read(VIX)["vix"].null_count() == 0
    assert (engine.volume("logs") / "platform.jsonl").is_file()
    assert not (home / "logs").exists()

    code, shown = engine.run("app", "doctor")
    assert code == 0, shown
    assert "ok    alerts: 1 address;" in shown
    assert "done  bars of SPY, QQQ" in shown
    assert "next  models and plans of the past: run: docker compose run --rm app backfill" in shown

    assert engine.run("app", "backup", "/backups/one.tar.gz")[0] == 0
    assert foreign(engine) == []

    secret(engine, "OPTIONS_ALERT_URLS", "json://127.0.0.1/\n", 0)
    code, shown = engine.run("app", "alerts", "test")
    assert code == 2
    assert shown.splitlines()[-1].startswith("options-platform: /run/secrets/OPTIONS_ALERT_URLS")
    assert f"this user ({engine.uid})" in shown


def test_every_service_is_healthy_and_reached_and_the_daemon_is_back_after_a_kill(engine):
    code, shown = engine.run("prepare")
    assert code == 0, shown
    assert list(engine.volume("home").rglob("schedules.db")), "two services would create it at once"
    for names in (("daemon", "webserver", "mlflow"), ("daemon",)):
        services = {name: engine.start(name) for name in names}
        for name, service in services.items():
            service.healthy(engine.compose["services"][name]["healthcheck"]["test"], 600)
            for port in engine.compose["services"][name].get("ports", ()):
                host, published, inside = port.split(":")
                url = f"http://{ADDRESS}:{inside}/"
                done = service.exec("python", "-c", FETCH, url, f"{host}:{published}")
                assert done.stdout == "200\n", done.stderr
        for service in services.values():
            service.end()
    assert foreign(engine) == []


def test_a_service_has_no_right_beyond_its_volumes(engine):
    """Asked of the kernel, in a container that runs the image's Python in place of a service."""
    tries = """
import json, os, pathlib
def denied(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return error.strerror
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
folders = [os.environ["OPTIONS_HOME"], "/logs", "/backups", "/tmp"]
print(json.dumps({"uid": os.getuid(), "cap": status["CapEff"], "nnp": status["NoNewPrivs"],
    "denied": {p: denied(p) for p in ("/app/x", "/etc/x", "/config/x", "/run/secrets/x", "/x")},
    "allowed": [denied(folder + "/x") for folder in folders]}))
"""
    spec = engine.spec("app", [])
    engine.spec = lambda *_: spec | {"command": ["python", "-c", tries]}
    code, shown = engine.run("app")
    assert code == 0, shown
    found = json.loads(shown)
    assert found["uid"] == engine.uid
    assert int(found["cap"], 16) == 0
    assert found["nnp"].strip() == "1"
    assert None not in found["denied"].values()
    assert set(found["allowed"]) == {None}
