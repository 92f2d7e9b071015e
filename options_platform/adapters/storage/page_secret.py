"""The secrets of a home: of the addresses of its pages, and of its dashboard.

Each is kept in a file of its own that only the owner reads.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from threading import get_ident

from options_platform.errors import HomeError

FILE = "pages.secret"
DASHBOARD = "dashboard.secret"
"""Apart from the other, which stands in the links of Dagster's event log."""

METRICS = "metrics.secret"
"""Opens the figures for Prometheus, and nothing else."""

SECRET = re.compile(r"[0-9a-f]{32}")


def secret_of(home: Path, name: str = FILE) -> str:
    """A secret of a home, 32 hex digits; made at the first call, and the same ever after.

    Raises :class:`HomeError` if its file cannot be read or written, or holds something else.
    """
    path = home.expanduser() / name
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError(f"{path} cannot be read or written ({error})") from error
    if SECRET.fullmatch(text) is None:
        raise HomeError(f"{path} holds no secret; delete it, and links get a new one")
    return text


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all; of two processes the first one's stays."""
    new = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(16) + "\n")
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
