"""The HTTP session of yfinance; import it late."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from options_platform.adapters.sources.http.retry import LATER, FetchError, NoPricesError
from options_platform.adapters.sources.http.session import SourceSession

DATA_PATHS = ("/v7/", "/v8/", "/v10/", "/calendar/")
CHART, CALENDAR = "/v8/finance/chart/", "/calendar/"
COOKIE_HOST, CONSENT_HOST = "fc.yahoo.com", "consent.yahoo.com"
# Yahoo's answers to an expired cookie or crumb; yfinance then fetches new ones, once.
EXPIRED_COOKIE = (401, 403)
UNKNOWN = 404


class YahooSession(SourceSession):
    """Checks charts, chains and the earnings calendar; `chart` is the newest chart received."""

    def __init__(self, **options: Any) -> None:
        super().__init__(impersonate="chrome", **options)
        self.chart: Any = None
        self._cookie_page: Any = None
        self._renewing = False

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """As the base class, but the page that sets the cookie is fetched once and reused.

        Without a cookie file yfinance requests this page before every request.
        """
        if urlsplit(url).hostname != COOKIE_HOST:
            return super().request(method, url, *args, **kwargs)
        if self._cookie_page is None:
            self._cookie_page = super().request(method, url, *args, **kwargs)
        return self._cookie_page

    def is_data(self, path: str) -> bool:
        """Whether `path` is data and not a page that sets yfinance's cookie or crumb."""
        return path.startswith(DATA_PATHS)

    def is_for_library(self, status: int) -> bool:
        """True for the first error about an expired cookie, False for a second in a row."""
        self._renewing = status in EXPIRED_COOKIE and not self._renewing
        if self._renewing:
            self._cookie_page = None
        return self._renewing

    def advice(self, status: int) -> str:
        """Advice for the user about an error status."""
        if status == UNKNOWN:
            return "check the symbol"
        if status in EXPIRED_COOKIE:
            return "Yahoo refuses this machine; try again later, or set another OPTIONS_SOURCE"
        return LATER

    def check_body(self, path: str, response: Any) -> None:
        """Raise :class:`FetchError` unless the calendar is a page and everything else JSON."""
        self._renewing = False
        if (urlsplit(response.url).hostname or "").endswith(CONSENT_HOST):
            # Shown first in some countries; yfinance gives consent and repeats the request.
            return
        text = response.text
        if "Will be right back" in text:
            raise FetchError("Yahoo is down for maintenance")
        if path.startswith(CALENDAR):
            if "</html>" not in text.lower():
                raise FetchError("the answer is no page, or cut short")
            return
        super().check_body(path, response)
        if path.startswith(CHART):
            self.chart = _first_chart(json.loads(text))


def _first_chart(document: Any) -> Any:
    try:
        result = document["chart"]["result"][0]
        if result["meta"]["symbol"] and "timestamp" not in result:
            raise NoPricesError("the answer holds no prices")
        result["indicators"]["quote"][0]["close"]
        result["timestamp"][0]
    except (LookupError, TypeError):
        chart = None
    else:
        chart = result
    if chart is None:
        raise FetchError("the answer holds no prices")
    return chart
