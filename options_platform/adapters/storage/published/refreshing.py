"""The published copy for a reader: the newest version, and what it says where a store is ahead.

A store that differs from the newest version either belongs to a run that is at work, which
publishes when it is done: until then the reader has the state before the run. Or the process that
changed it was killed, or it was changed by hand: then the reader publishes it, if that can be done
without waiting for anybody.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from options_platform.adapters.storage.changes import changed_here, end_change, waiting_seconds
from options_platform.adapters.storage.duck import is_held_here
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.ledgers import published_ledger
from options_platform.adapters.storage.published.publishing import publish
from options_platform.adapters.storage.published.staleness import (
    is_due,
    lagging_since,
    lags,
    stores_of,
)
from options_platform.adapters.storage.published.tables import PublishedWarehouse
from options_platform.adapters.storage.published.versions import (
    FAILURE,
    Version,
    kept_version,
    published_folder,
    version_of_nothing,
)
from options_platform.adapters.storage.storage_faults import storage_fault
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.errors import DamagedError, WarehouseBusyError

AT_WORK = "a run has changed the tables since, and publishes them when it is done"
WRITER_WAIT_SECONDS = 30.0
"""How long a run that is done waits to publish, e.g. for another that publishes."""

EVERY_SECONDS = 600.0
"""How often a run that goes on publishes what it has written so far."""


@dataclass(frozen=True)
class Copy:
    """A version that stays while this object does; None where none can be made.

    `behind` says in a line why a store may be ahead of it, None if none is; `damage` is of a store
    that has changed since and cannot be read any more. `is_at_work` says that it is ahead because a
    run has not ended yet.
    """

    version: Version | None
    behind: str | None = None
    damage: DamagedError | None = None
    is_at_work: bool = False

    def warehouse(self, path: Path, *, wait_seconds: float) -> Warehouse:
        """The tables of the copy, or the warehouse itself without one."""
        if self.version is None:
            return Warehouse(path, wait_seconds=wait_seconds)
        return PublishedWarehouse(path, self.version, self._damage_of(path))

    def ledger(self, ledger: Ledger) -> Ledger:
        """That ledger as the copy has it, or itself without a copy."""
        if self.version is None:
            return ledger
        return published_ledger(ledger, self.version, self._damage_of(ledger.path))

    def _damage_of(self, store: Path) -> DamagedError | None:
        return self.damage if self.damage is not None and self.damage.path == store else None


@dataclass(frozen=True)
class Failure:
    """Why the copy could not be published, and when."""

    at: datetime
    why: str


def open_copy(home: Path, *, wait_seconds: float) -> Copy:
    """The newest version, published now where that is due and disturbs nobody.

    `wait_seconds` is how long the first version of a home waits for the stores.
    """
    kept, reason, damage = kept_version(home), None, None
    if kept is None and not stores_of(home):
        return Copy(version_of_nothing(home))
    if kept is None or is_due(home, kept):
        try:
            publish(home, wait_seconds=wait_seconds if kept is None else 0.0)
        except DamagedError as error:
            reason, damage = str(error), error
        except WarehouseBusyError:
            reason = AT_WORK
        except Exception as error:
            # Whatever keeps the copy from being made, its reader goes on with what there is.
            reason = _in_a_line(error, home)
        kept = kept_version(home)
    if kept is None:
        return Copy(None, reason, damage)
    if reason is None and not lags(home, kept):
        return Copy(kept)
    as_of = f"as of {lagging_since(home, kept):%Y-%m-%d %H:%M} UTC"
    reason = reason or AT_WORK
    return Copy(kept, f"{as_of}: {reason}", damage, is_at_work=reason == AT_WORK)


def publish_changes(home: Path | None = None, *, wait_seconds: float = WRITER_WAIT_SECONDS) -> None:
    """Publish what this process has changed, in one home or in all; called when a run is done.

    One that goes on waits for nobody (`wait_seconds` 0): what it cannot publish now it does later.

    It raises nothing: a run that traded has succeeded, whether or not its tables can be published.
    A failure is logged, noted for `doctor`, `status` and the alerts, and the next run repeats it.
    """
    for changed in dict.fromkeys(store.parent for store in changed_here(home)):
        stores = changed_here(changed)
        if any(is_held_here(store) for store in stores):
            # Within a block that holds a store: what it changes is not complete yet.
            continue
        try:
            if changed.is_dir():
                publish(changed, wait_seconds=wait_seconds)
        except WarehouseBusyError as busy:
            if not wait_seconds:
                continue
            # The next reader publishes what is left, once the store is free.
            _log(str(busy))
        except Exception as error:
            _note_failure(changed, _in_a_line(error, changed))
        for store in stores:
            end_change(store)


def publish_if_due(home: Path) -> None:
    """Publish what a run that goes on has changed, if it began to do so some minutes ago."""
    if waiting_seconds(home) >= EVERY_SECONDS:
        publish_changes(home, wait_seconds=0.0)


def last_failure(home: Path) -> Failure | None:
    """Why publishing failed the last time, None if it did not."""
    try:
        noted = json.loads(_failure_file(home).read_text(encoding="utf-8"))
        return Failure(datetime.fromisoformat(noted["at"]), str(noted["why"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note_failure(home: Path, why: str) -> None:
    _log(why)
    now = datetime.now(UTC)
    with suppress(OSError):
        new = _failure_file(home).with_suffix(f".{os.getpid()}.new")
        new.parent.mkdir(mode=0o700, exist_ok=True)
        new.write_text(json.dumps({"at": now.isoformat(), "why": why}), encoding="utf-8")
        new.replace(_failure_file(home))


def _log(why: str) -> None:
    logging.getLogger("options_platform").warning("the tables are not published: %s", why)


def _failure_file(home: Path) -> Path:
    return published_folder(home) / FAILURE


def _in_a_line(error: Exception, home: Path) -> str:
    lines = str(storage_fault(error, home) or error).splitlines()
    return lines[0] if lines else type(error).__name__
