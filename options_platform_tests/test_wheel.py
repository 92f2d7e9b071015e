"""The wheel, installed outside of any clone, does what the clone does.

The environment has the locked packages and of this project nothing but the wheel.
"""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = {"OPTIONS_TICKERS": "SPY", "OPTIONS_START": "2016-01-04", "OPTIONS_BASELINES": "none"}


class Installed:
    """A virtual environment with the wheel, and a folder to work in."""

    def __init__(self, folder):
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        self.bin = folder / "venv" / "bin"
        wheels = folder / "dist"
        self._python("-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), cwd=ROOT)
        (wheel,) = wheels.glob("*.whl")
        self._python("-m", "venv", "--without-pip", str(folder / "venv"))
        self._python("-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline",
                     "--python", str(self.bin / "python"), str(wheel))  # fmt: skip
        # A path file is not read for further path files, so the clone's own does not count.
        (site,) = (folder / "venv").glob("lib/python*/site-packages")
        (site / "locked.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    def run(self, program, *arguments, **settings):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPTIONS_", "PYTHONPATH"))}
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder,
            env=kept | SMALL | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _python(self, *arguments, cwd=None):
        subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_wheel_runs_the_demo_and_is_sound_outside_of_a_clone(installed):
    code = "import options_platform as a, dbt_like_sql as b; print(a.__file__, b.__file__)"
    files = installed.run("python", "-c", code).split()
    assert all(Path(file).is_relative_to(installed.bin.parent) for file in files)

    shown = installed.run("options-platform", "demo", "--sessions", "5")
    assert "source sample, SPY" in shown
    report = Path(shown.partition("Open the report:")[2].split()[0])
    assert report.is_relative_to(installed.folder)
    assert "<html" in report.read_text(encoding="utf-8")

    home = installed.folder / ".options"
    code = f"""
import duckdb
with duckdb.connect({str(home / "warehouse.duckdb")!r}, read_only=True) as warehouse:
    print(warehouse.execute("SELECT count(*) FROM marts.daily_decisions").fetchone()[0])
"""
    assert int(installed.run("python", "-c", code)) > 700

    findings = json.loads(
        installed.run("options-platform", "doctor", "--json", "--deep", OPTIONS_SOURCE="sample")
    )
    states = {finding["what"]: finding["state"] for finding in findings}
    assert states["databases"] == states["trade_plan"] == states["mlflow store"] == "ok"

    installed.run(
        "python", "-m", "dagster", "definitions", "validate", "-m", "options_platform.definitions"
    )
