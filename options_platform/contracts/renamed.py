"""Tickers that a company has left for another: files and orders of the past still have the old one.

The old ticker may be given to another company later, so it is not read as the new one unasked.
"""

from datetime import date
from typing import NamedTuple


class Renamed(NamedTuple):
    """The present ticker, and the first session under it."""

    ticker: str
    since: date


RENAMED = {
    "QQQQ": Renamed("QQQ", date(2011, 3, 23)),
    "FB": Renamed("META", date(2022, 6, 9)),
}
"""By former ticker; Invesco QQQ Trust was QQQQ from 2004-12-01 on, Meta Platforms FB from its
listing on."""


def renamed_note(ticker: str) -> str:
    """What to do about a ticker that has no data any more, as the end of a line; empty for one that
    is not known to have changed."""
    new = RENAMED.get(ticker)
    if new is None:
        return ""
    return (
        f"; {ticker} has been {new.ticker} since {new.since}: put {new.ticker} among the tickers "
        f"in its place, and name its files {new.ticker}"
    )
