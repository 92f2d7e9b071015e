"""What the settings rest on outside of themselves: their file, and the path of the home."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from options_platform.errors import SettingsError

# In a path, Dagster takes some of these for a pattern and reads no configuration, or a
# neighbour's; the others end or encode an address of SQLite, DuckDB or MLflow.
UNSAFE_IN_HOME = "[]?*#%"


def toml_values(path: Path) -> dict[str, Any]:
    """The values of the file, none if it does not exist; SettingsError if it is no TOML."""
    try:
        content = path.read_bytes()
        # Editors of Windows begin a file with the mark of its encoding.
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return tomllib.loads(content.decode(encoding).replace("\r\n", "\n"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        # Also numbers of thousands of digits, which are no error of TOML.
        raise SettingsError(f"{path.name} cannot be read as TOML: {error}") from error


def require_safe_home(home: Path) -> None:
    """SettingsError for a path that the stores in it could not be addressed by."""
    unsafe = [char for char in str(home) if char in UNSAFE_IN_HOME or not char.isprintable()]
    if unsafe:
        raise SettingsError(
            f"setting home: the path {str(home)!r} holds {unsafe[0]!r}, which the stores in it "
            "cannot have in their addresses; set OPTIONS_HOME to a folder without any of "
            f"{' '.join(UNSAFE_IN_HOME)}"
        )
