"""The daily runs that succeeded, and whether the outside watcher knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from options_platform.adapters.storage.outbox.file import OutboxFile, moment, stored


@dataclass(frozen=True)
class Heartbeat:
    """A daily run that succeeded; `answered_at` is when the watcher knew of it, None before."""

    run_id: str
    ended_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True)
class HeartbeatRecords(OutboxFile):
    """The heartbeats of a home."""

    def note_run(self, run_id: str, ended_at: datetime) -> None:
        """Record a daily run that succeeded, once."""
        with self._transaction() as rows:
            rows.execute(
                "INSERT INTO heartbeats VALUES (?, ?, NULL, 0) ON CONFLICT DO NOTHING",
                [run_id, stored(ended_at)],
            )

    def newest_run(self, *, answered: bool = False) -> Heartbeat | None:
        """The newest recorded run, or the newest that the watcher has answered for."""
        condition = "WHERE answered_at IS NOT NULL" if answered else ""
        with self._reading() as rows:
            found = None if rows is None else rows.execute(
                f"SELECT run_id, ended_at, answered_at FROM heartbeats {condition} "
                "ORDER BY ended_at DESC LIMIT 1"
            ).fetchone()  # fmt: skip
        if found is None:
            return None
        run_id, ended, seen = found
        return Heartbeat(run_id, moment(ended), moment(seen) if seen else None)

    def note_heartbeat(self, run_id: str, now: datetime, *, answered: bool) -> None:
        """Note that the watcher was asked for a run, and whether it answered."""
        with self._transaction() as rows:
            rows.execute(
                "UPDATE heartbeats SET attempts = attempts + 1, answered_at = ? WHERE run_id = ?",
                [stored(now) if answered else None, run_id],
            )
