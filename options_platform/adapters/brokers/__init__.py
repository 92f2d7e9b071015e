"""The brokers; a new one is a file here and a line in `settings.brokers.BROKERS`.

The file has a class that fits :class:`~options_platform.adapters.ports.broker.Broker` and a
function `open_broker` that makes one of the settings.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from options_platform.adapters.ports.broker import Broker
from options_platform.settings import Settings
from options_platform.settings.brokers import broker_entry


class BrokerFile(Protocol):
    """What the file of a broker holds beside its class."""

    def open_broker(self, settings: Settings) -> Broker:
        """The account; nothing is asked of it yet."""
        ...


def open_broker(settings: Settings) -> Broker:
    """The broker that the settings name."""
    entry = broker_entry(settings.broker)
    module = import_module(f"{entry.package}.{entry.module}")
    return cast("BrokerFile", module).open_broker(settings)
