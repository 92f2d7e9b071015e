"""A real HTTP server that answers as Yahoo's chart API does, with faults on demand."""

import json
from collections import deque
from datetime import date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlparse

import requests

from options_platform.domain.calendar import NEW_YORK, sessions

FIRST, LAST = date(2024, 6, 3), date(2024, 7, 12)


def bars_of(last=LAST):
    days = sessions(FIRST, last)
    return [(day, 100.0 + number, 1000 + number) for number, day in enumerate(days)]


def chart(symbol, bars, *, split=None, dividend=None):
    stamps = [int(datetime.combine(d, time(9, 30), NEW_YORK).timestamp()) for d, _, _ in bars]
    closes = [close for _, close, _ in bars]
    events = {}
    if split:
        stamp = stamps[[d for d, _, _ in bars].index(split[0])]
        events["splits"] = {
            str(stamp): {
                "date": stamp,
                "numerator": split[1],
                "denominator": 1,
                "splitRatio": f"{split[1]}:1",
            }
        }
    if dividend:
        stamp = stamps[[d for d, _, _ in bars].index(dividend[0])]
        events["dividends"] = {str(stamp): {"amount": dividend[1], "date": stamp}}
    result = {
        "meta": {
            "currency": "USD",
            "symbol": symbol,
            "exchangeName": "PCX",
            "instrumentType": "ETF",
            "firstTradeDate": stamps[0],
            "regularMarketTime": stamps[-1] + 23400,
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
        "indicators": {
            "quote": [
                {
                    "open": closes,
                    "high": [c + 1 for c in closes],
                    "low": [c - 1 for c in closes],
                    "close": closes,
                    "volume": [volume for _, _, volume in bars],
                }
            ],
            "adjclose": [{"adjclose": closes}],
        },
    }
    return json.dumps({"chart": {"result": [result], "error": None}})


def refusal(reason):
    return json.dumps({"chart": {"result": None, "error": {"code": reason, "description": reason}}})


class Rewritten(requests.Session):
    """Sends what is meant for Yahoo to the fake server."""

    def __init__(self, address):
        super().__init__()
        self.address = address

    def request(self, method, url, **kwargs):
        return super().request(method, self.address + urlparse(url).path, **kwargs)


class YahooServer:
    """Serves on 127.0.0.1; `faults` are given out first, one a chart request."""

    def __init__(self):
        self.faults = deque()
        self.requests = []
        self.charts = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(urlparse(self.path).path)
                status, body = outer.answer(path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def answer(self, path):
        self.requests.append(path)
        if "/v8/finance/chart/" not in path:
            return 200, "crumb"
        if self.faults:
            return self.faults.popleft()
        symbol = path.rsplit("/", 1)[-1]
        if symbol not in self.charts:
            return 404, refusal("No data found, symbol may be delisted")
        return 200, self.charts[symbol]

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
