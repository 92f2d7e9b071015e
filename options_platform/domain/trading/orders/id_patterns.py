"""What the id of an order says: its session, ticker, rule set, purpose and attempt."""

from __future__ import annotations

import re

from options_platform.common import DEFAULT_RULE_SET

ENTRY_ID = re.compile(
    r"(\d{8})-([A-Z][A-Z0-9.\-]*)-entry(?:-([a-z][a-z0-9_]*))?(?:-(\d+))?-[0-9a-f]{10}"
)
"""Session, ticker, rule set (none for the default) and attempt (none for the first).

Tickers are in capitals, so that a rule set of the name `entry` is no part of one.
"""

EXIT_ID = re.compile(r"(\d{8})-exit(?:-(\d+))?-[0-9a-f]{10}")
"""Session and attempt."""


def rule_set_of(position_id: str) -> str:
    """The rule set that opened a position, whose id is that of its first entry.

    An id of another pattern, as of a position that was adopted by hand, is of the default.
    """
    named = ENTRY_ID.fullmatch(position_id)
    return DEFAULT_RULE_SET if named is None else named[3] or DEFAULT_RULE_SET
