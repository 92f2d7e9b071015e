"""The broker's market now: the quotes and spots that are sound and fresh enough to decide by.

With them come the newest closes, from which the model values what the quotes leave open. The
valuation itself is the subject of :mod:`options_platform.domain.valuation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from options_platform.adapters.ports.broker import (
    Broker,
    BrokerDoubtError,
    Quote,
    QuotesContracts,
    quotes_contracts,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fills import AT_MID, MarketClose, net_price, shares_price
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.renames import is_adjusted
from options_platform.domain.valuation import (
    Band,
    Offers,
    Quoted,
    is_contradicted,
    is_far,
    modelled,
    offers,
    quoted,
)
from options_platform.services.trading.prices.repeated_prints import SAME, is_confirmed
from options_platform.settings import Settings

Pricing = Callable[[tuple[OrderLeg, ...]], float | None]
Closes = Mapping[str, DatedClose] | Mapping[str, MarketClose]
OLD_QUOTE = timedelta(seconds=30)
LOOKS, LOOK_AGAIN_SECONDS = 3, 1.0
OLDEST_CLOSE_SESSIONS = 5
"""Older closes say nothing about the present volatility."""


@dataclass(frozen=True)
class PresentMarket:
    """The market at one moment of `day`.

    `quotes` by symbol and `spots` by ticker hold only sound and fresh ones. `closes` are the newest
    closes before `day`, by ticker. `old` are symbols whose quotes are sound, but older than spots
    may be; `unconfirmed` are last prices by ticker, far from the last close, that no second look
    has confirmed yet.
    """

    settings: Settings
    day: date
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    spots: Mapping[str, float] = field(default_factory=dict)
    closes: Mapping[str, MarketClose] = field(default_factory=dict)
    old: frozenset[str] = frozenset()
    unconfirmed: Mapping[str, float] = field(default_factory=dict)

    def are_old(self, ticker: str, legs: Sequence[OrderLeg]) -> bool:
        """Whether the quotes of `legs` may be older than the last move of the underlying."""
        return any(leg.symbol(ticker) in self.old for leg in legs)

    def quoted(self, ticker: str, legs: Sequence[OrderLeg]) -> Quoted | None:
        """The value of `legs` by their quotes; None without sound ones of each."""
        quotes = [self.quotes.get(leg.symbol(ticker)) for leg in legs]
        sides = [(one.bid, one.ask) for one in quotes if one is not None]
        return quoted(legs, sides, self.settings.intraday) if len(sides) == len(legs) else None

    def modelled(self, ticker: str, legs: Sequence[OrderLeg]) -> Band | None:
        """The value of `legs` by the model at the present spot; None without a spot or a close."""
        spot, close = self.spots.get(ticker), self.closes.get(ticker)
        if spot is None or close is None or any(is_adjusted(leg) for leg in legs):
            # What a contract of an adjusted root delivers is not known: its quotes price it alone.
            return None
        settings = self.settings
        return modelled(legs, self.day, close, spot, settings.plan.chain, settings.intraday)

    def offers(self, ticker: str, legs: Sequence[OrderLeg]) -> Offers | None:
        """The prices that an order for `legs` may be offered at; None where none is sure."""
        by_quotes, by_model = self.quoted(ticker, legs), self.modelled(ticker, legs)
        return offers(legs, by_quotes, by_model, self.settings.intraday)

    def fair(self, ticker: str, legs: tuple[OrderLeg, ...]) -> float | None:
        """The price that the market would meet an order for `legs` at now; shares at the spot."""
        if all(leg.is_shares for leg in legs):
            return self.from_first(ticker, None)(legs)
        offers = self.offers(ticker, legs)
        return None if offers is None else offers.first

    def from_first(self, ticker: str, otherwise: Pricing | None) -> Pricing:
        """The price that an exit of just those legs begins at; else `otherwise`."""

        def price(legs: tuple[OrderLeg, ...]) -> float | None:
            offers = self.offers(ticker, legs)
            return self._unsure(ticker, legs, otherwise) if offers is None else offers.first

        return self._with_shares(ticker, price, otherwise)

    def at_once(self, ticker: str, otherwise: Pricing | None) -> Pricing:
        """The price at which an exit of just those legs meets the market; else `otherwise`."""

        def price(legs: tuple[OrderLeg, ...]) -> float | None:
            offers = self.offers(ticker, legs)
            return self._unsure(ticker, legs, otherwise) if offers is None else offers.at_once

        return self._with_shares(ticker, price, otherwise)

    def _with_shares(self, ticker: str, of_options: Pricing, otherwise: Pricing | None) -> Pricing:
        """A price of legs that may hold shares: those at the present spot, else `otherwise`."""

        def price(legs: tuple[OrderLeg, ...]) -> float | None:
            options = tuple(leg for leg in legs if not leg.is_shares)
            if len(options) == len(legs):
                return of_options(legs)
            spot = self.spots.get(ticker)
            if spot is None:
                return None if otherwise is None else otherwise(legs)
            rest = of_options(options) if options else 0.0
            return None if rest is None else shares_price(legs, spot) + rest

        return price

    def sure_quotes(self, ticker: str, legs: Sequence[OrderLeg]) -> dict[str, Quote]:
        """The quotes at which, confirmed by the model, a position's legs trade at once.

        All of them where the whole is sure, else those of the legs that are sure on their own.
        """
        whole = {leg.symbol(ticker): self.quotes.get(leg.symbol(ticker)) for leg in legs}
        if not self._is_sure(ticker, legs):
            alone = [leg.symbol(ticker) for leg in legs if self._is_sure(ticker, [leg])]
            whole = {symbol: whole[symbol] for symbol in alone} if len(alone) < len(legs) else {}
        return {symbol: quote for symbol, quote in whole.items() if quote is not None}

    def _is_sure(self, ticker: str, legs: Sequence[OrderLeg]) -> bool:
        return self.quoted(ticker, legs) is not None and self.offers(ticker, legs) is not None

    def _unsure(
        self, ticker: str, legs: tuple[OrderLeg, ...], otherwise: Pricing | None
    ) -> float | None:
        """The price where quotes are wide or missing and no spot is known."""
        price = None if otherwise is None else otherwise(legs)
        by_quotes = self.quoted(ticker, legs)
        if price is None and by_quotes is not None and all(leg.side == "buy" for leg in legs):
            # A single sold leg is bought back at any price that is quoted.
            return by_quotes.band.high
        return price


def priced_at_close(chain: ChainRules, session: date, close: MarketClose) -> Pricing:
    """What legs are worth at the mid of a close, USD a share; None of an adjusted root."""

    def price(legs: tuple[OrderLeg, ...]) -> float | None:
        if any(is_adjusted(leg) for leg in legs):
            return None
        return net_price(legs, session=session, market=close, chain=chain, fills=AT_MID)

    return price


def present_market(
    broker: Broker,
    settings: Settings,
    closes: Closes,
    of: Iterable[Position | Order],
    ledger: Ledger | None = None,
    *,
    pause: Callable[[float], None] | None = None,
) -> PresentMarket:
    """The market of what is held or ordered, by a broker that quotes.

    Without quotes and spots while its market is closed, and for a broker that has none. What it
    does not answer is absent: absence decides nothing. Of `closes` those with a date are left out
    where that is too long ago. A last price that may be a stray print is absent until a second look
    shows it too; the `ledger` keeps the first. With `pause`, which waits for some seconds, another
    trade is asked for at once: what a person does has no second look.
    """
    clock = None
    if quotes_contracts(broker):
        with suppress(BrokerDoubtError):
            clock = broker.clock()
    if clock is None or not clock.is_open or not quotes_contracts(broker):
        return PresentMarket(settings, date.min)
    rules, wanted = settings.intraday, list(of)
    day = clock.now.astimezone(NEW_YORK).date()
    symbols = sorted({leg.symbol(one.ticker) for one in wanted for leg in _options_of(one)})
    tickers = sorted({one.ticker for one in wanted})
    quotes = fresh_quotes(broker, symbols, clock.now, rules.max_quote_age_seconds)
    spots = fresh_spots(broker, tickers, clock.now, rules.max_spot_age_seconds)
    old = {s for s, q in quotes.items() if clock.now - q.at > OLD_QUOTE}
    recent, unconfirmed = _recent(closes, day), dict[str, float]()
    for ticker, spot in list(spots.items()):
        by_leg = {
            leg: (quotes[symbol].bid, quotes[symbol].ask)
            for one in wanted
            if one.ticker == ticker
            for leg in _options_of(one)
            if (symbol := leg.symbol(ticker)) in quotes and symbol not in old
        }
        close = recent.get(ticker)
        is_stray = is_contradicted(spot, by_leg)
        if not is_stray and is_far(spot, None if close is None else close.spot, rules):
            wait = rules.confirm_seconds
            is_seen = ledger is not None and is_confirmed(ledger, ticker, spot, clock.now, wait)
            is_stray = not is_seen and not (pause and _trades_again(broker, ticker, pause))
            if is_stray:
                unconfirmed[ticker] = spot
        if is_stray:
            del spots[ticker]
    return PresentMarket(settings, day, quotes, spots, recent, frozenset(old), unconfirmed)


def _trades_again(broker: QuotesContracts, ticker: str, pause: Callable[[float], None]) -> bool:
    """Whether a later trade of a ticker is at about the price of its last one."""
    with suppress(BrokerDoubtError):
        first = broker.last_prices([ticker]).get(ticker)
        for _ in range(LOOKS):
            pause(LOOK_AGAIN_SECONDS)
            again = broker.last_prices([ticker]).get(ticker)
            if first is not None and again is not None and again.at > first.at:
                return abs(again.price / first.price - 1.0) <= SAME
    return False


def _options_of(one: Position | Order) -> tuple[OrderLeg, ...]:
    loose = one.loose if isinstance(one, Position) else ()
    return tuple(leg for leg in (*one.legs, *loose) if not leg.is_shares)


def _recent(closes: Closes, day: date) -> dict[str, MarketClose]:
    oldest = shift(day, -OLDEST_CLOSE_SESSIONS)
    young = {}
    for ticker, each in closes.items():
        if isinstance(each, MarketClose):
            young[ticker] = each
        elif each.session >= oldest:
            young[ticker] = each.close
    return young


def fresh_quotes(
    broker: QuotesContracts, symbols: Sequence[str], now: datetime, max_age_seconds: float
) -> dict[str, Quote]:
    """Quotes by symbol that are sound and not older than that; `now` is the broker's time."""
    oldest = now - timedelta(seconds=max_age_seconds)
    given: dict[str, Quote] = {}
    with suppress(BrokerDoubtError):
        given = broker.quotes(symbols) if symbols else {}
    return {
        symbol: quote
        for symbol, quote in given.items()
        if quote.at >= oldest and 0.0 <= quote.bid <= quote.ask and 0.0 < quote.ask < math.inf
    }


def fresh_spots(
    broker: QuotesContracts, tickers: Sequence[str], now: datetime, max_age_seconds: float
) -> dict[str, float]:
    """Last prices by ticker, USD a share, that are not older than that."""
    oldest = now - timedelta(seconds=max_age_seconds)
    with suppress(BrokerDoubtError):
        given = broker.last_prices(tickers) if tickers else {}
        return {
            ticker: last.price
            for ticker, last in given.items()
            if last.at >= oldest and 0.0 < last.price < math.inf
        }
    return {}
