"""What a backtest lets one expect of a record that began without a position.

An average of many years, times the sessions of a young record, promises trades that cannot have
ended yet and profits that cannot have accrued: a spread that is held for a month has earned little
in its first week. So entries are compared with entries, and a profit is counted as it accrues.
"""

from __future__ import annotations

SESSIONS_A_DAY = 252.0 / 365.25
"""Sessions in a calendar day."""


def expected_entries(
    trades: int, average_days_held: float | None, sessions: int, chances: int
) -> float:
    """Trades entered in `chances` sessions, at the pace of a backtest.

    Args:
        trades: closed trades of the backtest.
        average_days_held: their mean holding period, calendar days; None without trades.
        sessions: sessions of the backtest. A trade that closed in them was entered so much earlier,
            and in none is one entered before the second session.
        chances: sessions in which recorded plans may have been entered.
    """
    entered_in = max(1.0, sessions - 1.0 - sessions_held(average_days_held))
    return trades / entered_in * chances


def accrued_share(average_days_held: float | None, chances: int) -> float:
    """The part of their whole profit that trades entered evenly over `chances` sessions have made
    by now, a fraction, if each accrues evenly while it is held."""
    held = sessions_held(average_days_held)
    if not chances or not held:
        return 1.0
    return chances / (2.0 * held) if chances < held else 1.0 - held / (2.0 * chances)


def sessions_held(average_days_held: float | None) -> float:
    """A mean holding period in sessions, from calendar days; 0 without trades."""
    return (average_days_held or 0.0) * SESSIONS_A_DAY
