"""Reads Alpaca's keys from the environment and keeps them out of messages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from options_platform.errors import SourceError

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
    """The keys of the environment; :class:`SourceError` names the variables if they are not set."""
    environment = os.environ if environment is None else environment
    for pair in NAMES:
        key, secret = (environment.get(name, "").strip() for name in pair)
        if key and secret:
            return Keys(key, secret)
    raise SourceError(
        f"alpaca needs keys; set {' and '.join(NAMES[0])} in the environment "
        "(a free account has them)"
    )
