"""The HTTP server: routes of Alpaca's trading API, and `/fake/...` to script it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from options_platform.domain.calendar.sessions import (
    NEW_YORK,
    close_time,
    is_session,
    open_time,
    shift,
)
from options_platform.fake_alpaca.activities import moment, page_of
from options_platform.fake_alpaca.answers import Json, Page, Refusal, stamp
from options_platform.fake_alpaca.book import OPEN, FakeBook, with_client_id, with_id
from options_platform.fake_alpaca.chains import FakeChains
from options_platform.fake_alpaca.clearing import exercise_available
from options_platform.fake_alpaca.faults import Faults, answer_of
from options_platform.fake_alpaca.habits import Habits
from options_platform.fake_alpaca.scripts import SCRIPTS

Answer = tuple[int, Any]
Fills = Literal["limit", "rest", "half", "market"]
LONGEST_HANG_SECONDS = 60.0
MOST_ORDERS = 500
DROPPED: Answer = (0, None)


class FakeAlpaca:
    """A fake account behind HTTP on 127.0.0.1; a context manager that serves while it is open.

    `fills` decides how an order without a fault fills: at its limit ("limit"), not at all, so that
    it rests ("rest"), half of its quantity ("half"), or at the quotes of the simulated market of
    `seed` if its limit allows ("market"). `now` is its clock.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        fills: Fills = "limit",
        now: Callable[[], datetime] | None = None,
        cash_usd: float = 100_000.0,
        seed: int = 7,
    ) -> None:
        self.clock_offset = timedelta(0)
        self._now = now or (lambda: datetime.now(UTC))
        self.book: FakeBook = FakeBook(self.now, cash_usd=cash_usd)
        self.chains: FakeChains = FakeChains(self.now, seed)
        self.habits: Habits = Habits(self.book)
        self.book.mark = self.chains.mark
        self.faults: Faults = Faults()
        self.fills: Fills = fills
        self.requests: list[str] = []
        self.lock = threading.RLock()
        self.released = threading.Event()
        self.underway: list[tuple[Json, Callable[[], None]]] = []
        self.server = _QuietServer(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def now(self) -> datetime:
        """The time of the server's clock, with its scripted offset."""
        return self._now() + self.clock_offset

    @property
    def address(self) -> str:
        """The base address of the server."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def count(self, request: str) -> int:
        """Number of requests so far that begin with this text, e.g. "POST /v2/orders"."""
        return sum(each.startswith(request) for each in self.requests)

    def answer(self, method: str, target: str, content: bytes) -> tuple[int, Page]:
        """Status and body of the answer to a raw request; status 0 drops the connection."""
        parts = urlsplit(target)
        try:
            body = dict(json.loads(content)) if content else {}
        except (TypeError, ValueError):
            invalid = {"code": 40010000, "message": "request body format is invalid"}
            return 400, Page.of_json(invalid)
        try:
            status, answer = self.handle(method, parts.path, dict(parse_qsl(parts.query)), body)
        except (KeyError, ValueError) as error:
            status, answer = 422, {"code": 42210000, "message": f"invalid request: {error}"}
        return status, answer if isinstance(answer, Page) else Page.of_json(answer)

    def handle(self, method: str, path: str, query: Json, body: Json) -> Answer:
        """Status and body of the answer to one request; (0, None) drops the connection."""
        request = f"{method} {path}"
        with self.lock:
            self.requests.append(request)
            if not path.startswith("/fake/"):
                self.habits.begin()
            fault = None if path.startswith("/fake/") else self.faults.next(request)
        kind = fault["do"] if fault else "outcome"
        seconds = min(float((fault or {}).get("seconds", 5.0)), LONGEST_HANG_SECONDS)
        if fault and kind in ("status", "drop", "hang", "late", "underway"):
            return self._not_executed(fault, kind, seconds, request, query, body)
        with self.lock:
            answer = self._executed(request, path, query, body, fault or {})
            if method != "GET":
                self.habits.note()
        if fault and kind == "status_after":
            return answer_of(fault)
        if kind == "drop_after":
            return DROPPED
        if kind == "hang_after":
            self.released.wait(seconds)
            return DROPPED
        return answer

    def _not_executed(
        self, fault: Json, kind: str, seconds: float, request: str, query: Json, body: Json
    ) -> Answer:
        if kind == "status":
            return answer_of(fault)
        if kind == "hang":
            self.released.wait(seconds)
        path = request.partition(" ")[2]

        def later() -> None:
            with self.lock:
                self._executed(request, path, query, body, fault)

        if kind == "underway":
            self.underway.append((body, later))
        if kind == "late":
            timer = threading.Timer(seconds, later)
            timer.daemon = True
            timer.start()
        return DROPPED

    def _executed(self, request: str, path: str, query: Json, body: Json, fault: Json) -> Answer:
        try:
            return self._routed(request, path, query, body, fault)
        except Refusal as refusal:
            return refusal.status, refusal.body

    def _routed(self, request: str, path: str, query: Json, body: Json, fault: Json) -> Answer:
        book, habits, tail = self.book, self.habits, path.rsplit("/", 1)[-1]
        routes: dict[str, Callable[[], Any]] = {
            "GET /v2/account": habits.account,
            "GET /v2/clock": self._clock,
            "GET /v2/positions": habits.positions,
            "GET /v2/account/activities": lambda: page_of(
                habits.activities(), query, habits.page_cap
            ),
            "GET /v2/orders": lambda: self._listed(query),
            "GET /v2/orders:by_client_order_id": lambda: with_client_id(
                habits.orders("lookups"), query["client_order_id"]
            ),
            "GET /v2/options/contracts": lambda: self.chains.contracts(query),
            "GET /v2/stocks/trades/latest": lambda: self.chains.last_trades(query),
            "GET /v1beta1/options/quotes/latest": lambda: self.chains.latest(query),
            f"GET /v1beta1/options/snapshots/{tail}": lambda: self.chains.snapshots(tail, query),
            "POST /v2/orders": lambda: self._submitted(body, fault),
            f"GET /v2/orders/{tail}": lambda: with_id(habits.orders("lookups"), tail),
            f"PATCH /v2/orders/{tail}": lambda: book.replace(book.by_id(tail), body),
            f"POST /fake/{tail}": lambda: self.script(tail, body),
        }
        if request == f"DELETE /v2/orders/{tail}":
            book.cancel(book.by_id(tail), pending=fault.get("do") == "pending_cancel")
            return 204, None
        if request.startswith("POST /v2/positions/") and tail == "exercise":
            exercise_available(book, path.split("/")[3])
            return 200, None
        if request not in routes:
            return 404, {"code": 40410000, "message": "endpoint not found."}
        return 200, routes[request]()

    def _submitted(self, body: Json, fault: Json) -> Json:
        order = self.book.submit(body)
        shown: Json = json.loads(json.dumps(order))
        self._after_submit(order, fault)
        return shown

    def _after_submit(self, order: Json, fault: Json) -> None:
        then = fault.get("then") or {"limit": "fill", "half": "part"}.get(self.fills, "rest")
        if then == "rest" and self.fills == "market" and not fault.get("then"):
            self._fill_at_market(order)
        elif then == "reject":
            self.book.reject(order)
        elif then == "fill":
            self.book.fill(order)
        elif then == "part":
            self.book.fill(order, int(fault.get("spreads", max(int(order["qty"]) // 2, 1))))

    def _fill_at_market(self, order: Json) -> None:
        legs = order["legs"] or [order]
        price = self.chains.price(legs)
        sign = 1 if order["legs"] or order["side"] == "buy" else -1
        if price is not None and price <= sign * float(order["limit_price"]):
            self.book.fill(order, price=price)

    def script(self, name: str, body: Json) -> Json:
        """Run a script of :data:`~.scripts.SCRIPTS`, as POST `/fake/<name>` does.

        Raises :class:`Refusal` for an unknown name.
        """
        with self.lock:
            if name not in SCRIPTS:
                raise Refusal(404, 40410000, f"no script {name!r}; {', '.join(sorted(SCRIPTS))}")
            SCRIPTS[name](self, body)
            return {"done": name}

    def release(self) -> None:
        """End all hanging requests."""
        self.released.set()
        self.released = threading.Event()

    def arrive(self) -> None:
        """Carry out the requests that are underway, in their order."""
        waiting, self.underway = self.underway, []
        for _, later in waiting:
            later()

    def _listed(self, query: Json) -> list[Json]:
        status, after = query.get("status", "open"), query.get("after")
        chosen = [
            order
            for order in self.habits.orders().values()
            if (status == "all" or (order["status"] in OPEN) == (status == "open"))
            and (after is None or moment(order["submitted_at"]) > moment(after))
        ]
        newest_first = query.get("direction") != "asc"
        chosen.sort(key=lambda order: order["submitted_at"], reverse=newest_first)
        most = self.habits.page_cap or MOST_ORDERS
        return chosen[: min(int(query.get("limit", 50)), most)]

    def _clock(self) -> Json:
        now = self.now().astimezone(NEW_YORK)
        today = now.date()
        trades = is_session(today)
        opens = today if trades and now < open_time(today) else shift(today, 1)
        closes = today if trades and now < close_time(today) else shift(today, 1)
        return {
            "timestamp": now.isoformat(),
            "is_open": trades and open_time(today) <= now < close_time(today),
            "next_open": open_time(opens).isoformat(),
            "next_close": close_time(closes).isoformat(),
        }


class _QuietServer(ThreadingHTTPServer):
    """A server that does not report clients that disconnect, since tests do so on purpose."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(fake: FakeAlpaca) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, page = fake.answer(self.command, self.path, self.rfile.read(length))
            if not status:
                self.close_connection = True
                return
            content = page.text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", page.content_type)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Date-Fake", stamp(fake.now()))
                self.end_headers()
                self.wfile.write(content)
            except ConnectionError:
                self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815 (the library's names)

        def log_message(self, *_: Any) -> None:
            """Print nothing for each request."""

    return Handler
