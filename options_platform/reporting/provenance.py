"""Provenance of a report: versions of the code and its packages, and the settings in force."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from options_platform import __version__
from options_platform.domain.features.registry import feature_version
from options_platform.settings import Settings, names_of

PACKAGES = ("dagster", "duckdb", "polars", "numpy", "arch", "scikit-learn", "xgboost-cpu", "mlflow")


def versions() -> dict[str, str]:
    """Names and versions of the platform, its feature declarations, Python and main packages."""
    by_name = {
        "options-platform": __version__,
        "features": feature_version(),
        "Python": platform.python_version(),
    }
    for name in PACKAGES:
        try:
            by_name[name] = version(name)
        except PackageNotFoundError:
            continue
    return by_name


def settings_rows(settings: Settings) -> list[dict[str, Any]]:
    """All settings: name, value as text, and whether it differs from the default.

    Settings hold no secrets; adapters read those from the environment themselves.
    """
    defaults = dict(_flat(Settings()))
    return [
        {"name": name, "value": _text(value), "changed": value != defaults[name]}
        for name, value in _flat(settings)
    ]


def settings_digest(settings: Settings) -> str:
    """Hash (12 hex digits) of all settings except the home's path."""
    parts = [f"{name}={_text(value)}" for name, value in _flat(settings) if name != "home"]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _flat(part: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in names_of(type(part)):
        value = getattr(part, name)
        if is_dataclass(value):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value) or "none"
    return "none" if value is None or value == "" else str(value)
