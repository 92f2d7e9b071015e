"""What an MLflow run says of itself: the code that made it, its parameters by dotted names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import options_platform
from options_platform.domain.features.registry import feature_version


def code_version() -> dict[str, str]:
    """What made a run: the package's version, in a checkout with its commit, and the features'."""
    commit = checkout_commit()
    return {
        "code_version": options_platform.__version__ + (f"+{commit}" if commit else ""),
        "feature_version": feature_version(),
    }


@cache
def checkout_commit() -> str | None:
    """The commit that holds this package, with -dirty where files were changed; asked for once.

    None where the package is installed, even in a folder inside somebody else's checkout, or where
    there is no git.
    """
    here = Path(options_platform.__file__).parent
    tracked = ("git", "rev-parse", "HEAD:./")
    commit = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        for command in (tracked, commit):
            said = subprocess.run(  # noqa: S603 (fixed words)
                command, cwd=here, capture_output=True, text=True, check=True
            )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()


def flattened(values: Mapping[str, object], where: str = "") -> dict[str, object]:
    """Nested parameters as dotted names, as MLflow shows them; long values are cut at 500."""
    found: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flattened(value, f"{where}{key}.")
        else:
            found[f"{where}{key}"] = str(value)[:500]
    return found


def plain(name: str) -> str:
    """A name of a metric or parameter with what MLflow takes none of replaced by underscores."""
    return re.sub(r"[^\w\-. /:]", "_", name)
