"""The reference pages: every setting, from its declaration, and every command, from its parser."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from options_platform.commands.terminal.arguments import build_parser
from options_platform.commands.terminal.parser import subparsers
from options_platform.settings import Settings, names_of
from options_platform.settings.origins import COPIES
from tools.markdown import table
from tools.settings_tables import shown, text

PLAIN_TYPES: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    date: "date",
    Path: "folder",
}
OUTSIDE = (
    ("OPTIONS_ALERT_URLS", "where alerts go, addresses in Apprise's notation", "alerts.md"),
    (
        "OPTIONS_ALERT_ESCALATION_URLS",
        "where critical alerts go that nobody has acknowledged",
        "alerts.md#how-a-message-is-sent",
    ),
    (
        "OPTIONS_HEARTBEAT_URL",
        "the watcher that is asked after each daily run",
        "alerts.md#heartbeat",
    ),
    ("OPTIONS_LIVE_MONEY", "the third switch of live trading", "trading.md#real-money"),
    ("APCA_API_KEY_ID, APCA_API_SECRET_KEY", "Alpaca's keys", "data-sources.md#alpaca"),
    ("NO_COLOR", "no colour, whatever its value", "commands.md#all-commands"),
)
EVERYWHERE = ("help", "home", "home_first", "version")
"""Arguments that every command has, said once."""


def settings_page(generated: str) -> str:
    """Every setting with its kind of value, its default and its variable, one table a part."""
    parts = [
        "# Settings",
        generated.format(source="`options_platform/settings/` and `options_platform/domain/`"),
        (
            "All settings, with their defaults. Set one in `options.toml` in the working directory "
            "(`exit_dte = 14` under `[exits]`), or as a variable, which wins over the file: "
            "`OPTIONS_` and the name in capitals, with two underscores for each dot "
            "(`OPTIONS_EXITS__EXIT_DTE=14`). In a variable, commas separate the parts of a list, "
            "a table is given key by key (`OPTIONS_IV_SYMBOL__QQQ=VXN`), and `none` is an empty "
            "list or no value. `options-platform config show` prints the values in use, and where "
            "each comes from. [Rules of trading](rules.md) shows what the rules among them do."
        ),
        "## Top level",
        _top_level(),
        _settings_table(Settings()),
        *_tables_within(Settings()),
        "## Variables that are no settings",
        "No file may contain them, or they belong to something else.",
        table(
            ("Variable", "Holds"),
            (
                (", ".join(f"`{part}`" for part in name.split(", ")), f"{what} ([more]({link}))")
                for name, what, link in OUTSIDE
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _top_level() -> str:
    """What the settings' own class says, without its last paragraph: what is derived from them."""
    paragraphs = inspect.cleandoc(Settings.__doc__ or "").split("\n\n")[:-1]
    return _without_roles(" ".join(" ".join(paragraphs).split()))


def _without_roles(sentences: str) -> str:
    """References to code as plain code: readers of a page have nothing that follows them."""
    return re.sub(r":[a-z]+:`~?([^`<]*?)(?: <[^`]*>)?`", r"`\1`", sentences)


def _tables_within(rules: Any, prefix: str = "") -> Iterator[str]:
    """The heading, text and table of each part of the settings, parts of parts after it."""
    for name in names_of(type(rules)):
        value = getattr(rules, name)
        if not is_dataclass(value):
            continue
        path = f"{prefix}{name}"
        yield f"## {path}"
        yield _without_roles(text(value))
        yield _settings_table(value, f"{path}.")
        yield from _tables_within(value, f"{path}.")


def _settings_table(rules: Any, prefix: str = "") -> str:
    hints = get_type_hints(type(rules))
    rows = []
    for name in names_of(type(rules)):
        value, path = getattr(rules, name), f"{prefix}{name}"
        if not is_dataclass(value):
            copied = f"that of `{COPIES[path]}`" if path in COPIES else _default(value)
            rows.append((f"`{path}`", _kind(hints[name]), copied))
    return table(("Setting", "Value", "Default"), rows) if rows else "Its settings are in parts."


def _default(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(shown(part) for part in value) or "none"
    return "empty" if value == "" else shown(value)


def _kind(hint: Any) -> str:
    """A type as a person would say it."""
    if hint in PLAIN_TYPES:
        return PLAIN_TYPES[hint]
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join("nothing" if choice == "" else f"`{choice}`" for choice in inside)
    if origin in (Union, UnionType):
        kinds = [_kind(part) for part in inside if part is not NoneType]
        return ", ".join(kinds) + (" or none" if NoneType in inside else "")
    if origin is dict:
        return f"table, {_kind(inside[1])} for each name"
    if origin in (tuple, list, frozenset):
        # What of a tuple is not Ellipsis; a pair of numbers has two parts.
        kinds = list(dict.fromkeys(_kind(part) for part in inside if part is not Ellipsis))
        return f"list of {' and '.join(kinds)}"
    return str(getattr(hint, "__name__", hint))


def commands_page(generated: str) -> str:
    """Every command with its arguments, in the order of `--help`."""
    parser = build_parser()
    commands = subparsers(parser)
    parts = [
        "# Commands",
        generated.format(source="`options_platform/commands/terminal/arguments.py`"),
        (
            "Every command reads `options.toml` in the working directory, then variables "
            "([settings](settings.md)). `--home FOLDER`, before or after a command, takes the "
            "place of `OPTIONS_HOME`; `--help` after a command shows its arguments. A mistyped "
            "command or option is answered with the nearest one."
        ),
        (
            "A command ends with 0 only if it did everything that was asked. 1 means that it could "
            "not, or that a check found something; 2 that the command line or a setting is wrong; "
            "130 that it was interrupted. An expected error is one line on standard error: "
            "[troubleshooting](troubleshooting.md)."
        ),
        "## All commands",
        table(
            ("Command", "What it does"),
            ((f"[`{name}`](#{name})", one.description or "") for name, one in commands.items()),
        ),
        *(part for name, one in commands.items() for part in _command(name, one)),
    ]
    return "\n\n".join(parts) + "\n"


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}"
    sentence = parser.description or ""
    yield f"{sentence[:1].upper()}{sentence[1:]}."
    actions = [action for action in parser._actions if action.dest not in EVERYWHERE]  # noqa: SLF001 (argparse has no public way)
    yield f"```text\n{' '.join(['options-platform', name, *map(_in_usage, actions)])}\n```"
    if actions:
        rows = ((f"`{_called(action)}`", _meaning(action)) for action in actions)
        yield table(("Argument", "Meaning"), rows)


def _called(action: argparse.Action) -> str:
    """An argument as it is written, with the name of its value."""
    value = _value_name(action)
    if not action.option_strings:
        return value
    return " ".join(part for part in (action.option_strings[-1], value) if part)


def _value_name(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar if isinstance(action.metavar, str) else None
    if name is None:
        name = action.dest.upper()
    return f"{name}..." if action.nargs in ("*", "+") else name


def _in_usage(action: argparse.Action) -> str:
    is_needed = action.required if action.option_strings else action.nargs not in ("?", "*")
    return _called(action) if is_needed else f"[{_called(action)}]"


def _meaning(action: argparse.Action) -> str:
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    has_default = not action.help and action.default not in (None, False)
    default = f"default: {action.default}" if has_default else ""
    return "; ".join(part for part in (action.help or "", choices, default) if part)
