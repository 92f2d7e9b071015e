"""The session that yfinance speaks to Yahoo with; import it late."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from options_platform.adapters.sources.http.retry import LATER, FetchError, NoPricesError
from options_platform.adapters.sources.http.session import SourceSession

DATA_PATHS = ("/v7/", "/v8/", "/v10/", "/calendar/")
CHART, CALENDAR = "/v8/finance/chart/", "/calendar/"
COOKIE_HOST, CONSENT_HOST = "fc.yahoo.com", "consent.yahoo.com"
# What Yahoo answers to a cookie or a crumb that ran out; yfinance then fetches new ones, once.
RUN_OUT = (401, 403)
UNKNOWN = 404


class YahooSession(SourceSession):
    """Judges charts, chains and the earnings calendar; `chart` is the last chart that came."""

    def __init__(self, **options: Any) -> None:
        super().__init__(impersonate="chrome", **options)
        self.chart: Any = None
        self._cookie_page: Any = None
        self._renewing = False

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """As the base has it; the page that sets the cookie is asked for once.

        yfinance asks for it before every request unless it can keep the cookie in a file.
        """
        if urlsplit(url).hostname != COOKIE_HOST:
            return super().request(method, url, *args, **kwargs)
        if self._cookie_page is None:
            self._cookie_page = super().request(method, url, *args, **kwargs)
        return self._cookie_page

    def judged(self, path: str) -> bool:
        """Data, but not the pages that yfinance gets its cookie and crumb from."""
        return path.startswith(DATA_PATHS)

    def borne(self, status: int) -> bool:
        """The first refusal for a cookie that ran out, not a second one."""
        self._renewing = status in RUN_OUT and not self._renewing
        if self._renewing:
            self._cookie_page = None
        return self._renewing

    def advice(self, status: int) -> str:
        """What to do about a refusal."""
        if status == UNKNOWN:
            return "check the symbol"
        if status in RUN_OUT:
            return "Yahoo refuses this machine; try again later, or set another OPTIONS_SOURCE"
        return LATER

    def heard(self, path: str, response: Any) -> None:
        """A calendar is a page, all else JSON; what Yahoo says of itself is taken at its word."""
        self._renewing = False
        if (urlsplit(response.url).hostname or "").endswith(CONSENT_HOST):
            # Asked in place of an answer in some countries; yfinance agrees and asks again.
            return
        text = response.text
        if "Will be right back" in text:
            raise FetchError("Yahoo is down for maintenance")
        if path.startswith(CALENDAR):
            if "</html>" not in text.lower():
                raise FetchError("the answer is no page, or cut short")
            return
        super().heard(path, response)
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
        found = None
    else:
        found = result
    if found is None:
        raise FetchError("the answer holds no prices")
    return found
