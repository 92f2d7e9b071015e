"""What is said of alerts: once while they last, to each address, until it was delivered.

A message is written down before it is sent, and stays until its address has accepted it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from options_platform.adapters.storage.outbox.file import moment, stored
from options_platform.adapters.storage.outbox.heartbeats import HeartbeatRecords
from options_platform.adapters.storage.outbox.rows import (
    Message,
    OpenAlert,
    add_message,
    end_alert,
    insert_alert,
    keep_informed,
    read_alerts,
    same_before,
)
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.alerts import Alert

KEPT = timedelta(days=90)
"""How long alerts that have ended are kept, with their messages."""


@dataclass(frozen=True)
class Outbox(HeartbeatRecords):
    """The outbox of a home. Each method is one transaction, whole or not at all.

    Raises :class:`DamagedError` for a file that is no sound database.
    """

    def record(
        self,
        alerts: Sequence[Alert],
        addresses: Sequence[str],
        now: datetime,
        rules: AlertRules,
        *,
        are_all: bool = True,
    ) -> None:
        """Record the conditions that hold now, each with a message to each address.

        One that lasts gets no other message, unless it has grown; a new address gets what lasts.
        Those that hold no more have ended, unless these are not all. A message that was not
        delivered yet stays, and says that its condition has ended.
        """
        with self._transaction() as rows:
            lasting = {alert.key: alert for alert in read_alerts(rows, "ended IS NULL")}
            for alert in alerts:
                number = lasting[alert.key].number if alert.key in lasting else None
                if number is None:
                    number = same_before(rows, alert, now, rules) or insert_alert(rows, alert, now)
                rows.execute(
                    "UPDATE alerts SET title = ?, text = ?, size = ?, ended = NULL "
                    "WHERE number = ?",
                    [alert.title, alert.text, alert.size, number],
                )
                for address in addresses:
                    keep_informed(rows, number, alert, address, now)
            if are_all:
                holding = {alert.key for alert in alerts}
                for key in lasting.keys() - holding:
                    end_alert(rows, lasting[key].number, now)

    def record_events(
        self, alerts: Sequence[Alert], addresses: Sequence[str], now: datetime
    ) -> None:
        """Record what has happened, each once ever, with a message to each address of now."""
        with self._transaction() as rows:
            for alert in alerts:
                known = rows.execute("SELECT 1 FROM alerts WHERE key = ?", [alert.key]).fetchone()
                if known is None:
                    number = insert_alert(rows, alert, now)
                    rows.execute(
                        "UPDATE alerts SET ended = ? WHERE number = ?", [stored(now), number]
                    )
                    for address in addresses:
                        add_message(rows, number, alert, address, now)

    def note_test(self, addresses: Sequence[str], now: datetime) -> None:
        """Note that the addresses have accepted a test."""
        with self._transaction() as rows:
            alert = Alert(f"test {stored(now)}", "a test", "")
            number = insert_alert(rows, alert, now)
            rows.execute("UPDATE alerts SET ended = ? WHERE number = ?", [stored(now), number])
            for address in addresses:
                add_message(rows, number, alert, address, now)
            rows.execute(
                "UPDATE messages SET delivered_at = ?, attempts = 1 WHERE alert = ?",
                [stored(now), number],
            )

    def escalate(self, addresses: Sequence[str], now: datetime, rules: AlertRules) -> None:
        """Add a message for each critical alert that lasts and that nobody has acknowledged."""
        with self._transaction() as rows:
            condition = "ended IS NULL AND acknowledged_at IS NULL AND severity = 'critical'"
            for alert in read_alerts(rows, condition):
                if not rules.escalates(alert.counted_from, alert.escalations, now):
                    continue
                message = alert.escalation(now)
                for address in addresses:
                    add_message(rows, alert.number, message, address, now, is_escalation=True)
                # One look after a long silence is one escalation, not several at once.
                waited = now - alert.counted_from
                passed = int(waited / timedelta(minutes=rules.escalate_after_minutes))
                rows.execute(
                    "UPDATE alerts SET escalations = ? WHERE number = ?",
                    [min(passed, rules.escalations), alert.number],
                )

    def acknowledge(self, alert_id: str, by: str, now: datetime) -> list[OpenAlert]:
        """Note who has seen the alerts of that id that last, and return them; escalation stops.

        The first acknowledgement stays. Empty if none of that id lasts.
        """
        with self._transaction() as rows:
            found = read_alerts(rows, "ended IS NULL AND id = ?", [alert_id])
            rows.execute(
                "UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ? "
                "WHERE id = ? AND ended IS NULL AND acknowledged_at IS NULL",
                [stored(now), by, alert_id],
            )
            # What has not left yet would disturb for what is known by now.
            rows.executemany(
                "DELETE FROM messages WHERE alert = ? AND delivered_at IS NULL AND is_escalation",
                [(alert.number,) for alert in found],
            )
            return read_alerts(rows, "ended IS NULL AND id = ?", [alert_id])

    def lasting(self) -> list[OpenAlert]:
        """The recorded alerts that last, the oldest first; empty before the first record."""
        with self._reading() as rows:
            return [] if rows is None else read_alerts(rows, "ended IS NULL")

    def undelivered(self, addresses: Sequence[str] | None = None) -> list[Message]:
        """The messages that wait, in their order; by default of any address.

        One that was refused ten times lets later ones go first.
        """
        with self._reading() as rows:
            if rows is None:
                return []
            waiting = [
                Message(number, key, address, severity, title, text, moment(made), attempts)
                for number, key, address, severity, title, text, made, attempts in rows.execute(
                    "SELECT m.number, a.key, m.address, m.severity, m.title, m.text, m.made_at, "
                    "m.attempts FROM messages m JOIN alerts a ON a.number = m.alert "
                    "WHERE m.delivered_at IS NULL ORDER BY m.attempts / 10, m.number"
                )
            ]
        return [one for one in waiting if addresses is None or one.address in addresses]

    def note_attempt(self, message: Message, now: datetime, *, delivered: bool) -> None:
        """Note that a message was accepted, and so is never sent again, or that it was not."""
        with self._transaction() as rows:
            rows.execute(
                "UPDATE messages SET attempts = attempts + 1, delivered_at = ? WHERE number = ?",
                [stored(now) if delivered else None, message.number],
            )

    def delivered_keys(self, prefix: str) -> list[str]:
        """The keys with that beginning of which a message was delivered, the newest first."""
        with self._reading() as rows:
            found = () if rows is None else rows.execute(
                "SELECT DISTINCT a.key, a.number FROM alerts a JOIN messages m "
                "ON m.alert = a.number WHERE m.delivered_at IS NOT NULL ORDER BY a.number DESC"
            )  # fmt: skip
            return [key for key, _ in found if key.startswith(prefix)]

    def newest_delivery(self) -> datetime | None:
        """When a message was delivered last; None if none ever was."""
        with self._reading() as rows:
            found = (
                None
                if rows is None
                else rows.execute("SELECT max(delivered_at) FROM messages").fetchone()[0]
            )
        return None if found is None else moment(found)

    def adopt(self, sizes: Mapping[str, float], address: str, now: datetime) -> None:
        """Take over what an earlier version has delivered to an address, by key with its size."""
        with self._transaction() as rows:
            lasting = {alert.key: alert.number for alert in read_alerts(rows, "ended IS NULL")}
            for key, size in sizes.items():
                alert = Alert(key, key, "", size)
                number = lasting.get(key) or insert_alert(rows, alert, now)
                add_message(rows, number, alert, address, now)
                rows.execute(
                    "UPDATE messages SET delivered_at = ? WHERE alert = ? AND address = ?",
                    [stored(now), number, address],
                )

    def forget_ended(self, now: datetime) -> None:
        """Delete what ended, or was answered, long ago."""
        with self._transaction() as rows:
            before = [stored(now - KEPT)]
            # The heads of the forward record that have left are remembered for good.
            over = "ended < ? AND key NOT LIKE 'forward head %'"
            rows.execute(
                f"DELETE FROM messages WHERE alert IN (SELECT number FROM alerts WHERE {over})",
                before,
            )
            rows.execute(f"DELETE FROM alerts WHERE {over}", before)
            rows.execute("DELETE FROM heartbeats WHERE ended_at < ?", before)
