"""Reading the settings: from `options.toml`, from the environment, filled in and checked.

Values come from `options.toml` in the working directory, overridden by environment variables
with the prefix `OPTIONS_` (a nested one with two underscores: `OPTIONS_EXITS__DEBIT_STOP`). An
empty variable counts as unset; `none` stands for an empty list or no value, and as
`OPTIONS_BUDGETS` for none of the file's budgets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.calendar.sessions import set_closures
from options_platform.domain.feature_engine.iv_history import CHAIN
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.retired_settings import RESHAPED
from options_platform.errors import SettingsError
from options_platform.settings.broker_rules import LIVE_SWITCH
from options_platform.settings.file import require_safe_home, toml_values
from options_platform.settings.keys import merge, raise_unknown, require_known
from options_platform.settings.live_switches import require_live_by_file
from options_platform.settings.rule_sets import (
    RuleSet,
    put_over,
    read_rule_set,
    without_effect,
)
from options_platform.settings.secrets import FILE_SUFFIX
from options_platform.settings.sensible import require_sensible
from options_platform.settings.settings import SetRules, Settings
from options_platform.settings.sources import source_entry
from options_platform.settings.universes import expanded

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PREFIX = "OPTIONS_"
SLACK = 1e-9
"""Shares of budgets that add up to 1 may exceed it by the noise of their sum."""
FILE_NAME = "options.toml"
NONE = "none"
"""What a variable says that empties a list, a value, or `budgets`."""
STARTED_BY = "OPTIONS_STARTED_BY"
"""Says `compose` where the compose file starts commands, so that advice names its commands."""
# Variables with our prefix that steer the tests or mark a container, and those that no options.toml
# may hold: the switch of live trading, and the addresses of alerts, which are secrets.
ALERT_URLS = "OPTIONS_ALERT_URLS"
ESCALATION_URLS = "OPTIONS_ALERT_ESCALATION_URLS"
HEARTBEAT_URL = "OPTIONS_HEARTBEAT_URL"
NOT_SETTINGS = frozenset(
    {
        "OPTIONS_REFERENCE_DATA",
        "OPTIONS_REQUIRE_ALL",
        LIVE_SWITCH,
        *(
            f"{name}{suffix}"
            for name in (ALERT_URLS, ESCALATION_URLS, HEARTBEAT_URL)
            for suffix in ("", FILE_SUFFIX)
        ),
        STARTED_BY,
    }
)


def load_settings(
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    rule_set: str | None = None,
    rules: RuleSet | None = None,
) -> Settings:
    """The settings of `directory` (default: the working directory) and the environment.

    `rule_set` replaces what they choose, be it one set or several, and `rules` what its file holds.
    The calendar of the process gets the closures that they name.

    Raises :class:`SettingsError` on a file that is no TOML, an unknown key (naming the nearest
    known one), a value of the wrong type or out of its range, and a variable that would make
    trading live, which only the file may.
    """
    directory = Path.cwd() if directory is None else directory
    values = plain_values(directory, environment)
    if rules is not None:
        rule_set = rules.name
    if rule_set is not None:
        # One set alone, with the whole account.
        values["rule_set"] = rule_set
        values.pop("budgets", None)
    try:
        settings = make_settings(values, directory=directory, rules=rules)
    except SettingsError as error:
        if rules is not None:
            raise
        raise SettingsError(f"{error}{_way_out(values, directory)}") from error
    set_closures(settings.unplanned_closures)
    return settings


def settings_without_effect(
    directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> list[str]:
    """The dotted names of settings of `directory` and the environment that the rule set which they
    choose replaces, or leaves out. Raises :class:`SettingsError` like :func:`load_settings`."""
    directory = Path.cwd() if directory is None else directory
    values = plain_values(directory, environment)
    return without_effect(values, _chosen_rules(values, directory))


def plain_values(directory: Path, environment: Mapping[str, str] | None) -> dict[str, Any]:
    """The values of the file of `directory`, and of the environment over them."""
    environment = os.environ if environment is None else environment
    budgets = f"{PREFIX}BUDGETS"
    is_unshared = environment.get(budgets, "").strip().lower() == NONE
    if is_unshared:
        kept = (name for name in environment if name.partition("__")[0] != budgets)
        environment = {name: environment[name] for name in kept}
    values, variables = values_of_file(directory / FILE_NAME), _from_environment(environment)
    require_live_by_file(values, variables, FILE_NAME)
    if is_unshared:
        values.pop("budgets", None)
    merge(values, variables)
    return values


def _way_out(values: Mapping[str, Any], directory: Path) -> str:
    """What to do before settings are mended that only rule sets keep from being read."""
    by_plan, unshared = f"{PREFIX}RULE_SET={DEFAULT_RULE_SET}", f"{PREFIX}BUDGETS={NONE}"
    ways: tuple[tuple[dict[str, Any], str], ...] = (
        ({"rule_set": DEFAULT_RULE_SET}, by_plan),
        ({"budgets": {}}, unshared),
        ({"rule_set": DEFAULT_RULE_SET, "budgets": {}}, f"{unshared} {by_plan}"),
    )
    for changes, variables in ways:
        try:
            make_settings({**values, **changes}, directory=directory)
        except SettingsError:
            continue
        return f"; to halt or flatten before that is mended: {variables}"
    return ""


@cache
def _validator() -> TypeAdapter[Settings]:
    """Built once: it costs more than all that is validated with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def make_settings(
    values: Mapping[str, Any], *, directory: Path | None = None, rules: RuleSet | None = None
) -> Settings:
    """Settings from plain values, defaults filled in; `home` is taken relative to `directory`.

    The rules of the set that `rule_set` names lie over the values, or `rules` in their place. A set
    of `budgets` that cannot be read is among `lost_sets` and raises nothing.
    Raises :class:`SettingsError` like :func:`load_settings`, and like :func:`read_rule_set`.
    """
    chosen = values.get("rule_set")
    try:
        settings = _with_rules(
            values, _chosen_rules(values, directory) if rules is None else rules, directory
        )
    except SettingsError:
        budgets = values.get("budgets")
        if rules is not None or not isinstance(budgets, Mapping) or chosen not in budgets:
            raise
        # The other sets of the budgets lie over the user's settings, or over none.
        values = {key: value for key, value in values.items() if key != "rule_set"}
        settings = _with_rules(values, _chosen_rules(values, directory), directory)
    reader = _SetReader(values, directory)
    _require_budgets(settings)
    return replace(settings, rules_of=reader, lost_sets=_lost_sets(settings, reader))


@dataclass(frozen=True)
class _SetReader:
    """Reads the rules of sets over the values of the settings, each once."""

    values: Mapping[str, Any]
    directory: Path | None
    made: dict[str, SetRules] = field(default_factory=dict)

    def __call__(self, name: str) -> SetRules:
        if name not in self.made:
            values = {key: value for key, value in self.values.items() if key != "budgets"}
            home = _home(Path(str(values.get("home", Settings.home))), self.directory)
            settings = _with_rules(
                {**values, "rule_set": name}, read_rule_set(name, home), self.directory
            )
            self.made[name] = SetRules(settings.plan, settings.exits, settings.limits)
        return self.made[name]


def _lost_sets(settings: Settings, rules_of: Callable[[str], object]) -> dict[str, str]:
    """By name what is wrong with each set of the budgets that cannot be read."""
    lost = {}
    for name in settings.budgets:
        if name != settings.rule_set:
            try:
                rules_of(name)
            except SettingsError as error:
                lost[name] = str(error)
    return lost


def _require_budgets(settings: Settings) -> None:
    """Raise :class:`SettingsError` for shares of the account that nobody can give."""
    budgets = settings.budgets
    for name, share in budgets.items():
        if not 0.0 < share <= 1.0:
            raise SettingsError(
                f"setting budgets.{name}: a share of the account above 0 and at most 1, not {share}"
            )
    if sum(budgets.values()) > 1.0 + SLACK:
        raise SettingsError(
            f"setting budgets: the shares add up to {sum(budgets.values()):g}, more than 1"
        )
    if budgets and settings.rule_set not in (DEFAULT_RULE_SET, *budgets):
        raise SettingsError(
            f"setting rule_set: {settings.rule_set} is not among the sets of budgets, which trade; "
            f"give it a share as budgets.{settings.rule_set}, or leave rule_set out"
        )


def _with_rules(values: Mapping[str, Any], rules: RuleSet, directory: Path | None) -> Settings:
    """The settings with the rules of a set over the values."""
    from pydantic import ValidationError

    _filled(rules.values, Settings(), where=f"{_named(rules)}: ")
    merged = _filled(put_over(values, rules), Settings())
    source = source_entry(str(merged.get("source", Settings.source)))
    for name in ("start", "end", "tickers"):
        default = getattr(source, name, None)
        if default is not None:
            merged.setdefault(name, default)
    try:
        settings = _validator().validate_python(merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if where in RESHAPED:
            raise SettingsError(f"setting {where} is no longer {RESHAPED[where]}") from error
        raise SettingsError(
            f"setting {where}: {first['msg']} (got {first['input']!r}); {_place(where, rules)}"
        ) from error
    settings = _with_members(settings)
    require_sensible(settings)
    settings = replace(settings, plan=_with_account(settings, merged.get("plan", {})))
    settings = replace(settings, plan=_with_own_chains(settings))
    try:
        settings.plan.require_tradable()
    except ValueError as error:
        of_set = f"{_named(rules)}: " if rules.values else ""
        raise SettingsError(f"{of_set}setting plan.selection: {error}") from error
    home = _home(settings.home, directory)
    require_safe_home(home)
    return replace(settings, home=home)


def _with_members(settings: Settings) -> Settings:
    """The settings with the members of universes in the place of their names."""
    members = expanded(settings.tickers, settings.universes)
    return replace(
        settings,
        tickers=members.tickers,
        members_since=members.since,
        chosen_universes=members.universes,
    )


def _home(path: Path, directory: Path | None) -> Path:
    return ((directory or Path.cwd()) / path.expanduser()).resolve()


def _chosen_rules(values: Mapping[str, Any], directory: Path | None) -> RuleSet:
    """The rule set that the values name; a value that is no text is reported with the others."""
    name, home = values.get("rule_set", Settings.rule_set), values.get("home", Settings.home)
    if not (isinstance(name, str) and isinstance(home, str | Path)):
        name = Settings.rule_set
    return read_rule_set(name, _home(Path(str(home)), directory))


def _named(rules: RuleSet) -> str:
    return f"rule set {rules.name} ({rules.file})"


def _place(where: str, rules: RuleSet) -> str:
    """Where to set a setting, or a part of them, by its dotted name."""
    inside = f"{where}."
    if any(f"{key}.".startswith(inside) or inside.startswith(f"{key}.") for key in rules.keys):
        return f"change it in the {_named(rules)}"
    return f"set it in {FILE_NAME} or as {PREFIX}{where.upper().replace('.', '__')}"


def _filled(values: Mapping[str, Any], defaults: Any, *, where: str = "setting ") -> dict[str, Any]:
    """`values` with their mappings completed, such as a multiplier given for one regime only."""
    filled = dict(values)
    for key, value in values.items():
        default = getattr(defaults, key, None)
        if not isinstance(value, Mapping):
            continue
        if is_dataclass(default):
            filled[key] = _filled(value, default, where=f"{where}{key}.")
        elif isinstance(default, dict) and default:
            for name in value:
                if name not in default and not _has_own_keys(defaults, key):
                    raise_unknown(f"{where}{key}: ", (str(name),), list(default))
            filled[key] = {**default, **value}
    return filled


def _has_own_keys(defaults: Any, name: str) -> bool:
    """Whether the keys of a setting are the user's, as tickers are, not those of the default."""
    of_name = next(each for each in fields(defaults) if each.name == name)
    return "keys" in of_name.metadata


def _with_account(settings: Settings, given: Mapping[str, Any]) -> PlanRules:
    """The plan's rules with the settings of the account, which have one place: the top."""
    places = {
        "sizing": ("account_value_usd", "max_risk_usd"),
        "selection": ("iron_condor_enabled",),
    }
    for part, names in places.items():
        for name in names:
            if name in given.get(part, {}):
                raise SettingsError(f"setting plan.{part}.{name}: set {name} itself instead")
    if "rule_set" in given:
        raise SettingsError("setting plan.rule_set: set rule_set itself instead")
    if "blackout" in given:
        raise SettingsError("setting plan.blackout: set blackout itself instead")
    if "earnings_trades" in given:
        raise SettingsError("setting plan.earnings_trades: set earnings_trades itself instead")
    if settings.earnings_trades.proven:
        raise SettingsError("setting earnings_trades.proven: a strategy's record decides that")
    plan = settings.plan
    sizing = replace(
        plan.sizing,
        account_value_usd=settings.account_value_usd,
        max_risk_usd=settings.max_risk_usd,
    )
    selection = replace(plan.selection, iron_condor_enabled=settings.iron_condor_enabled)
    return replace(
        plan,
        sizing=sizing,
        selection=selection,
        rule_set=settings.rule_set,
        blackout=settings.blackout,
        earnings_trades=settings.earnings_trades,
    )


def _with_own_chains(settings: Settings) -> PlanRules:
    """The plan's rules with the tickers whose index is that of their own chains, at the money."""
    surface = settings.plan.chain.surface
    own = {ticker for ticker, symbol in settings.iv_symbol.items() if symbol == CHAIN}
    named = tuple(sorted(own | set(surface.at_the_money)))
    chain = replace(settings.plan.chain, surface=replace(surface, at_the_money=named))
    return replace(settings.plan, chain=chain)


def values_of_file(path: Path) -> dict[str, Any]:
    """The values of a settings file; :class:`SettingsError` for a key that there is not."""
    values = toml_values(path)
    require_known(values, Settings, where=path.name)
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or environment[name] == "":
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        kind = _field_type(path, name)
        at = values
        for part in path[:-1]:
            at = at.setdefault(part, {})
        # Tickers are in capitals; all other keys are in small letters.
        key = name.rsplit("__", 1)[-1] if _is_by_ticker(path) else path[-1]
        at[key] = _read(environment[name], kind)
    return values


def _field_type(path: list[str], name: str) -> Any:
    kind: Any = Settings
    for depth, part in enumerate(path):
        if not is_dataclass(kind):
            if getattr(kind, "__origin__", None) is dict and depth == len(path) - 1:
                return kind.__args__[1]
            raise SettingsError(f"{name}: {'.'.join(path[:depth])} has no parts of its own")
        hints = get_type_hints(kind)
        if part not in hints:
            raise_unknown(f"{name}: ", path[: depth + 1], list(hints))
        kind = hints[part]
    return kind


def _is_by_ticker(path: Sequence[str]) -> bool:
    """Whether the last part of a setting's path, which there is, is a ticker."""
    rules: Any = Settings()
    *parents, name, _ = ("", *path)
    for part in parents[1:]:
        rules = getattr(rules, part)
    if not is_dataclass(rules):
        return False
    return any(
        each.name == name and each.metadata.get("keys") == "tickers" for each in fields(rules)
    )


def _read(text: str, kind: Any) -> object:
    """The text of a variable; `none` empties a list or an optional value, as blanks are unset."""
    empty = text.strip().lower() == NONE
    if get_origin(kind) is tuple:
        return [] if empty else [part.strip() for part in text.split(",") if part.strip()]
    return None if empty and type(None) in get_args(kind) else text
