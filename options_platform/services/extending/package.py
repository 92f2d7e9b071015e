"""Writes a package with one member of the platform, which passes its contract suite at once."""

from __future__ import annotations

import keyword
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.errors import UsageError
from options_platform.extensions import PREFIX, Group

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

KINDS: dict[str, Group] = {
    "strategy": "strategies",
    "feature": "features",
    "source": "sources",
    "model": "models",
}
"""What a template makes, and the group of its entry point."""

ATTRIBUTES = {
    "strategy": "strategy:STRATEGY",
    "feature": "features:FEATURES",
    "source": "entry:SOURCE",
    "model": "model:CANDIDATE",
}
SUFFIX = ".j2"


def write_package(kind: str, name: str, folder: Path) -> list[Path]:
    """Write the package `name` with a member of that kind into `folder`; returns the files.

    Raises :class:`UsageError` for a name that no package or member can have, and for a folder that
    has anything in it.
    """
    require_name(kind, name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists already; choose another folder with --to")
    from jinja2 import Environment, StrictUndefined

    # Python and TOML, no HTML.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    values = {
        "name": name,
        "kind": kind,
        "title": name.replace("_", " "),
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "group": PREFIX + KINDS[kind],
        "value": f"{name}.{ATTRIBUTES[kind]}",
    }
    written = []
    for template in _templates(kind):
        file = folder / template.name.removesuffix(SUFFIX).replace("NAME", name).replace("--", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = environment.from_string(template.read_text(encoding="utf-8")).render(values)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return sorted(written)


def require_name(kind: str, name: str) -> None:
    """Raise :class:`UsageError` for a name that cannot be that of a package and of its member."""
    if keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} is no name for a package, since it is a word of Python; use another, such "
            f"as my_{kind}"
        )
    if not name.isidentifier() or not name.isascii():
        raise UsageError(
            f"{name!r} is no name for a package; use letters, digits and _, such as my_{kind}"
        )
    if name != name.lower() or name.startswith("_"):
        raise UsageError(f"{name!r}: write the name in lower case, without _ before it")
    if name in _taken(kind):
        raise UsageError(f"there is a {kind} {name} already; give yours another name")
    if find_spec(name) is not None:
        raise UsageError(f"a module {name} is installed already; give yours another name")


def _taken(kind: str) -> set[str]:
    """The names of the platform's own members."""
    if kind == "strategy":
        from options_platform.domain.strategies import RESERVED, STRATEGIES

        return {*STRATEGIES.builtin, *RESERVED}
    if kind == "source":
        from options_platform.settings.sources import SOURCES

        return {entry.name for entry in SOURCES}
    if kind == "model":
        from options_platform.models.selection.candidates import CANDIDATES

        return {each.model.name for candidates in CANDIDATES.values() for each in candidates}
    from options_platform.domain.features.registry import FEATURES

    return {"technical", "volatility", "regime", *(feature.name for feature in FEATURES)}


def _templates(kind: str) -> list[Traversable]:
    """The templates of a kind: `--` in a name parts folders, NAME stands for the package."""
    folder = files(__package__) / "templates"
    return [
        each
        for part in ("package", kind)
        for each in (folder / part).iterdir()
        if each.name.endswith(SUFFIX)
    ]
