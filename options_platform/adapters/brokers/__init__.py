"""The brokers by name; adding one is a file beside these and a line in :data:`BROKERS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from options_platform.adapters.brokers.simulated import SimulatedBroker
from options_platform.settings import Settings


def _simulated(settings: Settings, folder: Path) -> SimulatedBroker:
    return SimulatedBroker(
        folder / "simulated_broker.duckdb",
        chain=settings.plan.chain,
        fills=settings.fills,
        costs=settings.plan.costs,
        wait_seconds=settings.warehouse_wait_seconds,
    )


BROKERS: dict[str, Callable[[Settings, Path], SimulatedBroker]] = {"simulated": _simulated}


def open_broker(settings: Settings, folder: Path | None = None) -> SimulatedBroker:
    """The broker that the settings name; its files, if any, lie in `folder` (default: the home)."""
    return BROKERS[settings.broker](settings, folder or settings.home)
