"""The home folder: its layout, and Dagster's configuration inside it."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import MutableMapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from options_platform import __version__
from options_platform.adapters.storage.backups.swapping import finish_swap
from options_platform.adapters.storage.storage_faults import FULL_ERRNOS
from options_platform.errors import DiskFullError, HomeError
from options_platform.settings import Settings

LAYOUT, LAYOUT_FILE = 1, "home.json"
"""Raised with every change of the home that an older version would misread; its place."""

OTHERS = 0o077
PLATFORM_ENTRIES = (
    "*.duckdb*", "mlflow.db*", "mlflow.lock", "search.db*", "mlartifacts", "dagster", "reports",
    "logs", "chains", "cache", "locks", "exports", "backups.json", "demo.sha256", LAYOUT_FILE,
    "published", "before-*", ".restoring-*", "replay-*", "rule_sets", "forward_record.chain*",
    "pages.secret*", "dashboard.secret*", "metrics.secret*", "alerts.db*", "alerts.lock",
)  # fmt: skip
NO_DATA = ("lost+found", "options.toml", ".env")
"""What a folder may hold before it becomes a home."""

EVENT_BATCH_SIZE = 20_000
"""Events per transaction, enough for the partitions of three tickers over 25 years."""

DAGSTER_YAML = """\
# Written by options-platform; remove this first line to keep your own changes.
instance_class:
  module: options_platform.serving.instance
  class: HomeInstance
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
    """Create the home and Dagster's configuration in it, and make it private.

    Other users lose access to the platform's files in it. The unfinished swap of a killed restore
    is completed. Raises :class:`HomeError`
    for a home of a newer version and for a folder of other files, and :class:`HomeError` or
    :class:`DiskFullError` if the home cannot be written.
    """
    home = settings.home
    make_files_private()
    try:
        require_no_foreign_folder(home)
        home.mkdir(parents=True, exist_ok=True)
        require_readable_layout(home)
        close_to_others(home)
        finish_swap(home)
        for folder in (settings.dagster_home, settings.reports_path, settings.logs_path):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            pass
        _write_dagster_yaml(settings)
        _write_layout(home)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(home) from error
        raise _unwritable(home, error.strerror) from error


def is_home(folder: Path) -> bool:
    """Whether the platform has made a home of a folder."""
    return any(any(folder.glob(name)) for name in (LAYOUT_FILE, "*.duckdb", "forward_record.chain"))


def require_home(settings: Settings, why: str) -> None:
    """Raise :class:`HomeError`, which begins with `why`, if the settings' home is none."""
    if not is_home(settings.home):
        raise HomeError(
            f"{why}: {settings.home} is no home of options-platform; name the home: "
            "--home FOLDER, or OPTIONS_HOME"
        )


def require_possible_home(home: Path) -> None:
    """Raise :class:`HomeError` for a home that cannot be made where it is to be."""
    above = next(path for path in (home, *home.parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = os.strerror(errno.EACCES if above.is_dir() else errno.ENOTDIR)
        raise _unwritable(home, why)


def _unwritable(home: Path, why: str | None) -> HomeError:
    advice = "set OPTIONS_HOME to a folder that you may write"
    return HomeError(f"the home {home} cannot be written ({why}); {advice}")


def require_no_foreign_folder(folder: Path) -> None:
    """Raise :class:`HomeError` for a folder with files of which none is the platform's."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    foreign = [name for name in names if name not in NO_DATA]
    is_ours = any(fnmatch(name, known) for name in names for known in PLATFORM_ENTRIES)
    if foreign and not is_ours:
        raise HomeError(
            f"{folder} holds other files ({', '.join(sorted(foreign)[:3])}) and is no home of "
            "options-platform; name a new or an empty folder: --home FOLDER, or OPTIONS_HOME"
        )


def require_readable_layout(home: Path) -> None:
    """Raise :class:`HomeError` for a home that a newer version has written."""
    layout, version = _layout_of(home)
    if layout > LAYOUT:
        raise HomeError(
            f"the home {home} was written by options-platform {version}, which {__version__} "
            "cannot read; install that version, or set OPTIONS_HOME to another home"
        )


def _layout_of(home: Path) -> tuple[int, str]:
    """The layout of a home and the version that wrote it; 0 where none is noted or readable."""
    try:
        noted = json.loads((home / LAYOUT_FILE).read_text(encoding="utf-8"))
        return int(noted["layout"]), str(noted["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, "an unknown version"


def _write_layout(home: Path) -> None:
    if _layout_of(home) != (LAYOUT, __version__):
        noted = {"layout": LAYOUT, "version": __version__}
        _replace(home / LAYOUT_FILE, json.dumps(noted) + "\n")


def make_files_private() -> None:
    """Make new files of this process and its children readable only by their owner.

    DuckDB, SQLite, MLflow and Dagster create files themselves, so it has to be set per process.
    """
    os.umask(0o077)


def close_to_others(home: Path) -> None:
    """Remove other users' access to the platform's files in the home, and to the home itself.

    A home folder that has foreign entries too keeps its permissions, and so do these. Files of
    another user, as on some mounted volumes, are not changed.
    """
    entries = list(home.iterdir())
    of_platform = [
        path for path in entries if any(fnmatch(path.name, name) for name in PLATFORM_ENTRIES)
    ]
    with suppress(PermissionError, FileNotFoundError):
        for path in of_platform:
            if not path.is_symlink():
                _close(path)
        if len(of_platform) == len(entries):
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
    # Last, so that an interrupted call is repeated completely.
    path.chmod(mode & ~OTHERS)


def enter_home(settings: Settings, environment: MutableMapping[str, str] | None = None) -> None:
    """Set the environment so that Dagster and its processes use this home."""
    environment = os.environ if environment is None else environment
    environment["DAGSTER_HOME"] = str(settings.dagster_home)
    environment["OPTIONS_HOME"] = str(settings.home)
    environment.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENT_BATCH_SIZE))
    environment.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")


def _write_dagster_yaml(settings: Settings) -> None:
    path = settings.dagster_home / "dagster.yaml"
    text = DAGSTER_YAML.format(
        # Quoted, since a path may contain characters with a meaning in YAML.
        base_dir=json.dumps(str(settings.dagster_home / "history" / "runs")),
        max_runs=settings.workers + 1,
    )
    marker = DAGSTER_YAML.splitlines()[0]
    if path.exists() and not path.read_text().startswith(marker):
        return
    if not path.exists() or path.read_text() != text:
        _replace(path, text)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(f".{os.getpid()}.new")
    new.write_text(text)
    new.replace(path)
