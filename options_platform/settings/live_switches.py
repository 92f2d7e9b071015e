"""What makes trading live is written down in the settings' file, where a person reads it again.

A variable may have been left over from another shell, another service or a copied command. It may
make trading safer (live off, another broker, a lower cap), never live or riskier. The third switch
is a variable alone (:data:`~options_platform.settings.broker_rules.LIVE_SWITCH`), so that no file
is enough either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from options_platform.errors import SettingsError
from options_platform.settings.broker_rules import LiveRules
from options_platform.settings.brokers import BROKERS

OFF = frozenset({"false", "f", "no", "n", "off", "0"})


def require_live_by_file(
    in_file: Mapping[str, Any], in_environment: Mapping[str, Any], file_name: str
) -> None:
    """Raise :class:`SettingsError` for a variable that makes trading live, or live trading riskier.

    Both are settings as they were read, before they are validated; the names of variables are in
    lower case there.
    """
    for entry in BROKERS:
        if entry.live_rules is not None:
            _require_by_file(entry.name, entry.live_rules, in_file, in_environment, file_name)


def _require_by_file(
    broker: str,
    part: str,
    in_file: Mapping[str, Any],
    in_environment: Mapping[str, Any],
    file_name: str,
) -> None:
    file_rules, rules = _part(in_file, part), _part(in_environment, part)
    under, prefix = f"under [{part}] in {file_name}", f"OPTIONS_{part.upper()}__"
    if "live" in rules and not _is_off(rules["live"]):
        raise SettingsError(_refused(f"{prefix}LIVE", f"live = true {under}"))
    if "accounts" in rules:
        raise SettingsError(_refused(f"{prefix}ACCOUNTS", f'accounts = ["NUMBER"] {under}'))
    if _is_off(rules.get("live", file_rules.get("live", False))):
        return
    if in_environment.get("broker") == broker != in_file.get("broker"):
        line = f'broker = "{broker}" at the top of {file_name}, since {part}.live is on there'
        raise SettingsError(_refused("OPTIONS_BROKER", line))
    if "live_max_order_usd" in rules:
        highest = file_rules.get("live_max_order_usd", LiveRules.live_max_order_usd)
        if not _is_at_most(rules["live_max_order_usd"], highest):
            line = f"it {under}; a variable may only lower it, and it is {highest} now"
            raise SettingsError(_refused(f"{prefix}LIVE_MAX_ORDER_USD", line))


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name, {})
    return part if isinstance(part, Mapping) else {}


def _is_off(value: object) -> bool:
    return str(value).strip().lower() in OFF


def _is_at_most(value: object, highest: object) -> bool:
    """Whether both are numbers and the first is no more; NaN is not."""
    try:
        return float(str(value)) <= float(str(highest))
    except ValueError:
        return False


def _refused(name: str, line: str) -> str:
    return f"{name} is refused: no variable switches real money on; write {line}"
