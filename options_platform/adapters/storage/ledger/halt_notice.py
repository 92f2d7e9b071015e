"""A notice beside a ledger's file that halts it: the ledger may be held, missing, or replaced.

The notice stays until the halt is lifted, so an older ledger that replaces a halted one is halted.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path


def notice_of(ledger: Path) -> Path:
    """The file of the notice that halts a ledger."""
    return ledger.with_name(f"{ledger.name}.halt")


def leave_notice(ledger: Path, reason: str, at: datetime) -> None:
    """Halt the ledger from now on. Raises :class:`OSError` if the notice cannot be written."""
    notice = notice_of(ledger)
    new = notice.with_name(f"{notice.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"reason": reason, "at": at.isoformat()}, file)
    new.replace(notice)
