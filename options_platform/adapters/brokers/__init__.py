"""The brokers by name; adding one is a file beside these and a line in :data:`BROKERS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.brokers.simulated import SimulatedBroker
from options_platform.adapters.ports.broker import Broker
from options_platform.settings import Settings


def open_simulated(settings: Settings, folder: Path | None = None) -> SimulatedBroker:
    """The simulated broker of the account, whose file lies in `folder` (default: the home)."""
    path = settings.simulated_broker_path
    return SimulatedBroker(
        path if folder is None else folder / path.name,
        chain=settings.plan.chain,
        fills=settings.fills,
        costs=settings.plan.costs,
        wait_seconds=settings.warehouse_wait_seconds,
        start_usd=settings.account_value_usd,
    )


def open_alpaca(settings: Settings) -> AlpacaBroker:
    """The account at Alpaca."""
    return AlpacaBroker(settings.alpaca, settings.plan.costs)


BROKERS: dict[str, Callable[[Settings], Broker]] = {
    "simulated": open_simulated,
    "alpaca": open_alpaca,
}


def open_broker(settings: Settings) -> Broker:
    """The broker that the settings name."""
    return BROKERS[settings.broker](settings)
