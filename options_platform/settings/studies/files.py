"""The files of studies: reading them, and saying what is wrong with one.

A file has the head of :class:`Study`, `[settings]` that all its hypotheses share, and a list of
`[[hypotheses]]`. Settings are written as in `options.toml`; they lie over the rule set that a
hypothesis names, or with the name `defaults` over the default rules. `vary` lists settings with
several values, as `backtest --vary` takes them: every combination is a variant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from options_platform.common import DEFAULT_RULE_SET
from options_platform.errors import SettingsError, nearest
from options_platform.settings.file import toml_values
from options_platform.settings.keys import merge, require_known
from options_platform.settings.rule_sets.files import DEFAULTS, RuleSet, read_rule_set
from options_platform.settings.settings import Settings

SHIPPED = Path(__file__).parent
SUFFIX = ".toml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
GROUPS = ("family", "did_not_pay", "left_to_try")
"""Why a hypothesis is in a study: it is of the family under study, it is said not to pay, or it was
left to try."""


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis: what it says, and the variants that it is tried as.

    `over` is the rule set that `settings` lie over, `defaults` the default rules. `tickers` are
    those that it trades, all of the study if empty. `leave_out` has shares of the sold spreads:
    each variant is tried without the share of them that a model, fitted on those closed before,
    forecasts to be stopped most likely.
    """

    name: str
    sentence: str
    group: str
    over: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    vary: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()
    leave_out: tuple[float, ...] = ()


@dataclass(frozen=True)
class Untried:
    """What the study would try, and why the platform cannot."""

    what: str
    why: str


@dataclass(frozen=True)
class Study:
    """A study as its file states it.

    Variants are chosen on the sessions up to `chosen_until`, among those with at least
    `fewest_trades` closed trades there, and checked on the later ones up to `checked_until`.
    `trials` is how many variants were tried elsewhere before the hypotheses were written. `note`
    says what is to be known of the check, e.g. who has seen it. `digest` is a hash of the
    file's values (12 hex digits).
    """

    name: str
    version: int
    title: str
    note: str
    first: date
    chosen_until: date
    checked_until: date
    tickers: tuple[str, ...]
    fewest_trades: int
    trials: int
    settings: Mapping[str, Any]
    hypotheses: tuple[Hypothesis, ...]
    untried: tuple[Untried, ...]
    digest: str

    def rules_of(self, hypothesis: Hypothesis, home: Path) -> RuleSet:
        """The settings of a hypothesis with what they lie over, as a rule set of that name.

        Unlike a set's file it may hold any setting. Raises :class:`SettingsError` for a set that
        does not exist.
        """
        if hypothesis.over == DEFAULTS:
            base, values = DEFAULTS, dict[str, Any]()
        else:
            rules = read_rule_set(hypothesis.over, home)
            base, values = rules.base, deepcopy(dict(rules.values))
        merge(values, deepcopy(dict(self.settings)))
        merge(values, deepcopy(dict(hypothesis.settings)))
        name = DEFAULT_RULE_SET if hypothesis.over == DEFAULTS else hypothesis.over
        return RuleSet(
            name=name,
            version=self.version,
            title=self.title,
            file=f"hypothesis {hypothesis.name} of {self.name}",
            base=base,
            values=values,
        )


def own_folder(home: Path) -> Path:
    """Where a user's own studies are: one file `NAME.toml` each."""
    return home / "studies"


def study_names(home: Path) -> list[str]:
    """The names of all studies: the shipped ones first, then the user's own."""
    shipped, own = (
        sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
        for folder in (SHIPPED, own_folder(home))
    )
    return [*shipped, *(name for name in own if name not in shipped)]


def read_study(name: str, home: Path) -> Study:
    """The study of that name, shipped or from the home, or of a file that ends in `.toml`.

    Raises :class:`SettingsError`, which names the file, for a name that no study has (suggesting
    the nearest one), a file that is no TOML, and a part that is missing, unknown or wrong.
    """
    path = _path(name, home)
    try:
        values = toml_values(path)
    except SettingsError as error:
        raise SettingsError(f"study {name}: {error}") from error
    return _study(path.stem, values, f"study {path.stem} ({path.name})")


def _path(name: str, home: Path) -> Path:
    if name.endswith(SUFFIX):
        path = Path(name)
        if not path.is_file():
            raise SettingsError(f"there is no file {name}")
        return path
    for folder in (SHIPPED, own_folder(home)):
        path = folder / f"{name}{SUFFIX}"
        if NAME.fullmatch(name) and path.is_file():
            return path
    raise SettingsError(
        f"there is no study {name!r}; {nearest(name, study_names(home))} Your own is a file "
        f"{own_folder(home)}/NAME{SUFFIX}, or any path that ends in {SUFFIX}"
    )


def _study(name: str, values: dict[str, Any], where: str) -> Study:
    digest = hashlib.sha256(repr(values).encode()).hexdigest()[:12]
    shared = values.pop("settings", {})
    listed, untried = values.pop("hypotheses", []), values.pop("untried", [])
    head = _typed(
        values, where, version=int, title=str, note=str, first=date, chosen_until=date,
        checked_until=date, tickers=list, fewest_trades=int, trials=int, over=str,
    )  # fmt: skip
    over = head.pop("over")
    require_known(shared, Settings, where=f"{where} [settings]")
    if not head["first"] < head["chosen_until"] < head["checked_until"]:
        raise SettingsError(f"{where}: first, chosen_until and checked_until are not in this order")
    hypotheses = tuple(_hypothesis(each, over, where) for each in listed)
    names = [each.name for each in hypotheses]
    if not names or len(set(names)) < len(names):
        raise SettingsError(f"{where}: each of [[hypotheses]], at least one, has a name of its own")
    return Study(
        name=name,
        **{**head, "tickers": tuple(head["tickers"])},
        settings=shared,
        hypotheses=hypotheses,
        untried=tuple(
            Untried(**_typed(each, f"{where} [[untried]]", what=str, why=str)) for each in untried
        ),
        digest=digest,
    )


def _hypothesis(values: dict[str, Any], over: str, where: str) -> Hypothesis:
    where = f"{where} [[hypotheses]] {values.get('name', '')}".rstrip()
    unknown = sorted({*values} - {each.name for each in fields(Hypothesis)})
    if unknown:
        each = [each.name for each in fields(Hypothesis)]
        raise SettingsError(f"{where}: unknown {unknown[0]!r}; {nearest(unknown[0], each)}")
    optional: dict[str, Any] = {
        "over": values.pop("over", over),
        "settings": values.pop("settings", {}),
        "vary": tuple(values.pop("vary", ())),
        "tickers": tuple(values.pop("tickers", ())),
        "leave_out": tuple(values.pop("leave_out", ())),
    }
    head = _typed(values, where, name=str, sentence=str, group=str)
    if not NAME.fullmatch(head["name"]):
        raise SettingsError(f"{where}: a name has 1 to 48 of a-z, 0-9 and _, first a letter")
    if head["group"] not in GROUPS:
        raise SettingsError(f"{where}: group is one of {', '.join(GROUPS)}, not {head['group']!r}")
    require_known(optional["settings"], Settings, where=where)
    if not all(isinstance(each, float) and 0.0 < each < 1.0 for each in optional["leave_out"]):
        raise SettingsError(f"{where}: leave_out has shares of the spreads, between 0 and 1")
    return Hypothesis(**head, **optional)


def _typed(values: Mapping[str, Any], where: str, **types: type) -> dict[str, Any]:
    """`values`, if they are exactly those that `types` names, each of its type."""
    unknown = sorted({*values} - {*types})
    if unknown:
        raise SettingsError(f"{where}: unknown {unknown[0]!r}; {nearest(unknown[0], [*types])}")
    for key, kind in types.items():
        value = values.get(key)
        if not isinstance(value, kind) or isinstance(value, bool) or value in ("", []):
            raise SettingsError(f"{where}: {key} is missing, or no {kind.__name__}")
    return dict(values)
