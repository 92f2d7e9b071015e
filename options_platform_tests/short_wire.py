"""A short wire: requests of ours go straight to the fake server's answers, past sockets and curl.

All code of ours is as over HTTP, down to the session that judges answers; what is left out is the
connection. Some sequences run over the real one, so that the two stay alike.
"""

import json
from contextlib import contextmanager
from unittest.mock import patch
from urllib.parse import urlencode, urlsplit

from curl_cffi import requests


class Answer:
    """The parts of a response that alpaca-py and the platform's session read."""

    def __init__(self, url, status, page):
        self.url, self.status_code, self.text = url, status, page.text
        self.headers = {"Content-Type": page.content_type}

    def json(self):
        return json.loads(self.text)

    def raise_for_status(self):
        """The platform's session has checked the status before."""


@contextmanager
def short_wire(fake):
    """Within the block every curl session uses `fake` and no other server."""

    def request(_session, method, url, *, params=None, json=None, **_options):
        parts = urlsplit(url)
        assert url.startswith(fake.address), f"{url} is not the fake server's"
        target = f"{parts.path}?{urlencode(params)}" if params else parts.path
        status, page = fake.answer(method, target, _encoded(json))
        if not status:
            raise requests.exceptions.ConnectionError("Failed to perform: the connection was reset")
        return Answer(url, status, page)

    with patch.object(requests.Session, "request", request):
        yield


def _encoded(body):
    return b"" if body is None else json.dumps(body).encode()
