"""An account at the fake server, used over HTTP like by any client."""

import json
from datetime import datetime
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from options_platform.domain.calendar.sessions import NEW_YORK

NOON = datetime(2024, 1, 3, 12, tzinfo=NEW_YORK)
LONG, SHORT = "SPY240202C00470000", "SPY240202C00475000"
STRIKE_USD = 47_500.0


class Client:
    """Requests to one server; an answer is its status and body, parsed if it is JSON."""

    def __init__(self, fake):
        self.fake = fake

    def ask(self, method, path, body=None, **query):
        status, _, content = self.raw(method, path, body, **query)
        return status, json.loads(content) if content else None

    def raw(self, method, path, body=None, **query):
        parts = urlsplit(self.fake.address)
        connection = HTTPConnection(parts.hostname, parts.port, timeout=5)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                None if body is None else json.dumps(body),
            )
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read().decode()
        finally:
            connection.close()

    def spread(self, number, contracts=1, limit="1.50", **changes):
        body = {
            "client_order_id": number,
            "order_class": "mleg",
            "type": "limit",
            "limit_price": limit,
            "qty": str(contracts),
            "time_in_force": "day",
            "legs": [
                {"symbol": LONG, "side": "buy", "ratio_qty": "1", "position_intent": "buy_to_open"},
                {
                    "symbol": SHORT,
                    "side": "sell",
                    "ratio_qty": "1",
                    "position_intent": "sell_to_open",
                },
            ],
        }
        return self.ask("POST", "/v2/orders", body | changes)

    def single(self, number, symbol, side, qty, limit="1.00", **changes):
        body = {
            "client_order_id": number,
            "symbol": symbol,
            "side": side,
            "qty": str(qty),
            "type": "limit",
            "limit_price": limit,
            "time_in_force": "day",
        }
        return self.ask("POST", "/v2/orders", body | changes)

    def positions(self):
        return {row["symbol"]: row["qty"] for row in self.ask("GET", "/v2/positions")[1]}

    def by_client_id(self, number):
        return self.ask("GET", "/v2/orders:by_client_order_id", client_order_id=number)

    def listed(self, **query):
        return [o["client_order_id"] for o in self.ask("GET", "/v2/orders", **query)[1]]

    def activities(self, **query):
        return self.ask("GET", "/v2/account/activities", **query)[1]

    def cash(self):
        return float(self.ask("GET", "/v2/account")[1]["cash"])
