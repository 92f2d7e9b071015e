"""What contracts are quoted at now, as far as the broker's quotes may decide anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from options_platform.adapters.brokers.port import (
    Broker,
    BrokerDoubtError,
    Quote,
    QuotesContracts,
)
from options_platform.domain.orders import OrderLeg, bounds_of, possible_value


def fresh_quotes(
    broker: QuotesContracts, symbols: Sequence[str], now: datetime, max_age_seconds: float
) -> dict[str, Quote]:
    """Quotes by symbol that are sound and not older than that; `now` is the broker's time."""
    oldest = now - timedelta(seconds=max_age_seconds)
    return {
        symbol: quote
        for symbol, quote in (broker.quotes(symbols) if symbols else {}).items()
        if quote.at >= oldest and 0.0 <= quote.bid <= quote.ask and quote.ask > 0.0
    }


def quotes_in_session(
    broker: Broker, symbols: Sequence[str], max_age_seconds: float
) -> dict[str, Quote]:
    """As :func:`fresh_quotes`; nothing of a broker that is closed, gives no quotes or is away."""
    if not isinstance(broker, QuotesContracts):
        return {}
    try:
        clock = broker.clock()
        if clock is None or not clock.is_open:
            return {}
        return fresh_quotes(broker, symbols, clock.now, max_age_seconds)
    except BrokerDoubtError:
        return {}


def worth(ticker: str, quotes: Mapping[str, Quote], legs: Sequence[OrderLeg]) -> float | None:
    """What `legs` are worth at their mids, USD a share.

    None if a leg is not quoted, or if no market makes them worth that: a quote is wrong then.
    """
    if not {leg.symbol(ticker) for leg in legs} <= set(quotes):
        return None
    asked = [(leg.ratio, quotes[leg.symbol(ticker)]) for leg in legs]
    doubt = sum(ratio * (quote.ask - quote.bid) / 2.0 for ratio, quote in asked)
    return possible_value(net_mid(ticker, quotes, legs), legs, doubt)


def net_mid(ticker: str, quotes: Mapping[str, Quote], legs: Sequence[OrderLeg]) -> float:
    """The legs' net mid, USD a share, whether they can be worth it or not."""
    asked = [(leg.signed_ratio, quotes[leg.symbol(ticker)]) for leg in legs]
    return sum(ratio * (quote.bid + quote.ask) / 2.0 for ratio, quote in asked)


def far_side(ticker: str, quotes: Mapping[str, Quote], legs: Sequence[OrderLeg]) -> float:
    """What trading `legs` costs at once, USD a share: buys pay the ask, sales get the bid.

    Never more than they can be worth.
    """
    asked = [(leg.signed_ratio, quotes[leg.symbol(ticker)]) for leg in legs]
    cost = sum(ratio * (quote.ask if ratio > 0 else quote.bid) for ratio, quote in asked)
    return bounds_of(legs).kept(cost)


def last_price(broker: Broker, ticker: str, max_age_seconds: float) -> float | None:
    """The last trade of a ticker while the broker's market trades, USD a share; None if older."""
    if not isinstance(broker, QuotesContracts):
        return None
    try:
        clock = broker.clock()
        if clock is None or not clock.is_open:
            return None
        last = broker.last_prices([ticker]).get(ticker)
    except BrokerDoubtError:
        return None
    fresh = last is not None and last.at >= clock.now - timedelta(seconds=max_age_seconds)
    return last.price if last is not None and fresh else None
