"""Reading the settings: from `options.toml`, from the environment, filled in and checked.

Values come from `options.toml` in the working directory, overridden by environment variables
with the prefix `OPTIONS_` (a nested one with two underscores: `OPTIONS_EXITS__DEBIT_STOP`). An
empty variable counts as unset; `none` stands for an empty list or no value.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from options_platform.domain.calendar.sessions import set_closures
from options_platform.domain.feature_engine.iv_history import CHAIN
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.retired_settings import RESHAPED, RETIRED
from options_platform.errors import SettingsError
from options_platform.settings.broker_rules import LIVE_SWITCH
from options_platform.settings.file import require_safe_home, toml_values
from options_platform.settings.live_switches import require_live_by_file
from options_platform.settings.sensible import require_sensible
from options_platform.settings.settings import Settings
from options_platform.settings.sources import source_entry

if TYPE_CHECKING:
    from pydantic import TypeAdapter

PREFIX = "OPTIONS_"
FILE_NAME = "options.toml"
# Variables with our prefix that steer the tests, and those that no file may hold: the switch of
# live trading, and the addresses of alerts, which are secrets.
ALERT_URLS = "OPTIONS_ALERT_URLS"
NOT_SETTINGS = frozenset({"OPTIONS_REFERENCE_DATA", "OPTIONS_REQUIRE_ALL", LIVE_SWITCH, ALERT_URLS})


def load_settings(
    directory: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of `directory` (default: the working directory) and the environment.

    The calendar of the process gets the closures that they name.
    Raises :class:`SettingsError` on a file that is no TOML, an unknown key (naming the nearest
    known one), a value of the wrong type or out of its range, and a variable that would make
    trading live, which only the file may.
    """
    directory = Path.cwd() if directory is None else directory
    environment = os.environ if environment is None else environment
    values, variables = _from_file(directory / FILE_NAME), _from_environment(environment)
    require_live_by_file(values, variables, FILE_NAME)
    _merge(values, variables)
    settings = make_settings(values, directory=directory)
    set_closures(settings.unplanned_closures)
    return settings


@cache
def _validator() -> TypeAdapter[Settings]:
    """Built once: it costs more than all that is validated with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(Settings)


def make_settings(values: Mapping[str, Any], *, directory: Path | None = None) -> Settings:
    """Settings from plain values, defaults filled in; `home` is taken relative to `directory`."""
    from pydantic import ValidationError

    merged = _filled(values, Settings())
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
            f"setting {where}: {first['msg']} (got {first['input']!r}); set it in {FILE_NAME} "
            f"or as {PREFIX}{where.upper().replace('.', '__')}"
        ) from error
    require_sensible(settings)
    settings = replace(settings, plan=_with_account(settings, merged.get("plan", {})))
    settings = replace(settings, plan=_with_own_chains(settings))
    try:
        settings.plan.require_tradable()
    except ValueError as error:
        raise SettingsError(f"setting plan.selection: {error}") from error
    home = ((directory or Path.cwd()) / settings.home.expanduser()).resolve()
    require_safe_home(home)
    return replace(settings, home=home)


def _filled(values: Mapping[str, Any], defaults: Any, *, where: str = "") -> dict[str, Any]:
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
                if name not in default:
                    _raise_unknown(f"setting {where}{key}: ", (str(name),), list(default))
            filled[key] = {**default, **value}
    return filled


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
    plan = settings.plan
    sizing = replace(
        plan.sizing,
        account_value_usd=settings.account_value_usd,
        max_risk_usd=settings.max_risk_usd,
    )
    selection = replace(plan.selection, iron_condor_enabled=settings.iron_condor_enabled)
    return replace(plan, sizing=sizing, selection=selection)


def _with_own_chains(settings: Settings) -> PlanRules:
    """The plan's rules with the tickers whose index is that of their own chains, at the money."""
    surface = settings.plan.chain.surface
    own = {ticker for ticker, symbol in settings.iv_symbol.items() if symbol == CHAIN}
    named = tuple(sorted(own | set(surface.at_the_money)))
    chain = replace(settings.plan.chain, surface=replace(surface, at_the_money=named))
    return replace(settings.plan, chain=chain)


def _from_file(path: Path) -> dict[str, Any]:
    values = toml_values(path)
    _require_known(values, Settings, where=path.name)
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
        # A mapping's keys are data (tickers), so their case is kept.
        key = name.rsplit("__", 1)[-1] if kind is str and path[0] == "iv_symbol" else path[-1]
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
            _raise_unknown(f"{name}: ", path[: depth + 1], list(hints))
        kind = hints[part]
    return kind


def _read(text: str, kind: Any) -> object:
    """The text of a variable; `none` empties a list or an optional value, as blanks are unset."""
    empty = text.strip().lower() == "none"
    if get_origin(kind) is tuple:
        return [] if empty else [part.strip() for part in text.split(",") if part.strip()]
    return None if empty and type(None) in get_args(kind) else text


def _require_known(
    values: Mapping[str, Any], kind: type, *, where: str, inside: tuple[str, ...] = ()
) -> None:
    hints = get_type_hints(kind)
    for key, value in values.items():
        path = (*inside, key)
        if key not in hints:
            _raise_unknown(f"{where}: ", path, list(hints))
        if is_dataclass(hints[key]) and isinstance(value, Mapping):
            _require_known(value, hints[key], where=f"{where} [{key}]", inside=path)


def _raise_unknown(where: str, path: Sequence[str], known: list[str]) -> None:
    """Say what replaced a retired setting, or else which known one the last part resembles."""
    name, key = ".".join(path), path[-1]
    if name in RETIRED:
        raise SettingsError(f"{where}{name} is no longer a setting: {RETIRED[name]}")
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    raise SettingsError(f"{where}unknown setting {key!r}; {hint}")


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def field_names(kind: type = Settings) -> list[str]:
    """The names of all settings, nested ones with a dot."""
    names: list[str] = []
    hints = get_type_hints(kind)
    for item in fields(kind):
        hint = hints[item.name]
        if is_dataclass(hint):
            names += [f"{item.name}.{name}" for name in field_names(hint)]  # type: ignore[arg-type]
        else:
            names.append(item.name)
    return names
