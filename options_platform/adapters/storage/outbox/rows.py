"""The rows of the outbox: alerts, and messages about them. Each function is part of a transaction.

What is known of an address is a hash of it: the addresses are secrets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from options_platform.adapters.storage.outbox.file import moment, stored
from options_platform.domain.trading.alert_rules import GROWN, AlertRules
from options_platform.domain.trading.alerts import Alert


@dataclass(frozen=True)
class OpenAlert:
    """A recorded alert: `ended` is None while it lasts; times are UTC.

    Escalations count from `counted_from`: when it arose, or had grown.
    """

    number: int
    id: str
    key: str
    title: str
    text: str
    size: float
    severity: str
    since: datetime
    ended: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    counted_from: datetime
    escalations: int

    def escalation(self, now: datetime) -> Alert:
        """The message of an escalation: for how long nobody has acknowledged it, and how to."""
        hours = (now - self.since).total_seconds() / 3600
        return replace(
            Alert(self.key, self.title, self.text, self.size),
            title=f"NOT ACKNOWLEDGED for {hours:.1f} hours: {self.title}",
            text=f"{self.text}\nTo stop: options-platform alerts --acknowledge {self.id}",
        )


@dataclass(frozen=True)
class Message:
    """A message that an address has not accepted yet, after so many attempts."""

    number: int
    key: str
    address: str
    severity: str
    title: str
    text: str
    made_at: datetime
    attempts: int


def read_alerts(
    rows: sqlite3.Connection, condition: str, values: Sequence[str] = ()
) -> list[OpenAlert]:
    """The alerts that meet a condition, the oldest first; `values` are for its question marks."""
    found = rows.execute(
        "SELECT number, id, key, title, text, size, severity, since, ended, acknowledged_at, "
        f"acknowledged_by, counted_from, escalations FROM alerts WHERE {condition} ORDER BY number",
        values,
    )
    return [
        OpenAlert(
            number, alert_id, key, title, text, size, severity, moment(since),
            moment(ended) if ended else None, moment(seen) if seen else None, by, moment(counted),
            escalations,
        )
        for number, alert_id, key, title, text, size, severity, since, ended, seen, by, counted,
            escalations in found
    ]  # fmt: skip


def insert_alert(rows: sqlite3.Connection, alert: Alert, now: datetime) -> int:
    """Add an alert that lasts; its number."""
    values = (alert.id, alert.key, alert.title, alert.text, alert.size, alert.severity)
    done = rows.execute(
        "INSERT INTO alerts (id, key, title, text, size, severity, since, counted_from, "
        "escalations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        [*values, stored(now), stored(now)],
    )
    return int(done.lastrowid or 0)


def same_before(
    rows: sqlite3.Connection, alert: Alert, now: datetime, rules: AlertRules
) -> int | None:
    """The number of the alert that has just ended and comes back as it was."""
    since = now - timedelta(minutes=rules.same_within_minutes)
    found = rows.execute(
        "SELECT number FROM alerts WHERE key = ? AND text = ? AND ended > ? "
        "ORDER BY number DESC LIMIT 1",
        [alert.key, alert.text, stored(since)],
    ).fetchone()
    return None if found is None else int(found[0])


def keep_informed(
    rows: sqlite3.Connection, number: int, alert: Alert, address: str, now: datetime
) -> None:
    """A message, unless the address has one; of a condition that has grown, another one."""
    last = rows.execute(
        "SELECT number, size, delivered_at FROM messages WHERE alert = ? AND address = ? "
        "AND NOT is_escalation ORDER BY number DESC LIMIT 1",
        [number, address],
    ).fetchone()
    if last is None:
        add_message(rows, number, alert, address, now)
    elif last[2] is None:
        rows.execute(
            "UPDATE messages SET title = ?, text = ?, size = ? WHERE number = ?",
            [alert.title, alert.text, alert.size, last[0]],
        )
    elif alert.size >= GROWN * last[1] > 0:
        add_message(rows, number, alert, address, now)
        # It is no longer what was acknowledged.
        rows.execute(
            "UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, "
            "counted_from = ?, escalations = 0 WHERE number = ?",
            [stored(now), number],
        )


def add_message(
    rows: sqlite3.Connection,
    number: int,
    alert: Alert,
    address: str,
    now: datetime,
    *,
    is_escalation: bool = False,
) -> None:
    """Add a message that waits to be delivered."""
    rows.execute(
        "INSERT INTO messages (alert, address, severity, title, text, size, made_at, attempts, "
        "is_escalation) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
        [number, address, alert.severity, alert.title, alert.text, alert.size, stored(now),
         is_escalation],
    )  # fmt: skip


def end_alert(rows: sqlite3.Connection, number: int, now: datetime) -> None:
    """Note that an alert has ended; a message about it that still waits says so."""
    rows.execute("UPDATE alerts SET ended = ? WHERE number = ?", [stored(now), number])
    # Nobody needs to hear again and again of what is over.
    rows.execute(
        "DELETE FROM messages WHERE alert = ? AND delivered_at IS NULL AND is_escalation",
        [number],
    )
    rows.execute(
        "UPDATE messages SET text = text || ? WHERE alert = ? AND delivered_at IS NULL",
        [f"\nIt ended by {now:%Y-%m-%d %H:%M} UTC.", number],
    )
