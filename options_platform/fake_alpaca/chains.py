"""Contracts, quotes and prices of spreads at the fake server: those of the simulated market."""

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
    """The chains of the newest session that is over by the server's clock."""

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
        found = [
            {
                "id": _number(row["contract_symbol"]),
                "symbol": row["contract_symbol"],
                "name": f"{row['ticker']} {row['expiry']} {row['strike']:g} {row['right']}",
                "status": "active",
                "tradable": True,
                "expiration_date": str(row["expiry"]),
                "root_symbol": row["ticker"],
                "underlying_symbol": row["ticker"],
                "underlying_asset_id": _number(row["ticker"]),
                "type": row["right"],
                "style": "american",
                "strike_price": f"{row['strike']:g}",
                "size": "100",
                "open_interest": f"{row['open_interest']:.0f}",
                "close_price": f"{row['last']:.2f}" if row["last"] is not None else None,
            }
            for row in rows.iter_rows(named=True)
        ]
        page, token = _page(found, query, 100, MOST_CONTRACTS)
        return {"option_contracts": page, "next_page_token": token}

    def snapshots(self, ticker: str, query: Json) -> Json:
        """The body of GET /v1beta1/options/snapshots/{ticker}: quotes and last trades."""
        found = [
            {
                "symbol": row["contract_symbol"],
                "latestQuote": _quoted(row["bid"], row["ask"], row["quoted_at"]),
            }
            for row in self._of(ticker).iter_rows(named=True)
        ]
        page, token = _page(found, query, QUOTES_A_PAGE, MOST_QUOTES)
        return {"snapshots": {one.pop("symbol"): one for one in page}, "next_page_token": token}

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        """Quote a contract so from now on, whatever the simulated market says."""
        self._scripted[symbol] = _quoted(bid, ask, self._now())

    def unquote(self, symbol: str) -> None:
        """Forget a scripted quote."""
        self._scripted.pop(symbol, None)

    def trade(self, ticker: str, price: float) -> None:
        """Let a stock have traded at that price now."""
        self._trades[ticker] = {"t": stamp(self._now()), "p": price, "s": 100, "x": "V"}

    def mark(self, symbol: str) -> float | None:
        """The mid of a contract's scripted quote, or a stock's scripted trade; None without."""
        if symbol in self._trades:
            return float(self._trades[symbol]["p"])
        quoted = self._scripted.get(symbol)
        return None if quoted is None else (float(quoted["bp"]) + float(quoted["ap"])) / 2

    def last_trades(self, query: Json) -> Json:
        """The body of GET /v2/stocks/trades/latest; only of stocks whose trades were scripted."""
        wanted = query["symbols"].split(",")
        for symbol in wanted:
            _require_share_symbol(symbol)
        return {"trades": {name: self._trades[name] for name in wanted if name in self._trades}}

    def latest(self, query: Json) -> Json:
        """The body of GET /v1beta1/options/quotes/latest."""
        found = {}
        for symbol in query["symbols"].split(","):
            given = self._scripted.get(symbol)
            if given is None:
                rows = self._of(symbol[:-15]).filter(pl.col("contract_symbol") == symbol)
                if rows.is_empty():
                    continue
                row = rows.row(0, named=True)
                given = _quoted(row["bid"], row["ask"], row["quoted_at"])
            found[symbol] = given
        return {"quotes": found}

    def price(self, legs: list[Json]) -> float | None:
        """What one spread costs at the quotes, USD a share; None if a leg is not listed."""
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


def _quoted(bid: float | None, ask: float | None, at: datetime) -> Json:
    return {"t": stamp(at), "bp": bid, "ap": ask, "bs": 10, "as": 10, "bx": "C", "ax": "C",
            "c": "A"}  # fmt: skip


def _number(symbol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, symbol))


def _page(found: list[Json], query: Json, usual: int, most: int) -> tuple[list[Json], str | None]:
    size = min(int(query.get("limit") or usual), most)
    begin = int(query.get("page_token") or 0)
    more = begin + size < len(found)
    return found[begin : begin + size], str(begin + size) if more else None
