"""Keys of settings: which there are, what a wrong one may have meant, and merging them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn, get_type_hints

from options_platform.domain.planning.retired_settings import RESHAPED, RETIRED
from options_platform.errors import SettingsError, nearest
from options_platform.settings.settings import Settings


def require_known(
    values: Mapping[str, Any], kind: type, *, where: str, inside: tuple[str, ...] = ()
) -> None:
    """Raise :class:`SettingsError` for the first key of `values` that `kind` does not have, or that
    has a value where it is a table."""
    hints, names = get_type_hints(kind), names_of(kind)
    for key, value in values.items():
        path = (*inside, key)
        if key not in names:
            raise_unknown(f"{where}: ", path, names)
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise_no_table(f"{where}: ", path, value)
            require_known(value, hints[key], where=f"{where} [{key}]", inside=path)


def raise_unknown(where: str, path: Sequence[str], known_names: Sequence[str]) -> NoReturn:
    """Say what replaced a retired setting, or else which known one the last part resembles."""
    name, key = ".".join(path), path[-1]
    if name in RETIRED:
        raise SettingsError(f"{where}{name} is no longer a setting: {RETIRED[name]}")
    raise SettingsError(f"{where}unknown setting {key!r}; {_resembled(key, known_names)}")


def _resembled(key: str, known_names: Sequence[str]) -> str:
    """Advice on an unknown key: a setting of that name in another table, else the nearest here."""
    elsewhere = [name for name in field_names() if name.rpartition(".")[2] == key]
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere)}?"
    return nearest(key, known_names)


def raise_no_table(where: str, path: Sequence[str], value: object) -> NoReturn:
    """Say what replaced a setting that was no table, or else how one is written."""
    name = ".".join(path)
    if name in RESHAPED:
        raise SettingsError(f"{where}{name} is no longer {RESHAPED[name]}")
    raise SettingsError(f"{where}{name} is a table, written [{name}], not {value!r}")


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Put the values of `over` over those of `base`, which changes; tables are merged by key."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value


def flat_keys(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted names of all values in nested tables."""
    names: list[str] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        names += flat_keys(value, f"{name}.") if isinstance(value, Mapping) else [name]
    return names


def names_of(kind: type) -> list[str]:
    """The names of the settings that a class holds itself, without what is derived from them."""
    return [item.name for item in fields(kind) if "derived" not in item.metadata]


def field_names(kind: type = Settings) -> list[str]:
    """The names of all settings, nested ones with a dot."""
    names: list[str] = []
    hints = get_type_hints(kind)
    for own_name in names_of(kind):
        hint = hints[own_name]
        if is_dataclass(hint):
            names += [f"{own_name}.{name}" for name in field_names(hint)]  # type: ignore[arg-type]
        else:
            names.append(own_name)
    return names
