"""CPU seconds to start fresh processes, beside Dagster's command and plain imports.

`--help` is what a user waits for at a prompt; the definitions are loaded by Dagster's web server,
its daemon and each run.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GOAL_CPU_SECONDS = 0.4
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")

COMMANDS = {
    "options-platform --help": [str(BIN / "options-platform"), "--help"],
    "import options_platform": [PYTHON, "-c", "import options_platform.cli"],
    "load the definitions": [PYTHON, "-c", "import options_platform.definitions as d; d.defs()"],
    "python -c pass": [PYTHON, "-c", "pass"],
    "import dagster": [PYTHON, "-c", "import dagster"],
    "dagster --help": [str(BIN / "dagster"), "--help"],
}
WITH_GOAL = ("options-platform --help", "import options_platform")


def cpu_seconds(command: list[str], home: str) -> float:
    """CPU time of the command and all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OPTIONS_HOME": home, "OPTIONS_SOURCE": "sample"}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as home:
        measured = {
            name: statistics.median(cpu_seconds(command, home) for _ in range(repeats))
            for name, command in COMMANDS.items()
        }
    peer = measured["dagster --help"]
    print(f"{'command':26} {'CPU s':>7} {'/ dagster --help':>18}   median of {repeats}")
    for name, seconds in measured.items():
        print(f"{name:26} {seconds:7.3f} {seconds / peer:18.2f}")
    met = all(measured[name] <= GOAL_CPU_SECONDS for name in WITH_GOAL)
    print(f"goal: --help and import at most {GOAL_CPU_SECONDS} s: {'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
