"""A fake Yahoo: charts, option chains and the earnings calendar, in Yahoo's format."""

import json
from datetime import UTC, date, datetime, time

from options_platform.adapters.sources.yahoo.session import YahooSession
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, sessions
from options_platform_tests.fakes.http_server import FakeServer

FIRST, LAST = date(2024, 6, 3), date(2024, 7, 12)


def bars_of(last=LAST):
    days = sessions(FIRST, last)
    return [(day, 100.0 + number, 1000 + number) for number, day in enumerate(days)]


def stamp_of(day):
    return int(datetime.combine(day, time(9, 30), NEW_YORK).timestamp())


def chart(symbol, bars, *, split=None, dividend=None, kind="ETF", changed=None, live=None):
    """A chart; `changed` gives (row, column) -> value, `live` appends a running price."""
    stamps = [stamp_of(day) for day, *_ in bars]
    closes = [close for _, close, _ in bars]
    events = {}
    if split:
        stamp = stamp_of(split[0])
        events["splits"] = {
            str(stamp): {
                "date": stamp,
                "numerator": split[1],
                "denominator": 1,
                "splitRatio": f"{split[1]}:1",
            }
        }
    if dividend:
        stamp = stamp_of(dividend[0])
        events["dividends"] = {str(stamp): {"amount": dividend[1], "date": stamp}}
    quote = {
        "open": list(closes),
        "high": [c + 1 for c in closes],
        "low": [c - 1 for c in closes],
        "close": list(closes),
        "volume": [volume for *_, volume in bars],
    }
    for (row, column), value in (changed or {}).items():
        quote[column][row] = value
    market_time = stamps[-1] + 23400
    if live is not None:
        stamps.append(market_time)
        for values in quote.values():
            values.append(values[-1])
        quote["close"][-1] = live
    result = {
        "meta": {
            "currency": "USD",
            "symbol": symbol,
            "exchangeName": "PCX",
            "instrumentType": kind,
            "firstTradeDate": stamps[0],
            "regularMarketTime": market_time,
            "gmtoffset": -14400,
            "timezone": "EDT",
            "exchangeTimezoneName": "America/New_York",
            "regularMarketPrice": closes[-1],
            "chartPreviousClose": closes[0],
            "priceHint": 2,
            "dataGranularity": "1d",
            "range": "",
            "validRanges": ["1d", "max"],
            "currentTradingPeriod": {
                name: {"timezone": "EDT", "start": stamps[-1], "end": stamps[-1], "gmtoffset": 0}
                for name in ("pre", "regular", "post")
            },
        },
        "timestamp": stamps,
        "events": events,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": list(quote["close"])}]},
    }
    return json.dumps({"chart": {"result": [result], "error": None}})


def refusal(reason):
    return json.dumps({"chart": {"result": None, "error": {"code": reason, "description": reason}}})


def midnight(day):
    return int(datetime.combine(day, time(0), UTC).timestamp())


def contract(ticker, expiry, right, strike, **quote):
    symbol = f"{ticker.replace('-', '')}{expiry:%y%m%d}{right}{round(strike * 1000):08d}"
    return {
        "contractSymbol": symbol,
        "strike": strike,
        "currency": "USD",
        "lastPrice": 2.05,
        "change": 0,
        "percentChange": 0,
        "volume": 12,
        "openInterest": 340,
        "bid": 2.0,
        "ask": 2.1,
        "contractSize": "REGULAR",
        "expiration": midnight(expiry),
        "lastTradeDate": stamp_of(LAST) + 20000,
        "impliedVolatility": 0.21,
        "inTheMoney": False,
    } | quote


def chain(ticker, expiries, shown, *, session=LAST, spot=128.0, contracts=None):
    """The answer for the expiry `shown`: two strikes, calls and puts, quotes of the close."""
    both = contracts or {
        right: [contract(ticker, shown, right, strike) for strike in (125.0, 130.0)]
        for right in "CP"
    }
    result = {
        "underlyingSymbol": ticker,
        "expirationDates": [midnight(day) for day in expiries],
        "strikes": [125.0, 130.0],
        "hasMiniOptions": False,
        "quote": {
            "quoteType": "ETF",
            "regularMarketPrice": spot,
            "regularMarketTime": int(close_time(session).timestamp()),
            "marketState": "POST",
            "symbol": ticker,
        },
        "options": [
            {
                "expirationDate": midnight(shown),
                "hasMiniOptions": False,
                "calls": both["C"],
                "puts": both["P"],
            }
        ],
    }
    return json.dumps({"optionChain": {"result": [result], "error": None}})


def calendar(ticker, rows):
    """The page of the earnings calendar; rows are (date as Yahoo writes it, estimate, reported)."""
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "Symbol",
            "Company",
            "Earnings Date",
            "EPS Estimate",
            "Reported EPS",
            "Surprise (%)",
        )
    )
    body = "".join(
        f"<tr><td>{ticker}</td><td>Inc</td><td>{at}</td><td>{e}</td><td>{r}</td><td>-</td></tr>"
        for at, e, r in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<!DOCTYPE html><html><body>{table}</body></html>"


class Rewritten(YahooSession):
    """The platform's session for Yahoo, speaking to the fake server."""

    def __init__(self, address, *, timeout_seconds=20.0, pace=None):
        super().__init__(address=address, timeout_seconds=timeout_seconds, pace=pace)


class YahooServer(FakeServer):
    """`charts` by symbol, `chains` by (symbol, expiry or None), `calendars` by (symbol, offset)."""

    def __init__(self):
        super().__init__()
        self.charts = {}
        self.chains = {}
        self.calendars = {}

    def is_data(self, path):
        return path.startswith(("/v7/", "/v8/", "/calendar/"))

    def list_chain(self, ticker, expiries, **options):
        """Offer a chain with these expiries, the first of them as the nearest."""
        for day in expiries:
            self.chains[ticker, str(midnight(day))] = chain(ticker, expiries, day, **options)
        self.chains[ticker, None] = self.chains[ticker, str(midnight(expiries[0]))]

    def answer(self, path, query):
        symbol = path.rsplit("/", 1)[-1]
        if "/v8/finance/chart/" in path:
            missing = (404, refusal("No data found, symbol may be delisted"))
            return self.charts.get(symbol, missing)
        if "/v7/finance/options/" in path:
            missing = json.dumps({"optionChain": {"result": [], "error": None}})
            return self.chains.get((symbol, query.get("date", [None])[0]), missing)
        if "/calendar/earnings" in path:
            key = (query["symbol"][0], int(query["offset"][0]))
            return self.calendars.get(key, calendar(key[0], []))
        return "crumb"
