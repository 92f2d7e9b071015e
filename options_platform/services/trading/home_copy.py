"""What a command that only shows something reads: the published copy of the home's stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.storage.ledger import Ledger, open_ledger, replay_ledger
from options_platform.adapters.storage.published.refreshing import open_copy
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.settings import Settings


@dataclass(frozen=True)
class HomeCopy:
    """The read side of a home's stores at one moment, which stays while this object does.

    `published_at` is the UTC time of the copy, and `behind` says in a line why a store may be ahead
    of it; None if none is. Where no copy can be made, as on a full disk, the stores themselves are
    read, `published_at` is None, and `behind` says so. `is_at_work` says that it is
    behind since a run has not ended yet.
    """

    warehouse: Warehouse
    ledger: Ledger
    replay: Ledger
    published_at: datetime | None
    behind: str | None
    is_at_work: bool = False


def home_copy(settings: Settings) -> HomeCopy:
    """The newest published copy of the home, made now where there is none.

    Reading from it raises :class:`DamagedError` or :class:`LedgerError` for a store that is damaged
    by now, as reading the store would.
    """
    wait = settings.warehouse_wait_seconds
    copy = open_copy(settings.home, wait_seconds=wait)
    version = copy.version
    return HomeCopy(
        copy.warehouse(settings.warehouse_path, wait_seconds=wait),
        copy.ledger(open_ledger(settings)),
        copy.ledger(replay_ledger(settings)),
        None if version is None else version.published_at,
        copy.behind if version else f"from the stores themselves: {copy.behind}",
        copy.is_at_work,
    )
