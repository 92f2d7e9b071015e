"""The broker's clock: whether it can be believed, and whether a session has ended by it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import Broker, BrokerClock, BrokerDoubtError
from options_platform.domain.trading.orders import Order

MOST_APART = timedelta(days=7)


def plausible_clock(broker: Broker, now: datetime) -> BrokerClock | None:
    """The broker's clock, None for a broker without one.

    Raises :class:`BrokerDoubtError` where it and this machine's are days apart.
    """
    clock = broker.clock()
    if clock is not None and abs(clock.now - now) > MOST_APART:
        raise BrokerDoubtError(
            f"the clock of {broker.name} says {clock.now:%Y-%m-%d %H:%M} and this machine's "
            f"{now:%Y-%m-%d %H:%M}; nothing is concluded from either"
        )
    return clock


def session_is_over(broker: Broker, order: Order, now: datetime, session: date | None) -> bool:
    """Whether the order's session has ended, by the broker's clock, not this machine's.

    A broker without a clock is at the close of `session`, the newest that it has worked. Raises
    :class:`BrokerDoubtError` where the clock cannot be read, or is days off.
    """
    clock = plausible_clock(broker, now)
    if clock is None:
        return session is not None and order.session < session
    return clock.now >= order.expires_at
