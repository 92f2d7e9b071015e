"""What says, beside this machine's clock, that a session's next open has passed.

A clock can be turned back, and plans could then be recorded for a past session as if nobody had
known what came. Nothing on a machine that its owner controls proves the time; but whoever turns the
clock back has to do without all that has happened since: the stored bars, the marks of the account,
the source's files, and a broker that knows the time.
"""

from __future__ import annotations

from datetime import UTC, date

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import open_time, shift
from options_platform.errors import PlatformError
from options_platform.services.market_data.platform import Platform


def known_since(platform: Platform, session: date) -> str | None:
    """What already knows of a time after the next open of `session`, in words; None if nothing
    does.

    A source or a broker that cannot be asked says nothing.
    """
    after = shift(session, 1)
    bars = platform.warehouse.read(RAW_OHLCV, columns=["date"], start=after)["date"]
    if not bars.is_empty():
        return f"the warehouse has bars of {max(bars.to_list())}"
    ledger = open_ledger(platform.settings)
    marked = ledger.last_marked() if ledger.exists else None
    if marked is not None and marked >= after:
        return f"the ledger has marks of {marked}"
    return _by_source(platform, after) or _by_broker(platform, after)


def _by_source(platform: Platform, after: date) -> str | None:
    try:
        source = platform.source()
        last = source.info.last_date
        if last is not None and last >= after:
            return f"the source {source.info.name} has bars up to {last}"
        if not source.info.reads_files:
            # What the network gives is cut at this machine's clock.
            return None
        bars = source.bars(platform.settings.tickers[0], after, after)
    except PlatformError:
        return None
    return None if bars.is_empty() else f"the files of {source.info.name} have bars of {after}"


def _by_broker(platform: Platform, after: date) -> str | None:
    try:
        broker = open_broker(platform.settings)
        clock = broker.clock()
    except PlatformError:
        return None
    if clock is None or clock.now < open_time(after):
        return None
    return f"the clock of {broker.name} says {clock.now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
