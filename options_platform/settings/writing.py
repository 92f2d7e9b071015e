"""Writing tickers into `options.toml`; every other character of the user stays as it is."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from options_platform.errors import SettingsError
from options_platform.settings.file import toml_values
from options_platform.settings.loading import FILE_NAME, PREFIX

BY_VARIABLE = f"{PREFIX}TICKERS"


def line_of(names: Sequence[str]) -> str:
    """The line of `options.toml` that sets the tickers."""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"tickers = [{quoted}]"


def written_names(
    directory: Path, environment: Mapping[str, str], default: Sequence[str]
) -> list[str]:
    """The tickers and universes as the user wrote them; `default` if nothing sets them."""
    if by_variable := environment.get(BY_VARIABLE, "").strip():
        return [part.strip() for part in by_variable.split(",") if part.strip()]
    return [str(name) for name in toml_values(directory / FILE_NAME).get("tickers", default)]


def why_not_writable(directory: Path, environment: Mapping[str, str]) -> str | None:
    """Why tickers cannot be added in `options.toml`; None if they can."""
    if environment.get(BY_VARIABLE, "").strip():
        return f"{BY_VARIABLE} is set, and decides over {FILE_NAME}"
    if not (directory / FILE_NAME).exists():
        return f"there is no {FILE_NAME} in {directory}"
    return None


def write_tickers(directory: Path, names: Sequence[str], added: Sequence[str]) -> None:
    """Add tickers to the setting in `options.toml`, or write the line if the file has none.

    `names` are all that the setting shall hold, `added` the last of them. The file is replaced in
    one step. Raises :class:`SettingsError`, and changes nothing, where the file cannot be written,
    or would not say the same but for the tickers.
    """
    path = (directory / FILE_NAME).resolve()
    before = toml_values(path)
    new = path.with_name(f".{path.name}.new")
    try:
        content = path.read_bytes()
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        text = _with_tickers(content.decode(encoding), names, added)
        after = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
        if after != {**before, "tickers": list(names)}:
            raise SettingsError(_by_hand(names, "its list of tickers is written in another way"))
        new.write_bytes(text.encode(encoding))
        shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SettingsError(_by_hand(names, error.strerror or str(error))) from error


def _with_tickers(text: str, names: Sequence[str], added: Sequence[str]) -> str:
    import tomlkit

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    document: Any = tomlkit.parse(text.removeprefix(mark))
    if "tickers" in document:
        for name in added:
            document["tickers"].append(name)
    else:
        document.add("tickers", tomlkit.item(list(names)))
    return f"{mark}{tomlkit.dumps(document)}"


def _by_hand(names: Sequence[str], why: str) -> str:
    return f"{FILE_NAME} could not be changed ({why}); write this line in it: {line_of(names)}"
