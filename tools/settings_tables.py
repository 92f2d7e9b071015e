"""Settings as the documentation shows them: what their docstrings say, and their defaults."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any

from options_platform.domain.trading.fill_prices import FILL_MODELS
from tools.markdown import table

# Settings of the account that are not below `plan.sizing`.
AT_THE_TOP = {name: name for name in ("account_value_usd", "max_risk_usd")}


def section(title: str, prefix: str, rules: Any) -> list[str]:
    """A heading, what the settings are, and their defaults."""
    return [f"## {title}", text(rules), values(prefix, rules)]


def values(prefix: str, rules: Any) -> str:
    """A table of the settings and their defaults."""
    rows = [
        (
            f"`{AT_THE_TOP.get(field.name, f'{prefix}.{field.name}')}`",
            shown(getattr(rules, field.name)),
        )
        for field in fields(rules)
        if not is_dataclass(getattr(rules, field.name)) and "derived" not in field.metadata
    ]
    return table(("Setting", "Default"), rows)


def shown(value: Any) -> str:
    """A default as the page shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(part)}" for key, part in value.items()) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "none" if value is None else str(value)


def text(rules: Any) -> str:
    """The docstrings of the settings' class and of its base classes, base classes first."""
    kinds = [kind for kind in reversed(type(rules).__mro__) if is_dataclass(kind)]
    return " ".join(" ".join(inspect.cleandoc(kind.__doc__ or "").split()) for kind in kinds)


def paragraph(module: ModuleType) -> str:
    """The second paragraph of a module's docstring."""
    return " ".join(inspect.cleandoc(module.__doc__ or "").split("\n\n")[1].split())


def first(function: Any) -> str:
    """The first sentence of a docstring."""
    sentence = " ".join(inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].split())
    if function in FILL_MODELS.values():
        return sentence[0].lower() + sentence[1:].rstrip(".")
    return sentence
