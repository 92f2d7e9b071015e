"""Secrets: keys and addresses, each from a variable, or from a file that holds nothing else.

A secret NAME is the value of the variable NAME, else the content of the file that the variable
NAME_FILE names, else that of `/run/secrets/NAME`, where containers mount their secrets. What
switches live trading on is no secret and is read from no file
(:data:`~options_platform.settings.broker_rules.LIVE_SWITCH`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from options_platform.errors import SettingsError

FILE_SUFFIX = "_FILE"
MOUNTED = Path("/run/secrets")


def read_secret(name: str, environment: Mapping[str, str] | None = None) -> str:
    """The secret of that name without blanks around it; empty if it is set nowhere.

    Raises :class:`SettingsError` if both variables are set, or if a file cannot be read or, where a
    variable names it, is empty. No message has any of its content.
    """
    environment = os.environ if environment is None else environment
    value, named = environment.get(name, "").strip(), environment.get(f"{name}{FILE_SUFFIX}", "")
    if value and named:
        raise SettingsError(f"{name} and {name}{FILE_SUFFIX} are both set; unset one of them")
    if value:
        return value
    if named:
        content = _content(Path(named), f"{name}{FILE_SUFFIX} names {named}, which")
        if not content:
            raise SettingsError(f"{name}{FILE_SUFFIX} names {named}, which is empty")
        return content
    mounted = MOUNTED / name
    return _content(mounted, f"{mounted}") if os.path.lexists(mounted) else ""


def _content(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be read ({error.strerror}); name a file that this user "
            f"({os.getuid()}) may read"
        ) from error
    except ValueError:
        # Without its cause, which shows some of the content.
        raise SettingsError(f"{what} holds no text in UTF-8") from None
