"""The file of the outbox, its tables and its transactions.

A small SQLite file, so that a run and the sensors of the daemon share it, whichever of them is
killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from options_platform.errors import DamagedError, HomeError

FILE = "alerts.db"
WAIT_SECONDS = 10.0

TABLES = """
CREATE TABLE IF NOT EXISTS alerts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL,
    text TEXT NOT NULL, size REAL NOT NULL, severity TEXT NOT NULL, since TEXT NOT NULL,
    ended TEXT, acknowledged_at TEXT, acknowledged_by TEXT, counted_from TEXT NOT NULL,
    escalations INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS alerts_by_key ON alerts (key);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, alert INTEGER NOT NULL, address TEXT NOT NULL,
    severity TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, size REAL NOT NULL,
    made_at TEXT NOT NULL, delivered_at TEXT, attempts INTEGER NOT NULL,
    is_escalation INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_alert ON messages (alert, address);
CREATE TABLE IF NOT EXISTS heartbeats (
    run_id TEXT PRIMARY KEY, ended_at TEXT NOT NULL, answered_at TEXT, attempts INTEGER NOT NULL
);
"""


@dataclass(frozen=True)
class OutboxFile:
    """The file of the outbox of a home."""

    path: Path

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as rows:
                rows.executescript(TABLES)
                rows.execute("BEGIN IMMEDIATE")
                with rows:
                    yield rows
        except sqlite3.OperationalError as error:
            raise HomeError(f"{self.path} cannot be written ({error})") from error
        except sqlite3.DatabaseError as error:
            raise DamagedError(self.path, str(error)) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection; None while nothing was recorded."""
        if not self.path.exists():
            yield None
            return
        try:
            with closing(self._connect()) as rows:
                made = rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'heartbeats'")
                yield None if made.fetchone() is None else rows
        except sqlite3.OperationalError as error:
            # Locked for long, or not to be opened: nothing says that it is damaged.
            raise HomeError(f"{self.path} cannot be read ({error})") from error
        except sqlite3.DatabaseError as error:
            raise DamagedError(self.path, str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)


def stored(at: datetime) -> str:
    """A moment as it is stored, so that the order of texts is that of the moments."""
    return at.astimezone(UTC).isoformat()


def moment(text: str) -> datetime:
    """A moment that was stored, UTC."""
    return datetime.fromisoformat(text)
