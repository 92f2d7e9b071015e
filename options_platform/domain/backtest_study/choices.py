"""Settings to vary, as a user writes them: `exits.credit_stop=1.5,2`, or `0.5..3` for a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.variants import Variant, places, raise_unknown, vary
from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import UsageError

NOTHING = "none"


@dataclass(frozen=True)
class SettingRange:
    """A range of a setting to search, both ends included; whole numbers where both ends are."""

    low: float
    high: float
    whole: bool


def parse_choices(texts: Sequence[str], plan: PlanRules, rules: BacktestRules) -> dict[str, Any]:
    """What to vary: by setting a list of its values, or a :class:`SettingRange`.

    Raises :class:`UsageError` on a text of another form, a setting that does not exist (naming
    the nearest one), and a value of the wrong type.
    """
    found: dict[str, Any] = {}
    for text in texts:
        key, sign, given = text.partition("=")
        parts = [part.strip() for part in given.split(",") if part.strip()]
        if not sign or not parts:
            raise UsageError(f"--vary {text}: write NAME=VALUE,VALUE or NAME=LOW..HIGH")
        if key in found:
            raise UsageError(f"--vary {key} is given twice; name all its values at once")
        hint = _hint(key, plan, rules)
        if len(parts) == 1 and ".." in parts[0]:
            low, _, high = parts[0].partition("..")
            found[key] = _span(key, _read(key, low, hint), _read(key, high, hint))
        else:
            values = [_read(key, part, hint) for part in parts]
            found[key] = list(dict.fromkeys(values))
    return found


def make_variants(
    texts: Sequence[str], plan: PlanRules, rules: BacktestRules
) -> tuple[list[Variant], dict[str, SettingRange]]:
    """Every combination of the listed values, and the ranges that only a search can vary.

    Raises :class:`UsageError` like `parse_choices`, and on a value that the setting refuses.
    """
    choices = parse_choices(texts, plan, rules)
    spans = {key: found for key, found in choices.items() if isinstance(found, SettingRange)}
    listed = {key: found for key, found in choices.items() if key not in spans}
    return varied(plan, rules, listed), spans


def make_variant(texts: Sequence[str], plan: PlanRules, rules: BacktestRules) -> Variant:
    """The rules with one other value for each setting named.

    Raises :class:`UsageError` like `make_variants`, and on several values for a setting.
    """
    variants, spans = make_variants(texts, plan, rules)
    if len(variants) != 1 or spans:
        raise UsageError("one run has one value a setting; for several: backtest --vary")
    return variants[0]


def varied(plan: PlanRules, rules: BacktestRules, choices: dict[str, Any]) -> list[Variant]:
    """`vary`, with values that a setting refuses, or that let no trade through, as a
    :class:`UsageError`."""
    try:
        found = vary(plan, rules, choices)
        for variant in found:
            variant.plan.require_tradable()
    except ValueError as error:
        raise UsageError(f"--vary: {error}") from error
    return found


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
        # `exits` may be none; what has parts is its other side.
        sides = [side for side in get_args(kind) if hasattr(side, "__dataclass_fields__")]
        kind = sides[0] if sides else kind
        hints = get_type_hints(kind) if hasattr(kind, "__dataclass_fields__") else {}
        if part not in hints:
            raise_unknown(key, part, list(hints), top=depth == 0)
        kind = hints[part]
    # One value for every entry of a mapping.
    return get_args(kind)[1] if getattr(kind, "__origin__", None) is dict else kind


def _read(key: str, text: str, hint: Any) -> Any:
    if text.lower() == NOTHING and type(None) in get_args(hint):
        return None
    try:
        return TypeAdapter(hint).validate_python(text)
    except ValidationError as error:
        raise UsageError(f"--vary {key}: {text!r}: {error.errors()[0]['msg']}") from error


def _span(key: str, low: Any, high: Any) -> SettingRange:
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or not low < high:
        raise UsageError(f"--vary {key}: a range goes from a lower number to a higher one")
    return SettingRange(float(low), float(high), isinstance(low, int) and isinstance(high, int))
