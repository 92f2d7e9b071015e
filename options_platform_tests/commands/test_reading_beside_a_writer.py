"""Commands that only show something open no store: each works while a writer holds all of them."""

import json
import shutil
import subprocess
import sys

import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.published.refreshing import open_copy
from options_platform.cli import main
from options_platform.testing.market import NOW
from options_platform_tests.platform import make_platform_settings

HOLD = """
import sys, duckdb
connections = [duckdb.connect(path) for path in sys.argv[1:]]
print("held", flush=True)
sys.stdin.read()
"""
COMMANDS = (
    ("status", "--json"),
    ("status",),
    ("orders", "--json"),
    ("positions", "--json"),
    ("positions", "--replay", "--json"),
    ("alerts", "--json"),
    ("quarantine", "list", "--json"),
    ("bars", "SPY", "--json"),
    ("models", "list", "--json"),
    ("features-export", "--json"),
    ("feasibility", "--sessions", "20", "--json"),
    ("report", "--json"),
    ("doctor", "--json"),
)


@pytest.fixture(scope="module")
def held_home(simulated_home, tmp_path_factory):
    """A published home whose warehouse and ledger another process holds to write."""
    home = tmp_path_factory.mktemp("held") / "home"
    shutil.copytree(simulated_home.home, home, symlinks=True)
    settings = make_platform_settings(home)
    ledger = open_ledger(settings)
    ledger.keep("note", "text", NOW)
    assert open_copy(home, wait_seconds=30).behind is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.warehouse_path), str(ledger.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holding:  # fmt: skip
        assert holding.stdout.readline() == "held\n"
        yield settings
        holding.kill()


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reading_command_works_while_a_writer_holds_the_stores(
    held_home, command, monkeypatch, capsys
):
    values = {
        "HOME": held_home.home, "SOURCE": "simulated", "TICKERS": "SPY,QQQ",
        "START": held_home.start, "END": held_home.end, "ACCOUNT_VALUE_USD": 1_000_000,
        "WAREHOUSE_WAIT_SECONDS": 0.2,
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    assert main([*command]) == 0
    shown = capsys.readouterr()
    assert "shown as of" not in shown.err
    if command[-1] == "--json":
        found = json.loads(shown.out)
        if command[0] == "status":
            assert (found["behind"], found["tables"][0]["rows"] > 1000) == (None, True)
