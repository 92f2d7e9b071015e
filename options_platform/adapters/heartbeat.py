"""Asks an outside watcher's URL, which notices when nobody has asked for too long."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from options_platform.errors import NotifyError, SettingsError
from options_platform.settings import HEARTBEAT_URL, read_secret

TIMEOUT_SECONDS = 10.0


def heartbeat_url(environment: Mapping[str, str] | None = None) -> str | None:
    """The watcher's URL, a secret; None without one.

    Raises :class:`SettingsError` if it is no http address, or its file cannot be read.
    """
    url = read_secret(HEARTBEAT_URL, environment)
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or url.split() != [url]:
        raise SettingsError(f"{HEARTBEAT_URL} is one address that begins with https://")
    return url


def is_watched(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the environment has a watcher's URL, or names a file for it."""
    try:
        return bool(read_secret(HEARTBEAT_URL, environment))
    except SettingsError:
        # Whoever asks the watcher reports it.
        return True


def ask(url: str) -> None:
    """Ask the URL once; :class:`NotifyError`, which does not show it, for any answer but success.

    A redirect is no success: a page to log in would hide that nobody was told.
    """
    import requests

    try:
        with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as it:
            status = it.status_code
    except requests.RequestException as error:
        # The text of the library shows the address.
        why = type(error).__name__
        raise NotifyError(f"the watcher of {HEARTBEAT_URL} did not answer ({why})") from None
    if not 200 <= status < 300:
        raise NotifyError(f"the watcher of {HEARTBEAT_URL} answered with status {status}")
