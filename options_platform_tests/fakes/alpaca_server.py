"""A fake Alpaca for market data: bars, corporate actions, snapshots and contracts, page by page."""

import json
from datetime import UTC, date, datetime, time, timedelta

from options_platform.adapters.sources.alpaca.keys import Keys
from options_platform.adapters.sources.alpaca.session import AlpacaSession
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, sessions
from options_platform_tests.fakes.http_server import FakeServer

FIRST, LAST = date(2024, 6, 3), date(2024, 7, 12)
KEYS = Keys("PKCANARYKEY0123456789", "canarysecretcanarysecretcanarysecret1234")


def text_of(at):
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bar(day, close, volume):
    at = text_of(datetime.combine(day, time(0), NEW_YORK))
    return {
        "t": at,
        "o": close,
        "h": close + 1,
        "l": close - 1,
        "c": close,
        "v": volume,
        "n": 10,
        "vw": close,
    }


def bars_of(last=LAST, *, first=FIRST):
    days = sessions(first, last)
    return [bar(day, 100.0 + number, 1000 + number) for number, day in enumerate(days)]


def split(symbol, day, new, old=1):
    kind = "forward_splits" if new > old else "reverse_splits"
    return {kind: [{"symbol": symbol, "ex_date": str(day), "new_rate": new, "old_rate": old}]}


def dividend(symbol, day, rate):
    return {"cash_dividends": [{"symbol": symbol, "ex_date": str(day), "rate": rate}]}


def symbol_of(ticker, expiry, right, strike):
    return f"{ticker}{expiry:%y%m%d}{right}{round(strike * 1000):08d}"


def snapshot(session=LAST, **changed):
    at = close_time(session).astimezone(UTC)
    return {
        "greeks": {"delta": 0.52, "gamma": 0.06, "rho": 0.01, "theta": -0.28, "vega": 0.05},
        "impliedVolatility": 0.21,
        "latestQuote": {
            "ap": 2.1,
            "as": 9,
            "ax": "B",
            "bp": 2.0,
            "bs": 8,
            "bx": "C",
            "c": "A",
            "t": f"{at - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}.992734208Z",
        },
        "latestTrade": {"c": "I", "p": 2.05, "s": 1, "t": text_of(at), "x": "A"},
    } | changed


def contract(ticker, symbol, **changed):
    return {
        "id": symbol,
        "symbol": symbol,
        "status": "active",
        "tradable": True,
        "underlying_symbol": ticker,
        "root_symbol": ticker,
        "style": "american",
        "size": "100",
        "open_interest": "340",
        "close_price": None,
    } | changed


class Rewritten(AlpacaSession):
    """The platform's session for Alpaca, speaking to the fake server."""

    def __init__(self, address, *, timeout_seconds=20.0):
        super().__init__(KEYS, address=address, timeout_seconds=timeout_seconds)


class AlpacaServer(FakeServer):
    """`bars` by symbol (raw and split-adjusted alike), `actions`, `snapshots`, `contracts`."""

    def __init__(self, *, page=1000):
        super().__init__()
        self.page = page
        self.bars = {}
        self.actions = {}
        self.snapshots = {}
        self.contracts = {}

    def list_chain(self, ticker, expiries, strikes, session=LAST):
        names = [
            symbol_of(ticker, day, right, strike)
            for day in expiries
            for strike in strikes
            for right in "CP"
        ]
        self.snapshots[ticker] = {name: snapshot(session) for name in names}
        self.contracts[ticker] = [contract(ticker, name) for name in names]

    def answer(self, path, query):
        first = {name: values[0] for name, values in query.items()}
        at = int(first.get("page_token", 0))
        more = {"next_page_token": None}
        if path == "/v2/stocks/bars":
            symbol = first["symbols"]
            given = [
                one
                for one in self.bars.get(symbol, [])
                if first["start"] <= one["t"] and one["t"] <= first["end"]
            ]
            body = {"bars": {symbol: given} if given else {}}
        elif path == "/v1/corporate-actions":
            body = {"corporate_actions": self.actions.get(first["symbols"], {})}
        elif path.startswith("/v1beta1/options/snapshots/"):
            every = list(self.snapshots.get(path.rsplit("/", 1)[-1], {}).items())
            body = {"snapshots": dict(every[at : at + self.page])}
            more = {"next_page_token": self.next(at, every)}
        elif path == "/v2/options/contracts":
            every = self.contracts.get(first["underlying_symbols"], [])
            body = {"option_contracts": every[at : at + self.page]}
            more = {"next_page_token": self.next(at, every)}
        else:
            return 404, json.dumps({"code": 40410000, "message": "endpoint not found."})
        return 200, json.dumps(body | more)

    def next(self, at, every):
        return str(at + self.page) if at + self.page < len(every) else None
