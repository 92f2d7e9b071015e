"""The connection to Alpaca's trading API: allowed hosts, time-outs, and no repeated requests.

A request for an order is sent once. Without a clear answer it raises a
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
    OppositeOrderError,
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
SERVER_ERROR = 500
OPPOSITE = ("potential wash trade", "opposite side")
"""Words of a refusal because of an order of the account on the other side; the code is shared."""
Answer = TypeVar("Answer")
DataClient = TypeVar("DataClient", bound=RESTClient)


class TradingSession(AlpacaSession):
    """Sends each request once, only to the allowed host, and over a new connection."""

    def __init__(self, keys: Keys, *, host: str, timeout_seconds: float) -> None:
        # On a reused connection curl repeats a request that got no answer.
        once = {CurlOpt.FRESH_CONNECT: 1, CurlOpt.FORBID_REUSE: 1}
        super().__init__(keys, timeout_seconds=timeout_seconds, curl_options=once, trust_env=False)
        self._host = host

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """The answer of the allowed host; raises BrokerError for any other host."""
        require_host(url, self._host)
        return super().request(method, url, *args, **kwargs)

    def check_body(self, path: str, response: Any) -> None:
        """Also accept a successful answer without a body, as for a cancel."""
        if int(response.status_code) != NO_CONTENT:
            super().check_body(path, response)


def require_host(url: str, host: str) -> None:
    """Raise BrokerError unless `url` is on `host`, over https or on this machine."""
    parts = urlsplit(url)
    secure = parts.scheme == "https" or parts.hostname in LOOPBACK
    if not secure or parts.hostname != host:
        raise BrokerError(f"no request is sent to {parts.scheme}://{parts.hostname}: not allowed")


def address_of(*, live: bool, fake_address: str) -> tuple[str, str]:
    """The base address for trading and its host: Alpaca's, or `fake_address` if it is set.

    Raises :class:`SettingsError` for a fake address that is not on this machine or used live.
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
    """alpaca-py's trading client over a :class:`TradingSession`; it returns plain JSON."""
    address, host = address_of(live=live, fake_address=fake_address)
    client = TradingClient(
        keys.key, keys.secret, paper=not live, raw_data=True, url_override=address
    )
    # alpaca-py's session has no time-out and repeats requests after a 429 or 504.
    put_session(client, TradingSession(keys, host=host, timeout_seconds=timeout_seconds))
    return client


def make_data_client(
    kind: Callable[..., DataClient], keys: Keys, *, fake_address: str, timeout_seconds: float
) -> DataClient:
    """A market data client of alpaca-py, over a session with the same rules as for trading."""
    address, host = f"https://{DATA_HOST}", DATA_HOST
    if fake_address:
        address, host = address_of(live=False, fake_address=fake_address)
    client = kind(keys.key, keys.secret, raw_data=True, url_override=address)
    put_session(client, TradingSession(keys, host=host, timeout_seconds=timeout_seconds))
    return client


def asked(what: str, ask: Callable[[], Answer]) -> Answer | None:
    """The answer of `ask`; None if Alpaca itself answers "not found".

    Raises:
        DuplicateOrderError: the client order id was used before.
        OppositeOrderError: an order of the account works on the other side.
        OrderRefusedError: Alpaca itself refuses the request.
        BrokerDoubtError: everything else: a rate limit, a server error, no answer or an unreadable
            one, and a refusal or a "not found" that may come from a gateway.
    """
    try:
        return ask()
    except FetchError as fault:
        failure = fault
    except UNREADABLE as error:
        failure = FetchError(f"the answer cannot be read: {type(error).__name__}")
    status = failure.status
    is_doubt = status is None or status in PASSING_STATUS or status >= SERVER_ERROR
    if is_doubt or not is_from_alpaca(failure.body):
        raise BrokerDoubtError(f"{what}: {failure.cause}; run: options-platform reconcile")
    if status == NOT_FOUND:
        return None
    if "must be unique" in failure.cause:
        raise DuplicateOrderError(f"{what}: {failure.cause}")
    if any(words in failure.body for words in OPPOSITE):
        raise OppositeOrderError(f"{what}: {failure.cause}")
    raise OrderRefusedError(f"{what}: {failure.cause}; {failure.advice}")


def is_from_alpaca(body: str) -> bool:
    """Whether an error answer comes from Alpaca and no gateway: JSON with code and message."""
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and {"code", "message"} <= document.keys()
