"""Details of an MLflow run: the version of the code, and parameters with dotted names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import options_platform
from options_platform.domain.features.registry import feature_version


def code_version() -> dict[str, str]:
    """Versions of the package (with the commit in a checkout) and of the features, as tags."""
    commit = checkout_commit()
    return {
        "code_version": options_platform.__version__ + (f"+{commit}" if commit else ""),
        "feature_version": feature_version(),
    }


@cache
def checkout_commit() -> str | None:
    """The commit of this package, with -dirty for changed files; cached.

    None without git, and for an installed package, even in a folder of another checkout.
    """
    package = Path(options_platform.__file__).parent
    tracked = ("git", "rev-parse", "HEAD:./")
    commit = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        for command in (tracked, commit):
            done = subprocess.run(  # noqa: S603 (fixed words)
                command, cwd=package, capture_output=True, text=True, check=True
            )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def flattened(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested parameters as dotted names for MLflow; values as text of at most 500 characters."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)[:500]
    return flat


def plain(name: str) -> str:
    """A name of a metric or parameter, with characters that MLflow refuses as underscores."""
    return re.sub(r"[^\w\-. /:]", "_", name)
