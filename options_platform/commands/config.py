"""`config`: every setting with its value and the place that the value comes from."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from options_platform.commands.common import print_json, print_table, say
from options_platform.formats import NOTHING
from options_platform.settings import load_settings
from options_platform.settings.origins import Origin, chosen, origins

COLUMNS = ("setting", "value", "from")


def config(args: argparse.Namespace) -> int:
    """Print settings with their values and origins; the home is not touched.

    Raises :class:`SettingsError` for a name that no setting has.
    """
    rows = chosen(origins(load_settings()), args.names)
    if args.changed:
        rows = [row for row in rows if row.is_set]
    if args.json:
        print_json([{"name": r.name, "value": _plain(r.value), "from": r.origin} for r in rows])
    elif rows:
        print_table([_row(row) for row in rows], COLUMNS)
        say("Set one in options.toml, or as OPTIONS_ with two underscores for each dot.")
    else:
        say("All of these are defaults.")
    return 0


def _row(row: Origin) -> dict[str, str]:
    return {"setting": row.name, "value": _text(row.value), "from": row.origin}


def _text(value: Any) -> str:
    match value:
        case None | "" | () | []:
            return NOTHING
        case bool():
            return str(value).lower()
        case float():
            return f"{value:,g}" if abs(value) < 1e15 else str(value)
        case dict():
            return ", ".join(f"{key} = {_text(part)}" for key, part in value.items()) or NOTHING
        case tuple() | list():
            return ", ".join(map(_text, value))
    return str(value)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(part) for key, part in value.items()}
        case tuple() | list() | frozenset():
            return [_plain(part) for part in value]
        case None | bool() | int() | float() | str() | date() | Path():
            return value
    return str(value)
