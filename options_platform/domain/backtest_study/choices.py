"""Parsing of settings to vary: `exits.credit_stop=1.5,2`, or `exits.credit_stop=0.5..3`.

A value of several parts is joined by a plus: `plan.strikes.narrower_usd=5+2,none`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.variants import Variant, places, raise_unknown, vary
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.retired_settings import RESHAPED
from options_platform.errors import UsageError

NOTHING = "none"
AND = "+"


@dataclass(frozen=True)
class SettingRange:
    """A range of a setting for the search, both ends included; `whole` allows integers only."""

    low: float
    high: float
    whole: bool


def parse_choices(texts: Sequence[str], plan: PlanRules, rules: BacktestRules) -> dict[str, Any]:
    """Parse the settings to vary: for each setting a list of values, or a :class:`SettingRange`.

    Raises :class:`UsageError` for another format, an unknown setting (suggesting the nearest one)
    or a value of the wrong type.
    """
    choices: dict[str, Any] = {}
    for text in texts:
        key, sign, values_text = text.partition("=")
        parts = [part.strip() for part in values_text.split(",") if part.strip()]
        if not sign or not parts:
            raise UsageError(f"--vary {text}: write NAME=VALUE,VALUE or NAME=LOW..HIGH")
        if key in choices:
            raise UsageError(f"--vary {key} is given twice; name all its values at once")
        hint = _hint(key, plan, rules)
        if len(parts) == 1 and ".." in parts[0]:
            low, _, high = parts[0].partition("..")
            choices[key] = _span(key, _read(key, low, hint), _read(key, high, hint))
        else:
            values = [_read(key, part, hint) for part in parts]
            choices[key] = list(dict.fromkeys(values))
    return choices


def make_variants(
    texts: Sequence[str], plan: PlanRules, rules: BacktestRules
) -> tuple[list[Variant], dict[str, SettingRange]]:
    """Every combination of the listed values, and the ranges, which only the search can vary.

    Raises :class:`UsageError` like `parse_choices`, and for a value that the setting refuses.
    """
    choices = parse_choices(texts, plan, rules)
    spans = {key: choice for key, choice in choices.items() if isinstance(choice, SettingRange)}
    listed = {key: choice for key, choice in choices.items() if key not in spans}
    return varied(plan, rules, listed), spans


def make_variant(texts: Sequence[str], plan: PlanRules, rules: BacktestRules) -> Variant:
    """The rules with one new value for each setting in `texts`.

    Raises :class:`UsageError` like `make_variants`, and for several values of a setting.
    """
    variants, spans = make_variants(texts, plan, rules)
    if len(variants) != 1 or spans:
        raise UsageError("one run has one value a setting; for several: backtest --vary")
    return variants[0]


def varied(plan: PlanRules, rules: BacktestRules, choices: dict[str, Any]) -> list[Variant]:
    """Like `vary`, but raises :class:`UsageError` for values that a setting refuses, or that allow
    no trade."""
    try:
        variants = vary(plan, rules, choices)
        for variant in variants:
            variant.plan.require_tradable()
    except ValueError as error:
        raise UsageError(f"--vary: {error}") from error
    return variants


def _hint(key: str, plan: PlanRules, rules: BacktestRules) -> Any:
    """The type of a setting."""
    place, root = places(key)[0], rules
    path = place.split(".")
    kind: Any = type(root)
    if path[0] == "plan":
        kind, path = type(plan), path[1:]
    for depth, part in enumerate(path):
        mapping = getattr(kind, "__origin__", None) is dict
        if mapping:
            kind = get_args(kind)[1]
            continue
        # `exits` may be none; descend into the dataclass side of the union.
        sides = [side for side in get_args(kind) if hasattr(side, "__dataclass_fields__")]
        kind = sides[0] if sides else kind
        hints = get_type_hints(kind) if hasattr(kind, "__dataclass_fields__") else {}
        if part not in hints:
            raise_unknown(key, part, list(hints), top=depth == 0)
        kind = hints[part]
    # One value may be given for all entries of a mapping.
    return get_args(kind)[1] if getattr(kind, "__origin__", None) is dict else kind


def _read(key: str, text: str, hint: Any) -> Any:
    if text.lower() == NOTHING and type(None) in get_args(hint):
        return None
    is_list = get_origin(hint) is tuple
    value = ([] if text.lower() == NOTHING else text.split(AND)) if is_list else text
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        if key in RESHAPED:
            raise UsageError(f"--vary {key} is no longer {RESHAPED[key]}") from error
        raise UsageError(f"--vary {key}: {text!r}: {error.errors()[0]['msg']}") from error


def _span(key: str, low: Any, high: Any) -> SettingRange:
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or not low < high:
        raise UsageError(f"--vary {key}: a range goes from a lower number to a higher one")
    return SettingRange(float(low), float(high), isinstance(low, int) and isinstance(high, int))
