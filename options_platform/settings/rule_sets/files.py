"""The files of rule sets: finding them, reading them, and saying what is wrong with one.

A file has `version` (a whole number, raised with each change), `title` (one line), `base`, `trials`
and any settings that a set may hold, written as in `options.toml`. With the base `plan` (the
default) the set lies over the user's own settings; with `defaults` it lies over the default rules,
so that it is the same in every home. `trials` is how many variants were tried elsewhere before
these rules were chosen (default 0), which no home can count by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from options_platform.common import DEFAULT_RULE_SET
from options_platform.errors import SettingsError, nearest
from options_platform.settings.file import toml_values
from options_platform.settings.keys import flat_keys, names_of, require_known
from options_platform.settings.settings import Settings

SHIPPED = Path(__file__).parent
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
PLAN, DEFAULTS = "plan", "defaults"
HEAD = ("version", "title", "base", "trials")
LONGEST_TITLE = 120
MOST = 10**9
"""The largest version and number of trials; what is stored is a number of 64 bits."""

TOP = ("iron_condor_enabled", "exits", "limits", "plan")
"""The settings that a set may hold."""

OF_ACCOUNT = (
    "costs", "chain", "undefined_risk", "allow_undefined_risk", "rule_set", "share", "blackout",
    "earnings_trades", "stocks",
)  # fmt: skip
"""The parts of `plan` that it may not: they describe the market and the account."""


@dataclass(frozen=True)
class RuleSet:
    """A rule set as its file states it.

    `values` are its settings as in `options.toml`, `file` says where they are from, and `base` is
    `plan` or `defaults`: what the set lies over. `trials` are those that the file states.
    """

    name: str
    version: int
    title: str
    file: str
    base: str = PLAN
    trials: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """The dotted names of the settings that the set holds."""
        return flat_keys(self.values)


def own_folder(home: Path) -> Path:
    """Where a user's own sets are: one file `NAME.toml` each."""
    return home / "rule_sets"


def rule_set_names(home: Path) -> list[str]:
    """The names of all sets: `plan` first, then the shipped ones, then the user's own."""
    shipped = sorted({path.stem for path in SHIPPED.glob("*.toml")} - {DEFAULT_RULE_SET})
    files = (path for path in own_folder(home).glob("*.toml") if path.is_file())
    own = sorted({path.stem for path in files} - {*shipped})
    return [DEFAULT_RULE_SET, *shipped, *(name for name in own if name != DEFAULT_RULE_SET)]


def active_rule_set(settings: Settings) -> RuleSet:
    """The set that the settings trade by; :class:`SettingsError` if its file has gone."""
    return read_rule_set(settings.rule_set, settings.home)


def read_rule_set(name: str, home: Path) -> RuleSet:
    """The set of that name, shipped or from the home.

    Raises :class:`SettingsError`, which names the file, for a name that no set has (suggesting the
    nearest one) or that two have, for a file that is no TOML, an unknown key (naming the nearest),
    a setting that no set may hold, and a missing version or title.
    """
    shipped, own = SHIPPED / f"{name}.toml", own_folder(home) / f"{name}.toml"
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"setting rule_set: {name!r} is no name of a rule set, which has 1 to 32 of a-z, 0-9 "
            "and _, first a letter"
        )
    is_shipped, is_own = shipped.is_file(), own.is_file()
    if is_shipped and is_own:
        raise SettingsError(
            f"{_shown(own)}: the name {name} belongs to a set of the package; rename the file"
        )
    if not is_shipped and not is_own:
        raise SettingsError(
            f"setting rule_set: there is no rule set {name!r}; "
            f"{nearest(name, rule_set_names(home))}; one of your own is a file {own}"
        )
    path = shipped if is_shipped else own
    try:
        values = toml_values(path)
    except SettingsError as error:
        raise SettingsError(f"{_shown(path)}: {error}") from error
    return _checked(name, values, "the package" if is_shipped else _shown(path))


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _checked(name: str, values: dict[str, Any], file: str) -> RuleSet:
    where = f"rule set {name} ({file})"
    version, title, trials = values.get("version"), values.get("title"), values.get("trials", 0)
    if not _is_count(version) or version < 1:
        raise SettingsError(f"{where}: version is missing or no whole number from 1 on")
    if not _is_count(trials):
        raise SettingsError(f"{where}: trials is a whole number, 0 or more, not {trials!r}")
    if not isinstance(title, str) or not _is_line(title.strip()):
        raise SettingsError(
            f"{where}: title is missing or not one line of text, at most {LONGEST_TITLE} characters"
        )
    base = values.get("base", PLAN)
    if base not in (PLAN, DEFAULTS):
        raise SettingsError(f"{where}: base is {PLAN} or {DEFAULTS}, not {base!r}")
    settings = {key: value for key, value in values.items() if key not in HEAD}
    _require_rules(settings, where)
    return RuleSet(name, version, title.strip(), file, base, trials, settings)


def _is_line(title: str) -> bool:
    return 0 < len(title) <= LONGEST_TITLE and title.isprintable()


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _require_rules(values: Mapping[str, Any], where: str) -> None:
    """Raise :class:`SettingsError` for a key that there is not, or that no set may hold."""
    every = [*HEAD, *names_of(Settings)]
    for key in values:
        if key not in every:
            raise SettingsError(f"{where}: unknown setting {key!r}; {nearest(key, every)}")
    outside, plan = [key for key in values if key not in TOP], values.get("plan")
    if isinstance(plan, Mapping):
        outside += [f"plan.{key}" for key in plan if key in OF_ACCOUNT]
    if outside:
        raise SettingsError(
            f"{where}: {outside[0]} is no rule of trading but describes the account, the market or "
            f"the platform; a set holds {', '.join(TOP)} (of plan not {', '.join(OF_ACCOUNT)}); "
            "write it in options.toml"
        )
    require_known(values, Settings, where=where)
