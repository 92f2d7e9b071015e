"""The HTTP session that yfinance and alpaca-py use: rate limited, with time-outs, and strict.

Both libraries check answers late or not at all: one takes an error page for a chart, the other
repeats requests by itself and shows its secret in errors. This session checks every answer first.
An error status, an HTML page, truncated JSON, a lost connection, a time-out and an answer of
another time than this machine's become a :class:`FetchError`, which carries neither request nor
headers. Import it late: curl_cffi is heavy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests

from options_platform.adapters.sources.http.machine_clock import require_right_clock
from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import LATER, FetchError, status_fault

CURL_ADVICE = ". See https://curl.se"
TIMEOUT_SECONDS = 20.0
REFUSED = 400


class SourceSession(requests.Session):  # type: ignore[type-arg]
    """A session that returns a valid answer or raises FetchError.

    Args:
        pace: rate limit of the source; None for no limit.
        timeout_seconds: limit for a whole request.
        address: server to send all requests to, e.g. a proxy; None for the source itself.
        secrets: values to remove from error messages.
        options: options of curl_cffi's session.
    """

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        address: str | None = None,
        secrets: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._pace = pace
        self._timeout_seconds = timeout_seconds
        self._address = address
        self._secrets = tuple(secret for secret in secrets if secret)

    def is_data(self, path: str) -> bool:  # noqa: ARG002
        """Whether answers of `path` are data, which are checked, or pages, which are not."""
        return True

    def advice(self, status: int) -> str:  # noqa: ARG002
        """Advice for the user about an error status."""
        return LATER

    def is_for_library(self, status: int) -> bool:  # noqa: ARG002
        """Whether the library handles an error status itself."""
        return False

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send a request and return the checked answer.

        Raises :class:`FetchError` without an answer or for a bad one.
        """
        parts = urlsplit(url)
        if self._address is not None:
            url = f"{self._address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        if isinstance(kwargs.get("params"), dict):
            # As the library requests does: leave out None, send the value of an enumeration.
            kwargs["params"] = {
                name: getattr(value, "value", value)
                for name, value in kwargs["params"].items()
                if value is not None
            }
        kwargs["timeout"] = self._timeout_seconds
        if self._pace is not None:
            self._pace.wait()
        if not self.is_data(parts.path):
            return super().request(method, url, *args, **kwargs)
        failure = None
        try:
            response = super().request(method, url, *args, **kwargs)
        except requests.exceptions.RequestException as error:
            failure = FetchError(self._redacted(_cause(error)))
        # Raised outside of the handler, so that the library's error, which has the request with
        # its secrets, is not kept as context.
        if failure is not None:
            raise failure
        self._check(response, parts.path)
        return response

    def _check(self, response: Any, path: str) -> None:
        status = int(response.status_code)
        if status >= REFUSED:
            if self.is_for_library(status):
                return
            raise status_fault(
                status,
                self._redacted(reason_of(response.text)),
                retry_after=response.headers.get("Retry-After"),
                advice=self.advice(status),
                body=self._redacted(response.text),
            )
        self.check_body(path, response)
        host = urlsplit(response.url).hostname or "the source"
        require_right_clock(response.headers, host, datetime.now(UTC))

    def check_body(self, path: str, response: Any) -> None:  # noqa: ARG002
        """Raise :class:`FetchError` if the body of a successful answer is not valid data."""
        json_of(response.text)

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def json_of(text: str) -> Any:
    """The parsed JSON of an answer; FetchError that describes a body that is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    if text.lstrip().startswith("<"):
        raise FetchError("the answer is an HTML page")
    raise FetchError("the answer is no JSON, or cut short" if text.strip() else "an empty answer")


def reason_of(text: str) -> str:
    """The server's message from the body of an error answer; empty if it has none."""
    if text.lstrip().startswith("<"):
        return "an HTML page"
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return _described(document) or ""


def _described(document: Any) -> str | None:
    if not isinstance(document, dict):
        return None
    for key in ("description", "message"):
        if isinstance(document.get(key), str):
            return str(document[key])
    return next((text for part in document.values() if (text := _described(part))), None)


def _cause(error: Exception) -> str:
    kinds = {
        "Timeout": "no answer in time",
        "ConnectionError": "no connection",
        "IncompleteRead": "the connection broke",
    }
    names = [kind.__name__ for kind in type(error).__mro__]
    kind = next((kinds[name] for name in names if name in kinds), "the request failed")
    message = str(error).splitlines()[0].partition(CURL_ADVICE)[0] if str(error) else names[0]
    return f"{kind}: {message[:160]}"
