"""The home folder: its layout, and Dagster's configuration inside it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import MutableMapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from options_platform.adapters.storage.backups.swapping import finish_swap
from options_platform.adapters.storage.storage_faults import FULL_ERRNOS
from options_platform.errors import DiskFullError, HomeError
from options_platform.settings import Settings

OTHERS = 0o077
OURS = (
    "*.duckdb*", "mlflow.db*", "mlflow.lock", "search.db*", "mlartifacts", "dagster", "reports",
    "logs", "chains", "cache", "locks", "exports", "backups.json", "demo.sha256", "before-*",
    ".restoring-*", "replay-*",
)  # fmt: skip
EVENT_BATCH_SIZE = 20_000
"""Partitions of a step in one transaction: three tickers over 25 years."""

DAGSTER_YAML = """\
# Written by options-platform; remove this first line to keep your own changes.
telemetry:
  enabled: false
# No pop-up that asks for an address.
nux:
  enabled: false
# The console stays for people; every event is in the run's log in the UI.
python_logs:
  python_log_level: CRITICAL
event_log_storage:
  module: options_platform.adapters.event_log
  class: BatchedSqliteEventLogStorage
  config:
    base_dir: {base_dir}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: {max_runs}
"""


def prepare_home(settings: Settings) -> None:
    """Create the home and Dagster's configuration in it; :class:`HomeError` if that cannot be.

    A home is its owner's alone: what others could read of it is closed to them. What a killed
    restore began is finished.
    """
    home = settings.home
    make_files_private()
    try:
        home.mkdir(parents=True, exist_ok=True)
        close_to_others(home)
        finish_swap(home)
        for folder in (settings.dagster_home, settings.reports_path, settings.logs_path):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            pass
        _write_dagster_yaml(settings)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(home) from error
        raise HomeError(
            f"the home {home} cannot be written ({error.strerror}); "
            "set OPTIONS_HOME to a folder that you may write"
        ) from error


def make_files_private() -> None:
    """Let whatever this process and its children create be theirs alone.

    DuckDB, SQLite, MLflow and Dagster create files of their own, so only the process can say it.
    """
    os.umask(0o077)


def close_to_others(home: Path) -> None:
    """Take the rights of others off what the platform made in its home, and off the home itself.

    A folder that holds other things too keeps its own rights, and they theirs. What belongs to
    another user, as on some mounted volumes, stays as it is.
    """
    entries = list(home.iterdir())
    ours = [path for path in entries if any(fnmatch(path.name, name) for name in OURS)]
    with suppress(PermissionError, FileNotFoundError):
        for path in ours:
            if not path.is_symlink():
                _close(path)
        if len(ours) == len(entries):
            _close(home, whole=False)


def _close(path: Path, *, whole: bool = True) -> None:
    mode = path.stat().st_mode
    if not mode & OTHERS:
        return
    for folder, folders, names in os.walk(path) if whole else ():
        for name in (*folders, *names):
            inner = Path(folder, name)
            if not inner.is_symlink():
                inner.chmod(inner.stat().st_mode & ~OTHERS)
    # Last, so that what was interrupted is done again.
    path.chmod(mode & ~OTHERS)


def enter_home(settings: Settings, environment: MutableMapping[str, str] | None = None) -> None:
    """Point Dagster, and the processes that it starts, at this home."""
    environment = os.environ if environment is None else environment
    environment["DAGSTER_HOME"] = str(settings.dagster_home)
    environment["OPTIONS_HOME"] = str(settings.home)
    environment.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENT_BATCH_SIZE))
    environment.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


def _write_dagster_yaml(settings: Settings) -> None:
    path = settings.dagster_home / "dagster.yaml"
    text = DAGSTER_YAML.format(
        # Quoted, since a path may hold what means something in YAML.
        base_dir=json.dumps(str(settings.dagster_home / "history" / "runs")),
        max_runs=settings.workers + 1,
    )
    ours = DAGSTER_YAML.splitlines()[0]
    if path.exists() and not path.read_text().startswith(ours):
        return
    if not path.exists() or path.read_text() != text:
        _replace(path, text)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(f".{os.getpid()}.new")
    new.write_text(text)
    new.replace(path)
