"""Contracts, quotes and spread prices of the fake server, from the simulated market."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache

import polars as pl

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.domain.calendar.sessions import newest_session
from options_platform.errors import PlatformError
from options_platform.fake_alpaca.answers import Json, Refusal, stamp
from options_platform.fake_alpaca.checks import SIGNS

FARTHEST = "9999-12-31"
QUOTES_A_PAGE, MOST_QUOTES = 100, 1000
MOST_CONTRACTS = 10_000
SHARES = re.compile(r"[A-Z]+(\.[A-Z]+)?")


class FakeChains:
    """The chains of the newest session that is over by the server's clock, and scripted quotes."""

    def __init__(self, now: Callable[[], datetime], seed: int) -> None:
        self._now = now
        self._source = SimulatedSource(seed)
        self._scripted: dict[str, Json] = {}
        self._trades: dict[str, Json] = {}
        self._chain = lru_cache(maxsize=32)(self._read)

    def contracts(self, query: Json) -> Json:
        """The body of GET /v2/options/contracts: by underlyings, expiry, right and strike."""
        underlyings = query["underlying_symbols"].split(",")
        for symbol in underlyings:
            _require_share_symbol(symbol)
        rows = pl.concat(self._of(symbol) for symbol in underlyings)
        rows = rows.filter(
            pl.col("expiry").is_between(
                pl.lit(query.get("expiration_date_gte", "0001-01-01")).str.to_date(),
                pl.lit(query.get("expiration_date_lte", FARTHEST)).str.to_date(),
            )
            & pl.col("strike").is_between(
                float(query.get("strike_price_gte", 0)), float(query.get("strike_price_lte", 1e9))
            )
        )
        if "type" in query:
            rows = rows.filter(pl.col("right") == query["type"])
        contracts = [
            {
                "id": _asset_id(row["contract_symbol"]),
                "symbol": row["contract_symbol"],
                "name": f"{row['ticker']} {row['expiry']} {row['strike']:g} {row['right']}",
                "status": "active",
                "tradable": True,
                "expiration_date": str(row["expiry"]),
                "root_symbol": row["ticker"],
                "underlying_symbol": row["ticker"],
                "underlying_asset_id": _asset_id(row["ticker"]),
                "type": row["right"],
                "style": "american",
                "strike_price": f"{row['strike']:g}",
                "size": "100",
                "open_interest": f"{row['open_interest']:.0f}",
                "close_price": f"{row['last']:.2f}" if row["last"] is not None else None,
            }
            for row in rows.iter_rows(named=True)
        ]
        page, token = _page(contracts, query, 100, MOST_CONTRACTS)
        return {"option_contracts": page, "next_page_token": token}

    def snapshots(self, ticker: str, query: Json) -> Json:
        """The body of GET /v1beta1/options/snapshots/{ticker}: quotes and last trades."""
        rows = [
            {
                "symbol": row["contract_symbol"],
                "latestQuote": quoted(row["bid"], row["ask"], row["quoted_at"]),
            }
            for row in self._of(ticker).iter_rows(named=True)
        ]
        page, token = _page(rows, query, QUOTES_A_PAGE, MOST_QUOTES)
        return {"snapshots": {row.pop("symbol"): row for row in page}, "next_page_token": token}

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Script the quote of a contract, in place of the simulated market's."""
        self._scripted[symbol] = quoted(bid, ask, self._now())

    def unquote(self, symbol: str) -> None:
        """Remove the scripted quote of a contract."""
        self._scripted.pop(symbol, None)

    def trade(self, ticker: str, price: float) -> None:
        """Script the last trade of a stock: at this price, now."""
        self._trades[ticker] = {"t": stamp(self._now()), "p": price, "s": 100, "x": "V"}

    def mark(self, symbol: str) -> float | None:
        """The mid of a contract's scripted quote, or a stock's scripted price; None without."""
        if symbol in self._trades:
            return float(self._trades[symbol]["p"])
        scripted = self._scripted.get(symbol)
        return None if scripted is None else (float(scripted["bp"]) + float(scripted["ap"])) / 2

    def last_trades(self, query: Json) -> Json:
        """The body of GET /v2/stocks/trades/latest; only stocks with scripted trades."""
        symbols = query["symbols"].split(",")
        for symbol in symbols:
            _require_share_symbol(symbol)
        return {"trades": {name: self._trades[name] for name in symbols if name in self._trades}}

    def latest(self, query: Json) -> Json:
        """The body of GET /v1beta1/options/quotes/latest; unlisted symbols are left out."""
        quotes = {}
        for symbol in query["symbols"].split(","):
            quote = self._scripted.get(symbol)
            if quote is None:
                rows = self._of(symbol[:-15]).filter(pl.col("contract_symbol") == symbol)
                if rows.is_empty():
                    continue
                row = rows.row(0, named=True)
                quote = quoted(row["bid"], row["ask"], row["quoted_at"])
            quotes[symbol] = quote
        return {"quotes": quotes}

    def price(self, legs: list[Json]) -> float | None:
        """Cost of one spread at the quotes, USD per share; None if a leg has no quote."""
        total = 0.0
        for leg in legs:
            symbol = str(leg["symbol"])
            rows = self._of(symbol[:-15]).filter(pl.col("contract_symbol") == symbol)
            side = "ask" if leg["side"] == "buy" else "bid"
            if rows.is_empty() or rows[side][0] is None:
                return None
            total += SIGNS[leg["side"]] * int(leg.get("ratio_qty") or 1) * float(rows[side][0])
        return round(total, 4)

    def _of(self, ticker: str) -> pl.DataFrame:
        return self._chain(ticker, newest_session(self._now()))

    def _read(self, ticker: str, session: date) -> pl.DataFrame:
        try:
            return self._source.option_chain(ticker, session, self._now())
        except PlatformError as error:
            raise Refusal(422, 42210000, str(error)) from None


def _require_share_symbol(symbol: str) -> None:
    if SHARES.fullmatch(symbol) is None:
        raise Refusal(400, 40010001, f"invalid symbol: {symbol}")


def quoted(bid: float | None, ask: float | None, at: datetime) -> Json:
    """A quote in Alpaca's format; prices in USD a share."""
    return {"t": stamp(at), "bp": bid, "ap": ask, "bs": 10, "as": 10, "bx": "C", "ax": "C",
            "c": "A"}  # fmt: skip


def _asset_id(symbol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, symbol))


def _page(rows: list[Json], query: Json, default: int, most: int) -> tuple[list[Json], str | None]:
    size = min(int(query.get("limit") or default), most)
    begin = int(query.get("page_token") or 0)
    has_more = begin + size < len(rows)
    return rows[begin : begin + size], str(begin + size) if has_more else None
