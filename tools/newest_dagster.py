"""Tests the event log with batches on the newest release of Dagster, beside the locked one.

The newest wheels go into a folder of their own, which Python searches before the environment's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from options_platform.adapters.event_log import is_tested

PACKAGES = "dagster", "dagster-shared", "dagster-pipes"
TESTS = "options_platform_tests/adapters/test_event_log.py"
ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """The exit status of the tests; 2 if the package index cannot be reached."""
    with tempfile.TemporaryDirectory() as folder:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        command = [*install, "--target", folder, *PACKAGES]
        done = subprocess.run(command, check=False)  # noqa: S603
        if done.returncode:
            print("the newest Dagster cannot be installed: is the package index reachable?")
            return 2
        name = next(Path(folder).glob("dagster-*.dist-info")).name
        release = name.removeprefix("dagster-").removesuffix(".dist-info")
        print(f"Event log with batches on Dagster {release}:", flush=True)
        paths = os.pathsep.join([folder, str(ROOT), os.environ.get("PYTHONPATH", "")])
        tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
        environment = os.environ | {"PYTHONPATH": paths}
        failed = subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
    if not failed and not is_tested(release):
        print(f"They hold: TESTED in options_platform/adapters/event_log.py can end at {release}.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
