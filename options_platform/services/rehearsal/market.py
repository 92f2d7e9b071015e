"""The market of a rehearsal: where each ticker is within a session, and what options quote then.

The path of a session goes from its open over both extremes of its bar to its close. Which extreme
comes first is the driver's choice. Options are priced by the model of synthetic chains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from options_platform.domain.calendar.sessions import NEW_YORK, close_time, open_time
from options_platform.domain.chain import ChainRules, option_sign, quote
from options_platform.domain.chain.occ_symbols import share_symbol, symbol_of
from options_platform.domain.pricing import DAYS_A_YEAR, intrinsic_value
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.fake_alpaca.answers import Json
from options_platform.fake_alpaca.chains import FakeChains, quoted
from options_platform.fake_alpaca.checks import SIGNS
from options_platform.fake_alpaca.symbols import Contract, contract_of
from options_platform.services.rehearsal.data import RehearsalData, previous
from options_platform.services.rehearsal.stress import MOMENTS, Intensity

OLD = timedelta(hours=1)
SHARE_WIDTH = 0.0005
"""Half the width of a share's quote, relative to its price."""

TICK_USD = 0.01
LAST_DAY = 0.25
"""Days that a contract has left within the session it expires on."""


@dataclass(frozen=True)
class TickerPath:
    """A ticker within a session: its spot (USD a share) and its close's data at each moment."""

    points: tuple[MarketClose, ...]
    gap: float


@dataclass(frozen=True)
class Sides:
    """A quote, USD a share; `fair` is the mid before the quote was widened."""

    bid: float
    fair: float
    ask: float


def moments_of(session: date) -> list[datetime]:
    """When the account is looked at: after the open, twice within the session, before the close."""
    opened, closed = open_time(session), close_time(session)
    return [
        opened + timedelta(minutes=5),
        opened + timedelta(minutes=60),
        opened + (closed - opened) / 2 + timedelta(minutes=15),
        closed - timedelta(minutes=40),
    ]


class MonthMarket:
    """The market at one moment; :meth:`begin` starts a session, :meth:`at` moves within it."""

    def __init__(self, data: RehearsalData, chain: ChainRules) -> None:
        self._closes, self._chain = data.closes, chain
        self._bars = {(row["date"], row["ticker"]): row for row in data.bars.iter_rows(named=True)}
        self._tickers = data.tickers
        self._ticker_of = {name: ticker for ticker in data.tickers for name in _names_of(ticker)}
        self._paths: dict[str, TickerPath] = {}
        self._moment = 0
        self._cache: dict[str, Sides] = {}
        self.session = data.warm_up[0]
        self.width = 1.0
        self.fill_share = 0.5

    def begin(self, session: date, intensity: Intensity, *, falls_first: bool = True) -> None:
        """Begin a session at its open, under that intensity."""
        self.session, self.width = session, intensity.width
        self.fill_share = intensity.fill_share
        self._paths = {
            ticker: self._path(session, ticker, intensity, falls_first=falls_first)
            for ticker in self._tickers
        }
        self.at(0)

    def at(self, moment: int) -> None:
        """Move to a moment of the session, 0 to 3."""
        self._moment = moment
        self._cache.clear()

    def gaps(self) -> dict[str, float]:
        """The overnight move of each ticker into this session, as a fraction."""
        return {ticker: path.gap for ticker, path in self._paths.items()}

    def spot(self, ticker: str) -> float:
        """The price of a share now, USD."""
        return self._paths[ticker].points[self._moment].spot

    def spots(self) -> dict[str, float]:
        """The price of a share now, USD, by what brokers call each ticker and its contracts."""
        return {name: self.spot(ticker) for name, ticker in self._ticker_of.items()}

    def ticker_of(self, name: str) -> str:
        """The ticker that brokers call by this name."""
        return self._ticker_of[name]

    def point(self, ticker: str) -> MarketClose:
        """Spot and volatilities now."""
        return self._paths[ticker].points[self._moment]

    def dividend(self, session: date, ticker: str) -> float:
        """What a share pays whose ex-date is that session, USD; 0 if it is none."""
        row = self._bars.get((session, ticker))
        return 0.0 if row is None else float(row["dividend"])

    def sides(self, symbols: Iterable[str]) -> dict[str, Sides]:
        """The quotes of contracts now; symbols of other tickers are left out."""
        wanted = list(symbols)
        by_ticker: dict[str, list[tuple[str, Contract]]] = {}
        for symbol in wanted:
            contract = contract_of(symbol)
            ticker = None if contract is None else self._ticker_of.get(contract.ticker)
            if contract is not None and ticker is not None and symbol not in self._cache:
                by_ticker.setdefault(ticker, []).append((symbol, contract))
        for ticker, missing in by_ticker.items():
            self._cache |= self._priced(ticker, missing)
        return {symbol: self._cache[symbol] for symbol in wanted if symbol in self._cache}

    def mark(self, symbol: str) -> float | None:
        """What a contract or share is worth now, USD a share; None for an unknown symbol."""
        if symbol in self._ticker_of:
            return self.spot(self._ticker_of[symbol])
        sides = self.sides([symbol]).get(symbol)
        return None if sides is None else sides.fair

    def trade_price(self, legs: Sequence[Json]) -> float | None:
        """What trading one spread costs now, USD a share, in whole cents; None without quotes.

        Each leg costs `fill_share` of half its quoted width beyond the mid.
        """
        total = 0.0
        for leg in legs:
            sign = SIGNS[leg["side"]]
            symbol, ratio = str(leg["symbol"]), int(leg.get("ratio_qty") or 1)
            if symbol in self._ticker_of:
                price = self.spot(self._ticker_of[symbol]) * (1.0 + sign * SHARE_WIDTH)
            elif (sides := self.sides([symbol]).get(symbol)) is not None:
                far = sides.ask if sign > 0 else sides.bid
                price = max(sides.fair + self.fill_share * (far - sides.fair), 0.0)
            else:
                return None
            total += sign * ratio * price
        # A cent against the account, never for it.
        return math.ceil(round(total * 100, 6)) / 100

    def _path(
        self, session: date, ticker: str, intensity: Intensity, *, falls_first: bool
    ) -> TickerPath:
        before, after = self._closes[previous(session)][ticker], self._closes[session][ticker]
        row = self._bars[session, ticker]
        move = row["open"] / before.spot - 1.0
        opened = before.spot * max(1.0 + move * (1.0 + intensity.extra_gap), 0.05)
        low, high = min(row["low"], opened), max(row["high"], opened)
        extremes = (low, high) if falls_first else (high, low)
        spots = (opened, *extremes, after.spot)
        points = []
        for number, spot in enumerate(spots, start=1):
            share = number / MOMENTS
            line = before.spot + (after.spot - before.spot) * share
            vol = before.implied_vol + (after.implied_vol - before.implied_vol) * share
            fall = max(0.0, 1.0 - spot / line)
            base = after if number == MOMENTS else before
            rise = 1.0 if number == MOMENTS else 1.0 + intensity.vol_rise * fall
            points.append(replace(base, spot=spot, implied_vol=vol * rise))
        return TickerPath(tuple(points), opened / before.spot - 1.0)

    def _priced(self, ticker: str, contracts: Sequence[tuple[str, Contract]]) -> dict[str, Sides]:
        point = self.point(ticker)
        strikes = np.array([contract.strike for _, contract in contracts])
        signs = option_sign(np.array([contract.right for _, contract in contracts]))
        days = np.array([(contract.expiry - self.session).days for _, contract in contracts])
        years = np.maximum(days, LAST_DAY) / DAYS_A_YEAR
        underlying = point.underlying(self.session, len(contracts))
        quotes = quote(underlying, strikes, years, signs, self._chain)
        # After its last day a contract is worth what exercising it pays.
        paid = intrinsic_value(np.array(point.spot), strikes, signs)
        mid = np.where(days < 0, paid, quotes.mid)
        half = np.maximum(quotes.ask - quotes.mid, TICK_USD / 2)
        bid = np.round(np.maximum(mid - self.width * half, 0.0), 2)
        ask = np.round(mid + self.width * half + 1e-9, 2)
        return {
            symbol: Sides(*values)
            for (symbol, _), *values in zip(
                contracts, bid.tolist(), mid.tolist(), ask.tolist(), strict=True
            )
        }


def _names_of(ticker: str) -> set[str]:
    """What brokers call a ticker: its share, and the root of its contracts."""
    return {share_symbol(ticker), symbol_of(ticker, date.max, "call", 1.0)[:-15]}


class MonthChains(FakeChains):
    """The fake server's quotes and last prices, from the rehearsal's market.

    With `are_stale` they carry the time of an hour ago.
    """

    def __init__(self, market: MonthMarket, now: Callable[[], datetime]) -> None:
        super().__init__(now, seed=0)
        self._market, self._clock = market, now
        self.are_stale = False

    def latest(self, query: Json) -> Json:
        """The body of GET /v1beta1/options/quotes/latest."""
        sides = self._market.sides(query["symbols"].split(","))
        at = self._quoted_at()
        return {"quotes": {name: quoted(each.bid, each.ask, at) for name, each in sides.items()}}

    def last_trades(self, query: Json) -> Json:
        """The body of GET /v2/stocks/trades/latest."""
        at = self._quoted_at().astimezone(NEW_YORK).isoformat()
        marks: Mapping[str, float | None] = {
            name: self._market.mark(name) for name in query["symbols"].split(",")
        }
        return {
            "trades": {
                name: {"t": at, "p": price, "s": 100, "x": "V"}
                for name, price in marks.items()
                if price is not None
            }
        }

    def mark(self, symbol: str) -> float | None:
        """What a contract or share is worth now, USD a share."""
        return self._market.mark(symbol)

    def _quoted_at(self) -> datetime:
        return self._clock() - (OLD if self.are_stale else timedelta(0))
