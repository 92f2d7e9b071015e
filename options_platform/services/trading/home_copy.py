"""What a command that only shows something reads: the published copy of the home's stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.adapters.storage.published.ledgers import published_ledger
from options_platform.adapters.storage.published.refreshing import Copy, open_copy
from options_platform.adapters.storage.published.tables import PublishedWarehouse
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.errors import DamagedError
from options_platform.services.trading.replay import replay_ledger
from options_platform.settings import Settings


@dataclass(frozen=True)
class HomeCopy:
    """The read side of a home's stores at one moment, which stays while this object does.

    `published_at` is the UTC time of the copy, and `behind` says in a line why a store may be ahead
    of it; None if none is. Where no copy can be made, as on a full disk, the stores themselves are
    read, `published_at` is None, and `behind` says so.
    """

    warehouse: Warehouse
    ledger: Ledger
    replay: Ledger
    published_at: datetime | None
    behind: str | None


def home_copy(settings: Settings) -> HomeCopy:
    """The newest published copy of the home, made now where there is none.

    Reading from it raises :class:`DamagedError` or :class:`LedgerError` for a store that is damaged
    by now, as reading the store would.
    """
    copy = open_copy(settings.home, wait_seconds=settings.warehouse_wait_seconds)
    ledger, replay = open_ledger(settings), replay_ledger(settings)
    if copy.version is None:
        wait = settings.warehouse_wait_seconds
        warehouse = Warehouse(settings.warehouse_path, wait_seconds=wait)
        return HomeCopy(
            warehouse, ledger, replay, None, f"read from the stores themselves: {copy.behind}"
        )
    return HomeCopy(
        PublishedWarehouse(
            settings.warehouse_path, copy.version, _of(copy, settings.warehouse_path)
        ),
        published_ledger(ledger, copy.version, _of(copy, ledger.path)),
        published_ledger(replay, copy.version, _of(copy, replay.path)),
        copy.version.published_at,
        copy.behind,
    )


def _of(copy: Copy, store: Path) -> DamagedError | None:
    """The damage of that store, None if it is whole."""
    return copy.damage if copy.damage is not None and copy.damage.path == store else None
