"""The wheel, installed outside of any clone, does what README and documents say.

The environment has the packages that running needs, by the lock, and of this project nothing but
the wheel.
"""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def locked_for_running():
    """The names in the folder of packages that belong to the lock of a plain installation."""
    lock = (ROOT / "requirements-run.lock").read_text(encoding="utf-8")
    names = set()
    for package in re.findall(r"^([A-Za-z0-9][\w.-]*)==", lock, re.MULTILINE):
        try:
            files = distribution(package).files or []
        except PackageNotFoundError:
            # Its marker is of another system or version of Python.
            continue
        names |= {file.parts[0] for file in files} - {"..", "__pycache__"}
    return names


class Installed:
    """A virtual environment with the wheel, and a folder to work in, as the README leaves them."""

    def __init__(self, folder):
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        self.bin = self.folder / ".venv" / "bin"
        wheels = folder / "dist"
        self._python("-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), cwd=ROOT)
        (wheel,) = wheels.glob("*.whl")
        self._python("-m", "venv", "--without-pip", str(self.folder / ".venv"))
        self._python("-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline",
                     "--python", str(self.bin / "python"), str(wheel))  # fmt: skip
        (site,) = (self.folder / ".venv").glob("lib/python*/site-packages")
        packages = Path(sysconfig.get_paths()["purelib"])
        for name in locked_for_running():
            if not (site / name).exists():
                (site / name).symlink_to(packages / name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def run(self, program, *arguments, **settings):
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _python(self, *arguments, cwd=None):
        subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def demo(installed):
    """What the demo prints."""
    return installed.run("options-platform", "demo")


def test_the_wheel_runs_the_demo_to_its_end_and_it_shows_the_product(installed, demo):
    code = "import options_platform as a, dbt_like_sql as b; print(a.__file__, b.__file__)"
    files = installed.run("python", "-c", code).split()
    assert all(Path(file).is_relative_to(installed.bin.parent) for file in files)

    shown = re.sub(r"\s+", " ", demo)
    assert "source sample, SPY, QQQ" in shown
    strategies = set(re.findall(r"^([a-z]+(?: [a-z]+)+)  +\w+ +\d", demo, re.MULTILINE))
    assert {"bull put spread", "bull call spread", "iron condor"} <= strategies
    assert re.search(r"Opened \d{4}-\d\d-\d\d for (credit|debit) [\d.]+ a share: ", shown)
    for part in ("Loses at most", "breaks even at", "likely to end with a profit",
                 "takes profit from", "stops at", "time is up on"):  # fmt: skip
        assert part in shown
    assert "TAKE_PROFIT" in demo
    assert "STOP_LOSS" in demo
    assert "QQQ is not priced on its own volatility" in shown
    assert re.search(r"Done in \d+ s\.", demo)


def test_the_report_of_the_demo_begins_with_what_was_traded(installed, demo):
    report = installed.folder / demo.partition("Open the report:")[2].split()[0]
    assert report.is_relative_to(installed.folder)
    page = report.read_text(encoding="utf-8")
    assert (
        page.index("What was traded") < page.index("<h3>Open positions") < page.index(">Data</h2>")
    )
    assert "A replay, not a track record." in page


def test_the_home_of_the_demo_is_sound(installed, demo):
    home = installed.folder / ".options"
    code = f"""
import duckdb
with duckdb.connect({str(home / "warehouse.duckdb")!r}, read_only=True) as warehouse:
    print(warehouse.execute("SELECT count(*) FROM marts.daily_decisions").fetchone()[0])
"""
    assert int(installed.run("python", "-c", code)) > 2 * 2200

    findings = json.loads(
        installed.run("options-platform", "doctor", "--json", "--deep", OPTIONS_SOURCE="sample")
    )
    states = {finding["what"]: finding["state"] for finding in findings}
    assert states["databases"] == states["trade_plan"] == states["mlflow store"] == "ok"

    listed = json.loads(
        installed.run(
            "options-platform", "positions", "--replay", "--json", OPTIONS_SOURCE="sample"
        )
    )
    chosen = listed["positions"][0]["position_id"]
    plan = installed.run(
        "options-platform", "positions", chosen[:-3], "--replay", OPTIONS_SOURCE="sample"
    )
    assert f"Its id: {chosen}" in plan
    assert "Exits, judged at each close: " in plan

    installed.run(
        "python", "-m", "dagster", "definitions", "validate", "-m", "options_platform.definitions"
    )


def test_trading_is_tried_out_word_for_word_after_the_demo(installed, demo):
    page = (ROOT / "docs" / "trading.md").read_text(encoding="utf-8")
    section = page.split("\n## Trying it without an account\n")[1]
    script = section.split("```sh\n")[1].split("```")[0]
    shell = subprocess.Popen(
        ["bash", "-e"],
        cwd=installed.folder,
        env=installed.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        shown, _ = shell.communicate(script, timeout=900)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, shown
    assert "A fake Alpaca serves at http://127.0.0.1:8765" in shown
    assert " done in " in shown
    assert shown.rstrip().endswith("Ledger and broker agree.")
    assert (installed.folder / ".options-fake" / "ledger.duckdb").is_file()
    # The demo's home is another one, and as it was.
    brief = installed.run("options-platform", "status", OPTIONS_SOURCE="sample")
    assert brief.startswith("Proxy data: ")
    assert "\nEquity 100,000 USD at the close of 2018-12-31" in brief
