"""Sends alerts to people through Apprise; the addresses are secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from options_platform.errors import NotifyError, SettingsError
from options_platform.settings import ALERT_URLS, read_secret

VARIABLE = ALERT_URLS
"""Addresses like `mailto://...` or `json://host/path`, separated by spaces or line breaks."""


@dataclass(frozen=True)
class Notifier:
    """Sends alerts to its addresses; these contain passwords and are never shown."""

    urls: tuple[str, ...] = field(repr=False)

    @property
    def numbers(self) -> range:
        """The numbers that identify the addresses, from 1 on."""
        return range(1, len(self.urls) + 1)

    def send(self, title: str, text: str) -> None:
        """Send `text` to every address; :class:`NotifyError` if a delivery fails."""
        failed = [number for number in self.numbers if not self._deliver(number, title, text)]
        if failed:
            raise self._not_delivered(*failed)

    def send_to(self, number: int, title: str, text: str) -> None:
        """Send `text` to one address; :class:`NotifyError` if the delivery fails."""
        if not self._deliver(number, title, text):
            raise self._not_delivered(number)

    def _deliver(self, number: int, title: str, text: str) -> bool:
        import apprise

        _silence()
        service = apprise.Apprise()
        return service.add(self.urls[number - 1]) and bool(service.notify(body=text, title=title))

    def _not_delivered(self, *numbers: int) -> NotifyError:
        return NotifyError(
            f"address {', '.join(map(str, numbers))} of {len(self.urls)} in {VARIABLE} did not "
            "accept the alert; test it: options-platform alerts test"
        )


def open_notifier(environment: Mapping[str, str] | None = None) -> Notifier | None:
    """The notifier for the addresses of the environment; None without any.

    Raises :class:`SettingsError` if Apprise is not installed or does not support an address, and if
    the addresses are in a file that cannot be read.
    """
    urls = tuple(read_secret(VARIABLE, environment).split())
    if not urls:
        return None
    if find_spec("apprise") is None:
        raise SettingsError(
            f"{VARIABLE} is set and the package apprise is missing; install it: pip install apprise"
        )
    import apprise

    _silence()
    for number, url in enumerate(urls, start=1):
        if not apprise.Apprise().add(url):
            raise SettingsError(
                f"address {number} in {VARIABLE} belongs to no service that Apprise supports; see "
                "https://github.com/caronc/apprise/wiki"
            )
    return Notifier(urls)


def is_configured(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the environment has an address for alerts, or names a file for them."""
    try:
        return bool(read_secret(VARIABLE, environment))
    except SettingsError:
        # Whoever sends an alert reports it; a file that cannot be read stops nothing else.
        return True


def _silence() -> None:
    """Turn off Apprise's log, which shows addresses that it cannot use."""
    logging.getLogger("apprise").disabled = True
