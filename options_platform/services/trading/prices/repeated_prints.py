"""Last prices far from the close before, believed once a second look shows them too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from options_platform.adapters.storage.ledger import Ledger

NAME = "far_prints"
SAME = 0.1
"""The part by which two looks at one market may differ."""

ONE_SESSION = timedelta(hours=8)


def is_confirmed(
    ledger: Ledger, ticker: str, price: float, at: datetime, confirm_seconds: float
) -> bool:
    """Whether an earlier look has shown about this price; the first one is kept for the next."""
    kept: dict[str, tuple[float, str]] = json.loads(ledger.kept(NAME) or "{}")
    if ticker in kept:
        before, since = kept[ticker]
        age = at - datetime.fromisoformat(since)
        if abs(price / before - 1.0) <= SAME and timedelta(0) <= age <= ONE_SESSION:
            return age >= timedelta(seconds=confirm_seconds)
    ledger.keep(NAME, json.dumps({**kept, ticker: (price, at.isoformat())}), at)
    return False
