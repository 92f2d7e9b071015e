"""Members of the platform that live in packages of others, found by their entry points.

A package declares in its `pyproject.toml`, for example:

    [project.entry-points."options_platform.strategies"]
    broken_wing = "my_package.strategy:STRATEGY"

Every registry asks here for the members of its group. The names are read from the metadata of the
installed packages; what they stand for is imported when it is first needed. One that cannot be used
is reported once, by name, and left out. What a member has to be is the registry's business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from options_platform.errors import SettingsError, TakenNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Group = Literal["strategies", "features", "sources", "models", "brokers"]
GROUPS: tuple[Group, ...] = ("strategies", "features", "sources", "models", "brokers")
PREFIX = "options_platform."

T = TypeVar("T")
Check = Callable[[str, Any], None]
"""Raises TypeError or ValueError, saying why a member of that name cannot be used."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extension:
    """A member that a package declares: its name, `value` as module:attribute, and the package."""

    group: Group
    name: str
    value: str
    package: str


@dataclass(frozen=True)
class BrokenExtension:
    """A declared member that is left out, and why, in one line."""

    extension: Extension
    why: str

    def __str__(self) -> str:
        broken = self.extension
        return (
            f"{broken.name} ({PREFIX}{broken.group} of the package {broken.package}, "
            f"{broken.value}) is left out: {self.why}"
        )


_BROKEN: dict[Extension, BrokenExtension] = {}


@cache
def declared(group: Group) -> tuple[Extension, ...]:
    """The members of a group that installed packages declare, by name; nothing is imported."""
    return tuple(
        Extension(group, each.name, each.value, each.dist.name if each.dist else "?")
        for each in sorted(_entry_points(group), key=lambda each: each.name)
    )


def load(extension: Extension, check: Check) -> Any | None:
    """What the extension stands for; None, and a report, where it cannot be used."""
    if extension in _BROKEN:
        return None
    try:
        (point,) = [
            each
            for each in _entry_points(extension.group)
            if (each.name, each.value) == (extension.name, extension.value)
        ]
        member = point.load()
        check(extension.name, member)
    # A package of others may fail in any way, and the platform goes on without it.
    except Exception as error:
        report(extension, f"{type(error).__name__}: {error}")
        return None
    return member


def report(extension: Extension, why: str) -> None:
    """Log once that an extension is left out, and keep it for :func:`broken`."""
    if extension not in _BROKEN:
        _BROKEN[extension] = BrokenExtension(extension, " ".join(why.split()))
        log.warning("%s", _BROKEN[extension])


def broken() -> list[BrokenExtension]:
    """Those that were left out so far in this process."""
    return list(_BROKEN.values())


def require(extension: Extension, check: Check) -> Any:
    """What the extension stands for; :class:`SettingsError` where it cannot be used."""
    member = load(extension, check)
    if member is None:
        raise SettingsError(f"{_BROKEN[extension]}; mend the package, or choose another")
    return member


def by_name(group: Group, builtin: Collection[str]) -> dict[str, Extension]:
    """The declared members by name; of two with one name, and of `builtin`, the first counts."""
    named: dict[str, Extension] = {}
    for extension in declared(group):
        if extension.name in builtin or extension.name in named:
            report(extension, "the name is taken; give it another one")
        else:
            named[extension.name] = extension
    return named


def members(group: Group, builtin: Collection[str], check: Check) -> dict[str, Any]:
    """The members of a group that can be used, by name; none has a name of `builtin`."""
    loaded = {name: load(each, check) for name, each in by_name(group, builtin).items()}
    return {name: member for name, member in loaded.items() if member is not None}


class Registry(Mapping[str, T], Generic[T]):
    """The platform's own members by name, and behind them those of other packages.

    Those are loaded when the registry is first read, so that a package may import the platform
    while it is itself being loaded.
    """

    def __init__(self, group: Group, builtin: Mapping[str, T], check: Check) -> None:
        self.group = group
        self.builtin = dict(builtin)
        self._check = check
        self._all: dict[str, T] | None = None

    def add(self, name: str, member: T) -> None:
        """Add a member for this process alone, or replace one that was added.

        Raises :class:`TakenNameError` for a name of the platform's own, and as the check does.
        """
        if name in self.builtin:
            raise TakenNameError(f"{name} is the platform's own; give yours another name")
        self._check(name, member)
        self._members()[name] = member

    def _members(self) -> dict[str, T]:
        if self._all is None:
            # Set before loading: what is loaded may read the registry.
            self._all = dict(self.builtin)
            self._all |= members(self.group, self.builtin, self._check)
        return self._all

    def __getitem__(self, name: str) -> T:
        return self.builtin[name] if name in self.builtin else self._members()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self._members()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __len__(self) -> int:
        return len(self._members())


def _entry_points(group: Group) -> tuple[EntryPoint, ...]:
    return _all_entry_points().get(group, ())


@cache
def _all_entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of the platform's groups: all packages are looked through once."""
    from importlib.metadata import entry_points

    return {group: tuple(entry_points(group=PREFIX + group)) for group in GROUPS}
