"""Putting a rule set over the settings; the hash of the rules that result, and their name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from options_platform.domain.risk.sizing import drop_absent_target
from options_platform.formats import count
from options_platform.settings.keys import flat_keys, merge
from options_platform.settings.rule_sets.files import (
    DEFAULTS,
    OF_ACCOUNT,
    TOP,
    RuleSet,
    active_rule_set,
)
from options_platform.settings.settings import Settings


def put_over(values: Mapping[str, Any], rules: RuleSet) -> dict[str, Any]:
    """Plain values of the settings with those of a set over them.

    The set wins over file and variables: under its name stand the rules of its file.
    """
    combined = deepcopy(dict(values))
    if rules.base == DEFAULTS:
        of_account = {key: part for key, part in _plan(values).items() if key in OF_ACCOUNT}
        for key in TOP:
            combined.pop(key, None)
        if of_account:
            combined["plan"] = deepcopy(of_account)
    merge(combined, deepcopy(dict(rules.values)))
    return combined


def without_effect(values: Mapping[str, Any], rules: RuleSet) -> list[str]:
    """The dotted names of plain values of the settings that a set replaces, or leaves out."""
    of_sets = flat_keys({key: values[key] for key in TOP if key in values})
    of_account = tuple(f"plan.{part}." for part in OF_ACCOUNT)
    replaced = of_sets if rules.base == DEFAULTS else rules.keys
    return [key for key in of_sets if key in replaced and not f"{key}.".startswith(of_account)]


def rules_digest(settings: Settings) -> str:
    """Hash (12 hex digits) of every setting that a rule set may hold, its name left out.

    It changes with the rules, whoever forgot to raise the version; the value and the cap of the
    account are not among them.
    """
    plan = {key: part for key, part in asdict(settings.plan).items() if key not in OF_ACCOUNT}
    for name in ("account_value_usd", "max_risk_usd"):
        plan["sizing"].pop(name)
    drop_absent_target(plan["sizing"])
    rules = {"exits": asdict(settings.exits), "limits": asdict(settings.limits), "plan": plan}
    text = json.dumps(rules, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def in_words(settings: Settings) -> str:
    """The set that the settings trade by in one line: name, version, hash of the rules, file."""
    rules = active_rule_set(settings)
    held = f"; it sets {count(len(rules.keys), 'setting')}" if rules.keys else ""
    return (
        f"{rules.name}, version {rules.version} (rules {rules_digest(settings)}, from "
        f"{rules.file}{held}): {rules.title}"
    )


def all_in_words(settings: Settings) -> str:
    """The sets that trade, in one line: as :func:`in_words`, each with its share of the account."""
    if not settings.budgets:
        return in_words(settings)
    return "; ".join(
        f"{settings.share_of(name):.0%} of the account: {_one_in_words(settings, name)}"
        for name in settings.traded_sets
    )


def _one_in_words(settings: Settings, name: str) -> str:
    if name in settings.lost_sets:
        return f"{name} cannot be read and enters nothing ({settings.lost_sets[name]})"
    return in_words(settings.of_set(name))


def _plan(values: Mapping[str, Any]) -> Mapping[str, Any]:
    plan = values.get("plan", {})
    return plan if isinstance(plan, Mapping) else {}
