"""Answers Prometheus: the figures of a home, for whoever has the home's token of metrics.

The token is in `metrics.secret` of the home, which Prometheus reads as its `credentials_file`. It
opens nothing else.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from options_platform.adapters.storage.page_secret import METRICS, secret_of
from options_platform.reporting.metrics.exposition import CONTENT_TYPE
from options_platform.reporting.metrics.scrape import scrape
from options_platform.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PATH = "/metrics"
KEPT_SECONDS = 10.0
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""Headers of a request that came through a proxy."""
REFUSED = (
    "Send the token of metrics.secret in the home: in Prometheus, authorization with "
    "credentials_file.\n"
)


@dataclass
class Scrapes:
    """The figures of a home, read at most every ten seconds, however many ask.

    `as_stored` gives the settings by which a home is shown.
    """

    settings: Settings
    as_stored: Callable[[Settings], Settings] = lambda settings: settings
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _text: str = ""
    _read_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def text(self) -> str:
        """The figures in Prometheus' text format."""
        with self._lock:
            if time.monotonic() - self._read_at > KEPT_SECONDS:
                self._text = scrape(self.as_stored(self.settings), self.now())
                self._read_at = time.monotonic()
            return self._text

    def may_read(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has the home's token of metrics, and came through no proxy."""
        if any(name in headers for name in FORWARDED):
            return False
        kind, _, token = headers.get("authorization", "").partition(" ")
        expected = secret_of(self.settings.home, METRICS)
        return kind.lower() == "bearer" and hmac.compare_digest(token.encode(), expected.encode())

    def answer(self, request: Request) -> Response:
        """The answer to a scrape."""
        from starlette.responses import PlainTextResponse

        kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if not self.may_read(request.headers):
            asks = {"WWW-Authenticate": 'Bearer realm="options-platform"'}
            return PlainTextResponse(REFUSED, 401, kept | asks)
        return PlainTextResponse(self.text(), headers=kept, media_type=CONTENT_TYPE)


def make_app(scrapes: Scrapes) -> Starlette:
    """Nothing but the figures, for hosts of this machine."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    hosts = ["127.0.0.1", "localhost"]
    return Starlette(
        routes=[Route(PATH, scrapes.answer, methods=["GET"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
    )
