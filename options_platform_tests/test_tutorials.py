"""The tutorials, followed word for word: files are written, changes applied, commands run.

What needs a network speaks to a server on this machine, and the history is a short one.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.commands.terminal.arguments import build_parser
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.fakes.yahoo_server import YahooServer, chart

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)
CLONED = ("options_platform", "options_platform_tests", "dbt_like_sql", "docs", "tools")
PATIENCE_SECONDS = 280
SHORT = {"OPTIONS_BASELINES": "none", "OPTIONS_WORKERS": "1"}

AT_SERVER = """\
import sys
from functools import partialmethod

from options_platform.adapters.sources.yahoo.session import YahooSession
from options_platform.cli import main

YahooSession.__init__ = partialmethod(YahooSession.__init__, address={address!r})
sys.exit(main())
"""
"""The command line, with Yahoo at another address."""


def script_of(page):
    """One shell script of a page's blocks: files, changes and commands, in their order."""
    parts = []
    for kind, path, code in BLOCK.findall((TUTORIALS / page).read_text(encoding="utf-8")):
        if path:
            parts.append(f"cat > {shlex.quote(path)} <<'END_OF_FILE'\n{code}END_OF_FILE\n")
        elif kind == "diff":
            parts.append(f"git apply --recount <<'END_OF_DIFF'\n{code}END_OF_DIFF\n")
        elif kind == "sh":
            parts.append(code)
    assert parts
    return "\n".join(parts)


def follow(page, folder, *, root=ROOT, **settings):
    """Run a tutorial in a folder; returns what it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPTIONS_", "APCA_"))}
    path = os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), kept["PATH"]))
    shell = subprocess.Popen(
        ["bash", "-e"],
        cwd=folder,
        env=kept | SHORT | settings | {"PATH": path, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        shown, _ = shell.communicate(script_of(page), timeout=PATIENCE_SECONDS)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, shown
    return shown


def command_at(folder, code):
    """A command `options-platform` that runs the code, before any other on the path."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "options-platform"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)


def clone(folder):
    """A copy of the clone, to change."""
    for name in CLONED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def newest(count):
    """The last sessions whose bars are final."""
    yesterday = datetime.now(NEW_YORK).date() - timedelta(days=1)
    return sessions(yesterday - timedelta(days=2 * count + 10), yesterday)[-count:]


@pytest.mark.long
def test_own_tickers_come_from_yahoo(tmp_path):
    days = newest(60)
    with YahooServer() as server:
        command_at(tmp_path, AT_SERVER.format(address=server.address))
        for symbol, level in (("SPY", 400.0), ("AAPL", 150.0), ("^VIX", 17.0)):
            bars = [(day, level + number % 7, 1_000_000) for number, day in enumerate(days)]
            kind = "INDEX" if symbol == "^VIX" else "ETF"
            server.charts[symbol] = chart(symbol, bars, kind=kind)
        shown = follow("yahoo.md", tmp_path, OPTIONS_START=str(days[20]))
    assert "BROKEN" not in shown
    assert f"Decisions of {days[-1]}" in shown
    assert (tmp_path / "real" / "warehouse.duckdb").is_file()
    assert f'"{days[-1]}"' in (tmp_path / "bars.json").read_text()


@pytest.mark.long
def test_own_files_are_imported_and_computed(tmp_path):
    source = open_source("simulated", SourceOptions())
    span = date(2016, 1, 4), date(2017, 6, 30)
    bars = source.bars("SPY", *span)
    (tmp_path / "downloads").mkdir()
    rows = bars.select("date", "open", "high", "low", "close", "volume")
    rows.rename(str.capitalize).write_csv(tmp_path / "downloads" / "spy_us_d.csv")
    closes = source.index_bars("VIX", *span).select("date", "close")
    lines = [f"{day:%m/%d/%Y},{close},{close},{close},{close}" for day, close in closes.iter_rows()]
    (tmp_path / "downloads" / "VIX_History.csv").write_text(
        "\n".join(["DATE,OPEN,HIGH,LOW,CLOSE", *lines]) + "\n"
    )
    shown = follow("csv.md", tmp_path)
    assert "BROKEN" not in shown
    assert "Decisions of 2017-06-30" in shown
    assert "NO_PREDICTION" in shown or "no prediction" in shown
    assert (tmp_path / "features.parquet").stat().st_size > 10_000


@pytest.mark.long
def test_a_paper_account_trades_and_reconciles(tmp_path):
    with FakeAlpaca(fills="market") as fake:
        shown = follow(
            "alpaca.md",
            tmp_path,
            OPTIONS_ALPACA__FAKE_ADDRESS=fake.address,
            OPTIONS_SOURCE="simulated",
            OPTIONS_START=str(shift(newest(1)[0], -40)),
        )
    assert "BROKEN" not in shown
    assert "Ledger and broker agree." in shown
    assert (tmp_path / "paper" / "ledger.duckdb").is_file()


def test_the_commands_of_the_container_are_those_of_its_services():
    """There is no engine here: the services and the platform's own commands are looked up."""
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    lines = [line for line in script_of("container.md").splitlines() if line.strip()]
    head = ["docker", "compose"]
    asked = [words[len(head) :] for words in map(shlex.split, lines) if words[: len(head)] == head]
    assert len(asked) == len(lines) > 5
    for verb, *rest in asked:
        assert verb in ("build", "up", "down", "logs", "run")
        if verb == "run":
            assert rest[:1] == ["--rm"]
            build_parser().parse_args(rest[2:])
        named = rest[1:2] if verb == "run" else rest
        assert {word for word in named if not word.startswith("-")} <= set(services)


@pytest.mark.long
def test_an_own_feature_is_computed_and_documented(tmp_path):
    short = {"OPTIONS_SOURCE": "simulated", "OPTIONS_TICKERS": "SPY", "OPTIONS_END": "2016-02-26"}
    own = short | {"OPTIONS_START": "2016-01-04"}
    stored = ["backfill", "--select", "raw_ohlcv,vix,features"]
    subprocess.run(
        [sys.executable, "-m", "options_platform", *stored],
        cwd=clone(tmp_path), env=os.environ | own | {"PYTHONPATH": str(ROOT), "OPTIONS_HOME": ""},
        check=True, capture_output=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    shown = follow("feature.md", tmp_path, root=tmp_path, **own)
    assert "Dropped, to be computed again: features" in shown
    assert "2 passed" in shown
    assert "| `overnight_gap` | open / the close before - 1 | fraction |" in shown


@pytest.mark.long
def test_an_own_strategy_passes_what_every_strategy_passes(tmp_path):
    shown = follow("strategy.md", clone(tmp_path), root=tmp_path)
    counts = [int(count) for count in re.findall(r"(\d+) passed", shown)]
    assert counts[0] == 1
    assert counts[1] >= 7
    assert "wide_put_spread" in shown.splitlines()[-2]


@pytest.mark.long
def test_an_own_broker_passes_the_suite_of_brokers(tmp_path):
    shown = follow("broker.md", clone(tmp_path), root=tmp_path)
    assert int(re.search(r"(\d+) passed", shown)[1]) >= 12
    assert "OPTIONS_BROKER" in shown
    evening = shown[shown.index(" done in ") :]
    assert ('{"request": "submit", "order": "' in evening) != ("no orders yet" in evening)
