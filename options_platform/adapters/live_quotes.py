"""What contracts are quoted at now, as far as the broker's quotes may decide anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from options_platform.adapters.brokers.port import (
    Broker,
    BrokerDoubtError,
    OrderRefusedError,
    Quote,
    QuotesContracts,
)
from options_platform.domain.orders import OrderLeg


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
    except (BrokerDoubtError, OrderRefusedError):
        return {}


def market_in_session(
    broker: Broker, ticker: str, symbols: Sequence[str], max_age_seconds: float
) -> tuple[dict[str, float | None], list[tuple[float, float]]]:
    """The ticker's last price, and bid and ask of contracts, sound or not, none older than that.

    The price is None where the market trades and it cannot be had or is older. Nothing of a broker
    that is closed, gives no quotes or is away, nor of a ticker that it knows no trade of.
    """
    if not isinstance(broker, QuotesContracts):
        return {}, []
    try:
        clock = broker.clock()
    except (BrokerDoubtError, OrderRefusedError):
        clock = None
    if clock is None or not clock.is_open:
        return {}, []
    oldest = clock.now - timedelta(seconds=max_age_seconds)
    prices: dict[str, float | None] = {}
    try:
        last = broker.last_prices([ticker]).get(ticker)
        if last is not None:
            prices[ticker] = last.price if last.at >= oldest else None
    except (BrokerDoubtError, OrderRefusedError):
        prices[ticker] = None
    try:
        quotes = [quote for quote in broker.quotes(symbols).values() if quote.at >= oldest]
    except (BrokerDoubtError, OrderRefusedError):
        quotes = []
    return prices, [(quote.bid, quote.ask) for quote in quotes if quote.ask > 0.0]


def far_side(ticker: str, quotes: Mapping[str, Quote], legs: Sequence[OrderLeg]) -> float:
    """What trading `legs` costs at once, USD a share: buys pay the ask, sales get the bid."""
    asked = [(leg.signed_ratio, quotes[leg.symbol(ticker)]) for leg in legs]
    return sum(ratio * (quote.ask if ratio > 0 else quote.bid) for ratio, quote in asked)
