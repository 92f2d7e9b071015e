"""Reads Alpaca's keys, from variables or files, and keeps them out of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from options_platform.errors import SettingsError, SourceError
from options_platform.settings import read_secret

NAMES = (("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"), ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"))


@dataclass(frozen=True)
class Keys:
    """An API key and its secret; neither appears in its repr."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def require_package() -> None:
    """Raise :class:`SourceError` if alpaca-py is not installed."""
    try:
        spec = find_spec("alpaca")
    except ValueError:
        spec = None
    if spec is None:
        raise SourceError("alpaca needs the package alpaca-py; install it: pip install alpaca-py")


def require_keys(environment: Mapping[str, str] | None = None) -> Keys:
    """The keys of the environment, or of files that it names.

    Raises :class:`SourceError`, which names the variables, if they are not set or a file cannot be
    read.
    """
    for pair in NAMES:
        try:
            key, secret = (read_secret(name, environment) for name in pair)
        except SettingsError as error:
            raise SourceError(f"alpaca needs keys: {error}") from error
        if key and secret:
            return Keys(key, secret)
    raise SourceError(
        f"alpaca needs keys; set {' and '.join(NAMES[0])} in the environment, or the same "
        "names with _FILE to files that hold them (a free account has keys)"
    )
