"""Where the value of each setting comes from: which of the places that are read decides it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from options_platform.errors import SettingsError, nearest
from options_platform.settings.keys import field_names, flat_keys
from options_platform.settings.loading import FILE_NAME, PREFIX, plain_values, values_of_file
from options_platform.settings.rule_sets import RuleSet, active_rule_set
from options_platform.settings.rule_sets.files import DEFAULTS, OF_ACCOUNT, TOP
from options_platform.settings.settings import Settings
from options_platform.settings.sources import source_entry

DEFAULT = "default"
OF_SOURCE = ("start", "end", "tickers")
"""Settings that a source may bring along."""

COPIES = {
    "plan.sizing.account_value_usd": "account_value_usd",
    "plan.sizing.max_risk_usd": "max_risk_usd",
    "plan.selection.iron_condor_enabled": "iron_condor_enabled",
    "plan.rule_set": "rule_set",
    "plan.share": "budgets",
}
"""Settings that are read from another one, which alone can be set."""


@dataclass(frozen=True)
class Origin:
    """A setting by its dotted name, its value, and where that comes from.

    `origin` is `default`, the file, the name of a variable, `rule set NAME`, `source NAME`, or the
    setting that it is a copy of; for tickers also the universes that name them.
    """

    name: str
    value: Any
    origin: str

    @property
    def is_set(self) -> bool:
        """Whether a file, a variable, a rule set or the source has set it itself."""
        return self.origin != DEFAULT and self.name not in COPIES


def origins(
    settings: Settings,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Origin]:
    """Every setting with its origin, in the order of the settings.

    `settings` are those of `directory` (default: the working directory) and the environment.
    """
    directory = Path.cwd() if directory is None else directory
    environment = os.environ if environment is None else environment
    given = flat_keys(plain_values(directory, environment))
    in_file = flat_keys(values_of_file(directory / FILE_NAME))
    places = _Places(given, in_file, environment, active_rule_set(settings), settings.source)
    rows = [Origin(name, _value(settings, name), places.of(name)) for name in field_names()]
    return [_by_universe(row, settings) if row.name == "tickers" else row for row in rows]


def _by_universe(tickers: Origin, settings: Settings) -> Origin:
    """The tickers' origin with the universes that they are members of."""
    if not settings.chosen_universes:
        return tickers
    named = ", ".join(settings.chosen_universes)
    return replace(tickers, origin=f"{tickers.origin}, universe {named}")


def chosen(rows: Sequence[Origin], names: Sequence[str]) -> list[Origin]:
    """The settings of these names, or in these tables; all of them without names.

    Raises :class:`SettingsError` for a name that neither has, with the nearest.
    """
    for wanted in names:
        if not any(_is_inside(row.name, wanted) for row in rows):
            known = [row.name for row in rows]
            last = [name for name in known if name.rpartition(".")[2] == wanted]
            advice = f"did you mean {' or '.join(last)}?" if last else _near(wanted, known)
            raise SettingsError(f"there is no setting {wanted!r}; {advice}")
    if not names:
        return list(rows)
    return [row for row in rows if any(_is_inside(row.name, wanted) for wanted in names)]


def _near(wanted: str, known: Sequence[str]) -> str:
    advice = nearest(wanted, known)
    return advice if advice.startswith("did") else "list them: options-platform config show"


def _is_inside(name: str, table: str) -> bool:
    return name == table or name.startswith(f"{table}.")


def _value(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


@dataclass(frozen=True)
class _Places:
    given: Sequence[str]
    in_file: Sequence[str]
    environment: Mapping[str, str]
    rules: RuleSet
    source: str

    def of(self, name: str) -> str:
        if name in COPIES:
            return f"setting {COPIES[name]}"
        if self._is_of_set(name):
            held = any(_is_inside(key, name) for key in self.rules.keys)
            return f"rule set {self.rules.name}" if held else DEFAULT
        variable = f"{PREFIX}{name.upper().replace('.', '__')}"
        if any(
            value and (key.upper() == variable or key.startswith(f"{variable}__"))
            for key, value in self.environment.items()
        ):
            return variable
        if any(_is_inside(key, name) for key in self.given) and any(
            _is_inside(key, name) for key in self.in_file
        ):
            return FILE_NAME
        brought = getattr(source_entry(self.source), name, None) if name in OF_SOURCE else None
        return DEFAULT if brought is None else f"source {self.source}"

    def _is_of_set(self, name: str) -> bool:
        """Whether the rule set decides the value, by holding it or by resting on the defaults."""
        if any(_is_inside(key, name) for key in self.rules.keys):
            return True
        top, _, rest = name.partition(".")
        of_account = top == "plan" and rest.partition(".")[0] in OF_ACCOUNT
        return self.rules.base == DEFAULTS and top in TOP and not of_account
