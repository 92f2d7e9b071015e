"""The pause of new entries: after a loss within a session, until a second look or the close.

It refuses entries as a halt does, and ends by itself. A halt takes a person or a sure loss, see
:meth:`options_platform.adapters.storage.ledger.Ledger.halt`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import close_time

PAUSED = "PAUSED"
HALTED = "HALTED"
NAME = "paused"


@dataclass(frozen=True)
class Pause:
    """Why entries are paused, and since when, by the broker's clock."""

    reason: str
    since: datetime


def pause_of(ledger: Ledger) -> Pause | None:
    """The pause in force, None if entries are not paused."""
    text = ledger.kept(NAME)
    if text is None:
        return None
    stored = json.loads(text)
    return Pause(stored["reason"], datetime.fromisoformat(stored["since"]))


def entries_stopped(ledger: Ledger) -> str | None:
    """HALTED or PAUSED if every entry is refused, else None."""
    if ledger.halted() is not None:
        return HALTED
    return None if pause_of(ledger) is None else PAUSED


def pause(ledger: Ledger, new: Pause, now: datetime) -> None:
    """Refuse entries until the pause is lifted."""
    text = json.dumps({"reason": new.reason, "since": new.since.isoformat()})
    ledger.keep(NAME, text, now, f"since {new.since.isoformat()}: {new.reason}")


def lift_pause(ledger: Ledger, why: str, now: datetime) -> bool:
    """End the pause; False if there was none."""
    if pause_of(ledger) is None:
        return False
    ledger.keep(NAME, None, now, f"lifted: {why}")
    return True


def lift_at_close(ledger: Ledger, session: date, now: datetime) -> None:
    """End a pause that the close of `session` has decided: its loss is a halt by then, or none."""
    current = pause_of(ledger)
    if current is not None and current.since <= close_time(session):
        lift_pause(ledger, f"decided by the close of {session}", now)
