"""Sends alerts to people through Apprise; the addresses are secrets."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from options_platform.errors import NotifyError, SettingsError
from options_platform.settings import ALERT_URLS, ESCALATION_URLS, read_secret

VARIABLE = ALERT_URLS
"""Addresses like `mailto://...` or `json://host/path`, separated by spaces or line breaks."""


@dataclass(frozen=True)
class Notifier:
    """Sends alerts to its addresses; these contain passwords and are never shown.

    `escalation_urls` get only what nobody has acknowledged; without them `urls` do.
    """

    urls: tuple[str, ...] = field(repr=False)
    escalation_urls: tuple[str, ...] = field(default=(), repr=False)

    @property
    def numbers(self) -> range:
        """The numbers that identify the addresses of all alerts, from 1 on."""
        return range(1, len(self.urls) + 1)

    @property
    def addresses(self) -> tuple[str, ...]:
        """A short hash of each address of all alerts, by which an outbox knows it."""
        return tuple(dict.fromkeys(map(_hash, self.urls)))

    @property
    def escalation_addresses(self) -> tuple[str, ...]:
        """The hash of each address of what nobody has acknowledged."""
        return tuple(dict.fromkeys(map(_hash, self.escalation_urls or self.urls)))

    def send(self, title: str, text: str) -> int:
        """Send `text` to every address, also to those of escalations, and return how many.

        Raises :class:`NotifyError` if a delivery fails, after all have been tried.
        """
        failed = {
            name: [number for number, url in enumerate(urls, 1) if not _deliver(url, title, text)]
            for name, urls in self._by_variable.items()
        }
        for name, numbers in failed.items():
            if numbers:
                raise self._not_delivered(name, *numbers)
        return sum(map(len, self._by_variable.values()))

    def send_to(self, address: str, title: str, text: str) -> None:
        """Send `text` to the address of that hash; :class:`NotifyError` if the delivery fails."""
        for name, urls in self._by_variable.items():
            for number, url in enumerate(urls, start=1):
                if _hash(url) == address:
                    if not _deliver(url, title, text):
                        raise self._not_delivered(name, number)
                    return

    @property
    def _by_variable(self) -> dict[str, tuple[str, ...]]:
        return {VARIABLE: self.urls, ESCALATION_URLS: self.escalation_urls}

    def _not_delivered(self, variable: str, *numbers: int) -> NotifyError:
        return NotifyError(
            f"address {', '.join(map(str, numbers))} of {len(self._by_variable[variable])} in "
            f"{variable} did not accept the alert; test it: options-platform alerts test"
        )


def open_notifier(environment: Mapping[str, str] | None = None) -> Notifier | None:
    """The notifier for the addresses of the environment; None without any.

    Raises :class:`SettingsError` if Apprise is not installed or does not support an address, and if
    the addresses are in a file that cannot be read.
    """
    urls, last = (
        tuple(read_secret(name, environment).split()) for name in (VARIABLE, ESCALATION_URLS)
    )
    if not urls:
        return None
    if find_spec("apprise") is None:
        raise SettingsError(
            f"{VARIABLE} is set and the package apprise is missing; install it: pip install apprise"
        )
    import apprise

    _silence()
    for name, given in ((VARIABLE, urls), (ESCALATION_URLS, last)):
        for number, url in enumerate(given, start=1):
            if not apprise.Apprise().add(url):
                raise SettingsError(
                    f"address {number} in {name} belongs to no service that Apprise supports; see "
                    "https://github.com/caronc/apprise/wiki"
                )
    return Notifier(urls, last)


def is_configured(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the environment has an address for alerts, or names a file for them."""
    try:
        return bool(read_secret(VARIABLE, environment))
    except SettingsError:
        # Whoever sends an alert reports it; a file that cannot be read stops nothing else.
        return True


def _deliver(url: str, title: str, text: str) -> bool:
    import apprise

    _silence()
    service = apprise.Apprise()
    return service.add(url) and bool(service.notify(body=text, title=title))


def _hash(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def _silence() -> None:
    """Turn off Apprise's log, which shows addresses that it cannot use."""
    logging.getLogger("apprise").disabled = True
