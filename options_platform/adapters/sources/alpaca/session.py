"""The HTTP session of alpaca-py, and its clients; import it late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alpaca.common.rest import RESTClient
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.trading.client import TradingClient

from options_platform.adapters.sources.alpaca.keys import Keys
from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import LATER
from options_platform.adapters.sources.http.session import SourceSession

LIVE_PREFIX = "AK"
ADVICE = {
    401: "check the keys in the environment",
    403: "check the keys in the environment, and what the account's data plan allows",
    404: "check the symbol",
    400: "check the symbol and the dates",
    422: "check the symbol and the dates",
}


class AlpacaSession(SourceSession):
    """Raises FetchError for an error status before alpaca-py repeats it or shows its headers."""

    def __init__(
        self,
        keys: Keys,
        *,
        pace: Pace | None = None,
        address: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(pace=pace, address=address, secrets=(keys.secret, keys.key), **options)

    def advice(self, status: int) -> str:
        """Advice for the user about an error status."""
        return ADVICE.get(status, LATER)


@dataclass(frozen=True)
class Clients:
    """alpaca-py's clients; they return plain JSON and share one session."""

    stocks: StockHistoricalDataClient
    options: OptionHistoricalDataClient
    actions: CorporateActionsClient
    trading: TradingClient


def make_clients(keys: Keys, session: SourceSession) -> Clients:
    """Clients of the account; the prefix of the key tells a live account from a paper one."""
    paper = not keys.key.startswith(LIVE_PREFIX)
    clients = Clients(
        StockHistoricalDataClient(keys.key, keys.secret, raw_data=True),
        OptionHistoricalDataClient(keys.key, keys.secret, raw_data=True),
        CorporateActionsClient(keys.key, keys.secret, raw_data=True),
        TradingClient(keys.key, keys.secret, paper=paper, raw_data=True),
    )
    for client in (clients.stocks, clients.options, clients.actions, clients.trading):
        put_session(client, session)
    return clients


def put_session(client: RESTClient, session: Any) -> None:
    """Make a client use `session`."""
    # alpaca-py accepts no session, and the one it creates has no time-out.
    client._session.close()  # noqa: SLF001
    client._session = session  # noqa: SLF001
