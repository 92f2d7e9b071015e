"""Halts of new entries: recorded in the ledger, and in a notice beside its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from options_platform.adapters.storage.ledger.file import LedgerFile
from options_platform.adapters.storage.ledger.halt_notice import leave_notice, notice_of
from options_platform.adapters.storage.ledger.rows import (
    read_meta,
    set_meta,
    withdraw_entries,
    write_event,
)
from options_platform.domain.risk import is_of_losses
from options_platform.errors import LedgerError, WarehouseBusyError

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class HaltRecords(LedgerFile):
    """Whether new entries are halted, and why."""

    def halted(self) -> str | None:
        """Why new orders are halted, or None."""
        self._take_notice()
        with self._reading() as connection:
            return self._kept(connection, "halted")

    def halt(self, reason: str, now: datetime | None = None) -> None:
        """Refuse new entries until :meth:`resume`; exits go on. The first reason stays.

        It takes effect at once, also for a process that trades and holds the file, and for an older
        ledger that replaces this one: the notice beside the file stays until the halt is lifted.
        Raises :class:`LedgerError` for a broken ledger.
        """
        at = now or datetime.now(UTC)
        try:
            if not notice_of(self.path).exists():
                leave_notice(self.path, reason, at)
        except OSError:
            self._record_halt(reason, at)
            return
        try:
            self._record_halt(reason, at)
        except WarehouseBusyError:
            return
        except LedgerError as error:
            raise LedgerError(f"new entries are halted from now on; {error}") from error

    def resume(self, reason: str = "by hand", now: datetime | None = None) -> None:
        """Allow new entries again.

        After a halt of the kill switch losses count from the newest close on; after a halt by hand
        they go on counting from where they did.
        """
        self._take_notice()
        with self._transaction() as connection:
            halt = read_meta(connection, "halted")
            if halt is None:
                return
            newest = connection.execute("SELECT max(session) FROM marks").fetchone()
            if is_of_losses(halt) and newest is not None and newest[0] is not None:
                set_meta(connection, "counting_since", newest[0].isoformat())
            connection.execute("DELETE FROM meta WHERE key = 'halted'")
            write_event(connection, now or datetime.now(UTC), "resumed", reason)
        notice_of(self.path).unlink(missing_ok=True)

    def _take_notice(self) -> None:
        """Record the halt that the notice tells of, if it is not recorded yet."""
        try:
            text = notice_of(self.path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        try:
            notice = json.loads(text)
            reason, at = str(notice["reason"]), datetime.fromisoformat(notice["at"])
        except (ValueError, KeyError, TypeError):
            # A power cut may leave it empty; that it exists is enough for a halt.
            reason, at = "a halt whose notice cannot be read", datetime.now(UTC)
        with self._reading() as connection:
            is_recorded = self._kept(connection, "halted") is not None
        if not is_recorded:
            self._record_halt(reason, at)

    def _record_halt(self, reason: str, at: datetime) -> None:
        with self._transaction() as connection:
            write_halt(connection, reason, at)


def write_halt(connection: duckdb.DuckDBPyConnection, reason: str, at: datetime) -> None:
    """Write a halt into an open ledger; the first reason stays."""
    if read_meta(connection, "halted") is None:
        set_meta(connection, "halted", reason)
    write_event(connection, at, "halted", reason)
    # Entries that were decided before stay void, whenever the halt is lifted.
    withdraw_entries(connection, at)
