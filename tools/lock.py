"""Resolve `pyproject.toml` into two lock files: all extras, and only the run-time packages."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLAGS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"]


def compile_lock(target: str, *extra: str) -> None:
    """Run uv's resolver for one lock file, with extra arguments such as constraints."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", *FLAGS]
    subprocess.run([*command, *extra, "pyproject.toml", "-o", target], cwd=ROOT, check=True)  # noqa: S603


if __name__ == "__main__":
    compile_lock("requirements.lock", "--all-extras")
    compile_lock("requirements-run.lock", "-c", "requirements.lock")
