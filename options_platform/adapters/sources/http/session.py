"""The HTTP session under yfinance and alpaca-py: paced, bounded in time, and strict.

Both libraries judge answers late or not at all: one takes an error page for a chart, the other
repeats requests by itself and hands its secret on in its errors. So this session judges first. A
refusal, a page in place of JSON, cut JSON, a dropped connection and a slow server leave it as a
:class:`FetchError`, which holds neither request nor headers. Import it late: curl_cffi is heavy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests

from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import LATER, FetchError, status_fault

CURL_ADVICE = ". See https://curl.se"
TIMEOUT_SECONDS = 20.0
REFUSED = 400


class SourceSession(requests.Session):  # type: ignore[type-arg]
    """A session whose answers are sound or a FetchError.

    Args:
        pace: keeps the source's rate limit; None for none.
        timeout_seconds: the longest that a request may take in all.
        address: where to send what is meant for the source, e.g. a proxy; None for the source.
        secrets: values that no error may show.
        options: those of curl_cffi's session.
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

    def judged(self, path: str) -> bool:  # noqa: ARG002
        """Whether answers of `path` are data, and so have to be sound."""
        return True

    def advice(self, status: int) -> str:  # noqa: ARG002
        """What to do about a refusal with that status."""
        return LATER

    def borne(self, status: int) -> bool:  # noqa: ARG002
        """Whether the library is left to deal with a refusal of that status itself."""
        return False

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """The answer; FetchError if it is none or not sound."""
        parts = urlsplit(url)
        if self._address is not None:
            url = f"{self._address}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        if isinstance(kwargs.get("params"), dict):
            # As requests does it: nothing for None, and of an enumeration its value.
            kwargs["params"] = {
                name: getattr(value, "value", value)
                for name, value in kwargs["params"].items()
                if value is not None
            }
        kwargs["timeout"] = self._timeout_seconds
        if self._pace is not None:
            self._pace.wait()
        if not self.judged(parts.path):
            return super().request(method, url, *args, **kwargs)
        found = None
        try:
            response = super().request(method, url, *args, **kwargs)
        except requests.exceptions.RequestException as error:
            found = FetchError(self._redacted(_what(error)))
        # Raised out here, so that the library's error, which knows the request, is let go.
        if found is not None:
            raise found
        self._judge(response, parts.path)
        return response

    def _judge(self, response: Any, path: str) -> None:
        status = int(response.status_code)
        if status >= REFUSED:
            if self.borne(status):
                return
            raise status_fault(
                status,
                self._redacted(reason_of(response.text)),
                retry_after=response.headers.get("Retry-After"),
                advice=self.advice(status),
                body=self._redacted(response.text),
            )
        self.heard(path, response)

    def heard(self, path: str, response: Any) -> None:  # noqa: ARG002
        """Look at a good answer of `path`; FetchError if its body is not what was asked for."""
        json_of(response.text)

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def json_of(text: str) -> Any:
    """The JSON of an answer; FetchError that says what came in its place."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    if text.lstrip().startswith("<"):
        raise FetchError("the answer is an HTML page")
    raise FetchError("the answer is no JSON, or cut short" if text.strip() else "an empty answer")


def reason_of(text: str) -> str:
    """The server's own words out of the body of a refusal, one line."""
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
    return next((found for part in document.values() if (found := _described(part))), None)


def _what(error: Exception) -> str:
    kinds = {
        "Timeout": "no answer in time",
        "ConnectionError": "no connection",
        "IncompleteRead": "the connection broke",
    }
    names = [kind.__name__ for kind in type(error).__mro__]
    kind = next((kinds[name] for name in names if name in kinds), "the request failed")
    said = str(error).splitlines()[0].partition(CURL_ADVICE)[0] if str(error) else names[0]
    return f"{kind}: {said[:160]}"
