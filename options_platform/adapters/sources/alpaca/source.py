"""Alpaca through alpaca-py: daily bars, corporate actions, option chains.

Bars come from the consolidated tape (feed `sip`), split-adjusted by Alpaca; `adj_close` is null.
Chains are snapshots with greeks, joined with the list of contracts for open interest and size.
There are no indices and no earnings. Keys come from the environment only.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, SourceInfo
from options_platform.adapters.sources.actions import splits_of
from options_platform.adapters.sources.alpaca import tables as alpaca_tables
from options_platform.adapters.sources.alpaca.keys import Keys, require_keys, require_package
from options_platform.adapters.sources.finality import final_rows, require_reach
from options_platform.adapters.sources.http.pace import Pace
from options_platform.adapters.sources.http.retry import FetchError, NoPricesError, RetryPolicy
from options_platform.adapters.sources.options import SourceOptions
from options_platform.domain.calendar.sessions import NEW_YORK, newest_final_session
from options_platform.domain.chain.occ_symbols import share_symbol
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import ShortHistoryError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from options_platform.adapters.sources.alpaca.session import Clients

FIRST = date(2016, 1, 4)
# An account without a paid data plan gets the tape with a delay of 15 minutes.
TAPE_DELAY = timedelta(minutes=16)
LONGEST_EXPIRY = timedelta(days=4 * 365)
CONTRACTS_A_PAGE = 10_000


class AlpacaSource:
    """Alpaca. Needs alpaca-py and keys from the first request on; `info` needs neither."""

    info = SourceInfo(
        name="alpaca",
        label="Alpaca",
        proxy=False,
        tickers=None,
        indices=(),
        first_date=FIRST,
        kinds=frozenset({"bars", "chain", "splits"}),
    )

    def __init__(
        self,
        *,
        cache_dir: Path,
        keys: Keys | None = None,
        session: Any = None,
        requests_per_minute: int | None = None,
        sleep: Callable[[float], None] = clock.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`session` replaces the HTTP session; the file of the rate limit is in `cache_dir`."""
        self._pace = (
            Pace(cache_dir / "alpaca-requests.json", requests_per_minute, sleep=sleep)
            if requests_per_minute
            else None
        )
        self._keys = keys
        self._session = session
        self._clients: Clients | None = None
        working = clock.monotonic if self._pace is None else self._pace.working_seconds
        self._policy = RetryPolicy(sleep=sleep, clock=working)
        self._now = now

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars from `start` to `end` with dividends and splits; two requests.

        Empty before a ticker's first bar. Raises :class:`SourceError`; :class:`ShortHistoryError`
        if the history ends before `end`.
        """
        require_ticker(ticker)
        what = f"alpaca gave no bars of {ticker} for {start} to {end}"
        # Up to today: prices are adjusted for splits after the requested end too.
        today = self._now().astimezone(NEW_YORK).date()
        actions = self._policy.call(partial(self._actions, ticker, start, today), what)

        def ask() -> pl.DataFrame:
            try:
                rows = self._bars(ticker, start, end, "split")
            except NoPricesError as fault:
                fault.bars = BAR_SCHEMA.to_frame()
                raise
            table = alpaca_tables.bars(ticker, rows, actions)
            table = final_rows(table, self._now()).filter(pl.col("date").is_between(start, end))
            require_reach("alpaca", ticker, table, max(start, FIRST), end, self._now())
            return table

        try:
            return self._policy.call(ask, what)
        except ShortHistoryError as short:
            if short.bars.is_empty() and self._begins_later(ticker, end):
                return short.bars
            raise

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Raises :class:`SourceError`: Alpaca has no daily bars of indices."""
        require_ticker(symbol)
        raise SourceError(
            f"alpaca has no bars of the index {symbol} for {start} to {end}; "
            "set OPTIONS_FALLBACK_SOURCES to yahoo or csv"
        )

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """All contracts as quoted now; `quoted_at` is the time of each quote.

        Raises :class:`SourceError` for a session other than the newest complete one.
        """
        require_ticker(ticker)
        what = f"alpaca gave no option chain of {ticker} for {session}"
        if session != newest_final_session(now):
            raise SourceError(
                f"{what} (it has only the present one, of {newest_final_session(now)}); "
                "ask for that session, or take older chains from OPTIONS_SOURCE=csv"
            )
        snapshots = self._policy.call(partial(self._snapshots, ticker), what)
        contracts = self._policy.call(partial(self._contracts, ticker, session), what)
        spot = self._policy.call(partial(self._spot, ticker, session), what)
        return self._policy.call(
            partial(alpaca_tables.chain, ticker, session, snapshots, contracts, spot), what
        )

    def announced_splits(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The splits that Alpaca lists, announced ones included; one request."""
        what = f"alpaca gave no splits of {require_ticker(ticker)} for {start} to {end}"
        actions = self._policy.call(partial(self._actions, ticker, start, end), what)
        return splits_of(ticker, actions, start, end)

    def _bars(self, ticker: str, start: date, end: date, adjustment: str) -> list[Any]:
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import StockBarsRequest
        from alpaca.data.timeframe import TimeFrame

        over = datetime.combine(end + timedelta(days=1), time(0), NEW_YORK) - timedelta(seconds=1)
        request = StockBarsRequest(
            symbol_or_symbols=share_symbol(ticker),
            timeframe=TimeFrame.Day,
            start=datetime.combine(start, time(0), NEW_YORK),
            end=min(over, self._now() - TAPE_DELAY),
            adjustment=Adjustment(adjustment),
            feed=DataFeed.SIP,
        )
        with _read():
            by_symbol = self._client().stocks.get_stock_bars(request)
            if share_symbol(ticker) not in by_symbol:
                raise NoPricesError(f"the answer holds no {share_symbol(ticker)!r}")
            return list(by_symbol[share_symbol(ticker)])

    def _begins_later(self, ticker: str, end: date) -> bool:
        """Whether there are bars after `end`; one request, False if it fails."""
        first, last = end + timedelta(days=1), self._now().astimezone(NEW_YORK).date()
        try:
            return first <= last and bool(self._bars(ticker, first, last, "split"))
        except FetchError:
            return False

    def _actions(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        from alpaca.data.requests import CorporateActionsRequest

        request = CorporateActionsRequest(symbols=[share_symbol(ticker)], start=start, end=end)
        with _read():
            return alpaca_tables.actions(self._client().actions.get_corporate_actions(request))

    def _snapshots(self, ticker: str) -> dict[str, Any]:
        from alpaca.data.requests import OptionChainRequest

        with _read():
            request = OptionChainRequest(underlying_symbol=share_symbol(ticker))
            snapshots = self._client().options.get_option_chain(request)
        if not snapshots:
            raise FetchError("an empty answer")
        return dict(snapshots)

    def _contracts(self, ticker: str, session: date) -> list[Any]:
        from alpaca.trading.requests import GetOptionContractsRequest

        contracts: list[Any] = []
        page = None
        while True:
            # Without a last expiry, Alpaca lists only those up to the next weekend.
            request = GetOptionContractsRequest(
                underlying_symbols=[share_symbol(ticker)],
                expiration_date_gte=session,
                expiration_date_lte=session + LONGEST_EXPIRY,
                limit=CONTRACTS_A_PAGE,
                page_token=page,
            )
            with _read():
                answer: Any = self._client().trading.get_option_contracts(request)
                contracts += answer["option_contracts"]
            page = answer.get("next_page_token")
            if not page:
                return contracts

    def _spot(self, ticker: str, session: date) -> float:
        bars = self._bars(ticker, session, session, "raw")
        with _read():
            return float(bars[-1]["c"])

    def _client(self) -> Clients:
        if self._clients is None:
            require_package()
            from options_platform.adapters.sources.alpaca.session import AlpacaSession, make_clients

            keys = self._keys or require_keys()
            session = self._session or AlpacaSession(keys, pace=self._pace)
            self._clients = make_clients(keys, session)
        return self._clients


@contextmanager
def _read() -> Iterator[None]:
    """Turn the errors of reading an unexpected answer into FetchError."""
    try:
        yield
    except KeyError as error:
        raise FetchError(f"the answer holds no {error}") from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        first = next(iter(str(error).splitlines()), "")[:160]
        raise FetchError(f"the answer cannot be read: {type(error).__name__}: {first}") from error


def open_source(options: SourceOptions) -> AlpacaSource:
    """Alpaca at the pace of the options."""
    return AlpacaSource(
        cache_dir=options.cache_dir,
        requests_per_minute=options.requests_per_minute.get(AlpacaSource.info.name),
    )


def require_ready() -> None:
    """SourceError if the package or the keys are missing."""
    require_package()
    require_keys()
