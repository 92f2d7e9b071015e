"""The wire to Alpaca's trading interface: which hosts, with what time-outs, and no repeats.

A request for an order is sent once. Whatever is not a clear answer leaves as a
:class:`~options_platform.adapters.ports.broker.BrokerDoubtError`. Import it late: curl_cffi and
alpaca-py are heavy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from alpaca.common.rest import RESTClient
from alpaca.trading.client import TradingClient
from curl_cffi import CurlOpt

from options_platform.adapters.brokers.alpaca_shapes import UNREADABLE
from options_platform.adapters.ports.broker import (
    BrokerDoubtError,
    DuplicateOrderError,
    OrderRefusedError,
)
from options_platform.adapters.sources.alpaca.keys import Keys
from options_platform.adapters.sources.alpaca.session import AlpacaSession, put_session
from options_platform.adapters.sources.http.retry import PASSING_STATUS, FetchError
from options_platform.errors import BrokerError, SettingsError

PAPER_HOST = "paper-api.alpaca.markets"
LIVE_HOST = "api.alpaca.markets"
DATA_HOST = "data.alpaca.markets"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_CONTENT = 204
NOT_FOUND = 404
TOO_MANY = 429
SERVER_ERROR = 500
Answer = TypeVar("Answer")
DataClient = TypeVar("DataClient", bound=RESTClient)


class TradingSession(AlpacaSession):
    """One request, one answer: to the allowed host alone, over a connection of its own."""

    def __init__(self, keys: Keys, *, host: str, timeout_seconds: float) -> None:
        # On a connection that it used before, curl repeats a request that got no answer.
        once = {CurlOpt.FRESH_CONNECT: 1, CurlOpt.FORBID_REUSE: 1}
        super().__init__(keys, timeout_seconds=timeout_seconds, curl_options=once, trust_env=False)
        self._host = host

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """The answer of the allowed host; BrokerError for any other."""
        require_host(url, self._host)
        return super().request(method, url, *args, **kwargs)

    def check_body(self, path: str, response: Any) -> None:
        """Accept a good answer without a body, which is what a cancel gets."""
        if int(response.status_code) != NO_CONTENT:
            super().check_body(path, response)


def require_host(url: str, host: str) -> None:
    """BrokerError unless `url` is on `host`: over https, or on this machine."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" or parts.hostname in LOOPBACK
    if not secure or parts.hostname != host:
        raise BrokerError(f"no request is sent to {parts.scheme}://{parts.hostname}: not allowed")


def address_of(*, live: bool, fake_address: str) -> tuple[str, str]:
    """The address to trade at and its host.

    Alpaca's own, or, where `fake_address` is set, that of a server on this machine; anything else
    is a :class:`SettingsError`.
    """
    if fake_address:
        parts = urlsplit(fake_address)
        if live or parts.scheme != "http" or parts.hostname not in LOOPBACK:
            raise SettingsError(
                f"setting alpaca.fake_address: {fake_address!r} must be http:// on 127.0.0.1, and "
                "live trading must be off; leave it empty to trade at Alpaca"
            )
        return fake_address.rstrip("/"), str(parts.hostname)
    host = LIVE_HOST if live else PAPER_HOST
    return f"https://{host}", host


def make_client(
    keys: Keys, *, live: bool, fake_address: str, timeout_seconds: float
) -> TradingClient:
    """alpaca-py's trading client over a :class:`TradingSession`; it gives plain JSON."""
    address, host = address_of(live=live, fake_address=fake_address)
    client = TradingClient(
        keys.key, keys.secret, paper=not live, raw_data=True, url_override=address
    )
    # alpaca-py's own has no time-out and repeats what gets a 429 or 504.
    put_session(client, TradingSession(keys, host=host, timeout_seconds=timeout_seconds))
    return client


def make_data_client(
    kind: Callable[..., DataClient], keys: Keys, *, fake_address: str, timeout_seconds: float
) -> DataClient:
    """One of alpaca-py's clients of market data, over a session like that of trading."""
    address, host = f"https://{DATA_HOST}", DATA_HOST
    if fake_address:
        address, host = address_of(live=False, fake_address=fake_address)
    client = kind(keys.key, keys.secret, raw_data=True, url_override=address)
    put_session(client, TradingSession(keys, host=host, timeout_seconds=timeout_seconds))
    return client


def asked(what: str, ask: Callable[[], Answer]) -> Answer | None:
    """What `ask` returns; None for "not found" in Alpaca's own words.

    Raises:
        DuplicateOrderError: the client's id is taken.
        OrderRefusedError: Alpaca refuses, in JSON of its own.
        BrokerDoubtError: all else: a rate limit, a server's error, no answer or a broken one, and
            a refusal or a "not found" that a gateway may have said.
    """
    try:
        return ask()
    except FetchError as fault:
        found = fault
    except UNREADABLE as error:
        found = FetchError(f"the answer cannot be read: {type(error).__name__}")
    status = found.status
    is_doubt = status is None or status in PASSING_STATUS or status >= SERVER_ERROR
    if is_doubt or not is_own_answer(found.body):
        raise BrokerDoubtError(f"{what}: {found.cause}; run: options-platform reconcile")
    if status == NOT_FOUND:
        return None
    if "must be unique" in found.cause:
        raise DuplicateOrderError(f"{what}: {found.cause}")
    raise OrderRefusedError(f"{what}: {found.cause}; {found.advice}")


def is_own_answer(body: str) -> bool:
    """Whether the body of a refusal is Alpaca's own: JSON with a code and a message."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and {"code", "message"} <= said.keys()
