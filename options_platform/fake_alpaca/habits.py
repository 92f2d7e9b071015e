"""Habits of the broker's answers: lists that lag behind the account, or are incomplete.

The account itself (:class:`~.book.FakeBook`) is always correct; habits only change what readers are
shown. A habit lasts for a number of answers (`requests`), for `seconds`, until a time of the
server's clock (`until`), or without any of these until :meth:`Habits.clear`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from options_platform.fake_alpaca.answers import Json
from options_platform.fake_alpaca.book import FakeBook

Reading = Literal["orders", "lookups", "positions", "activities", "account"]
READINGS: tuple[Reading, ...] = get_args(Reading)
KEPT_STATES = 500


@dataclass(frozen=True)
class State:
    """A copy of the account as it was after a request."""

    request: int
    at: float
    orders: dict[str, Json]
    positions: dict[str, list[float]]
    activities: tuple[Json, ...]
    account: Json


@dataclass
class HabitSpan:
    """How long a habit lasts; each call of `looks` uses one of its `requests`."""

    now: Callable[[], datetime]
    requests: int | None = None
    deadline: float | None = None
    until: datetime | None = None

    def looks(self) -> bool:
        """Whether the habit still applies to this answer."""
        if self.requests is not None:
            self.requests -= 1
            if self.requests < 0:
                return False
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return False
        return self.until is None or self.now() < self.until


class Habits:
    """Decides what readers of one account are shown; not thread-safe.

    `page_cap` is the longest page of orders and activities, whatever the request asks for.
    """

    def __init__(self, book: FakeBook) -> None:
        self.page_cap: int | None = None
        self._book = book
        self._request = 0
        self._states: deque[State] = deque(maxlen=KEPT_STATES)
        self._lags: dict[Reading, tuple[int, float]] = {}
        self._frozen: dict[Reading, tuple[State, HabitSpan]] = {}
        self._hidden: list[tuple[frozenset[str] | None, HabitSpan]] = []

    def lag(self, of: Reading | Iterable[Reading], *, requests: int = 0,
            seconds: float = 0.0) -> None:  # fmt: skip
        """Let answers lag behind the account by some `requests` or `seconds`."""
        self.note()
        for reading in _readings(of):
            self._lags[reading] = (requests, seconds)

    def freeze(
        self,
        of: Reading | Iterable[Reading],
        *,
        requests: int | None = None,
        seconds: float | None = None,
        until: datetime | None = None,
    ) -> None:
        """Let answers show the account as it is now, whatever happens next."""
        self.note()
        for reading in _readings(of):
            self._frozen[reading] = (self._states[-1], self._span(requests, seconds, until))

    def hide(
        self,
        symbols: Iterable[str] | None = None,
        *,
        requests: int | None = None,
        seconds: float | None = None,
        until: datetime | None = None,
    ) -> None:
        """Hide these symbols in the list of positions, or all of them for None."""
        chosen = None if symbols is None else frozenset(symbols)
        self._hidden.append((chosen, self._span(requests, seconds, until)))

    def clear(self) -> None:
        """End all habits: answers show the account as it is."""
        self.page_cap = None
        self._lags.clear()
        self._frozen.clear()
        self._hidden.clear()

    def begin(self) -> None:
        """Begin a request; changes without a request since the last one count as earlier."""
        self.note()
        self._request += 1

    def note(self) -> None:
        """Keep a copy of the account if it has changed."""
        book = self._book
        last = self._states[-1] if self._states else None
        before = {} if last is None else last.orders
        state = State(
            request=self._request,
            at=time.monotonic(),
            orders={n: _copy(order, before.get(n)) for n, order in book.orders.items()},
            positions={symbol: list(row) for symbol, row in book.positions.items()},
            activities=tuple(book.activities),
            account={"cash": book.cash},
        )
        if last is None or (
            (state.orders, state.positions, state.account, len(state.activities))
            != (last.orders, last.positions, last.account, len(last.activities))
        ):
            self._states.append(state)

    def orders(self, reading: Reading = "orders") -> dict[str, Json]:
        """The orders by id as shown by a list ("orders") or a lookup ("lookups")."""
        state = self._shown(reading)
        return self._book.orders if state is None else state.orders

    def positions(self) -> list[Json]:
        """The body of GET /v2/positions."""
        state = self._shown("positions")
        shown = dict(self._book.positions if state is None else state.positions)
        for symbols, span in self._hidden:
            if span.looks():
                shown = {s: row for s, row in shown.items() if symbols and s not in symbols}
        return self._book.position_rows(shown)

    def activities(self) -> list[Json]:
        """The activities, oldest first."""
        state = self._shown("activities")
        return list(self._book.activities if state is None else state.activities)

    def account(self) -> Json:
        """The body of GET /v2/account; a lag affects cash, equity and portfolio value."""
        state = self._shown("account")
        shown = self._book.account()
        if state is not None:
            late = self._book.cash - float(state.account["cash"])
            for name in ("cash", "equity", "portfolio_value"):
                shown[name] = f"{float(shown[name]) - late:.2f}"
        return shown

    def _shown(self, reading: Reading) -> State | None:
        """The state that an answer shows; None for the account as it is."""
        if reading in self._frozen:
            state, span = self._frozen[reading]
            if span.looks():
                return state
            del self._frozen[reading]
        requests, seconds = self._lags.get(reading, (0, 0.0))
        if requests <= 0 and seconds <= 0:
            return None
        newest = time.monotonic() - seconds
        for state in reversed(self._states):
            if state.request < self._request - requests and state.at <= newest:
                return state
        return self._states[0]

    def _span(
        self, requests: int | None, seconds: float | None, until: datetime | None
    ) -> HabitSpan:
        deadline = None if seconds is None else time.monotonic() + seconds
        return HabitSpan(self._book.now, requests, deadline, until)


def _readings(of: Reading | Iterable[Reading]) -> list[Reading]:
    chosen: list[Reading] = [of] if isinstance(of, str) else list(of)
    for reading in chosen:
        if reading not in READINGS:
            raise ValueError(f"no reading {reading!r}; there are {', '.join(READINGS)}")
    return chosen


def _copy(order: Json, before: Json | None) -> Json:
    """A copy of an order; the one `before` if it has not changed, as most have not."""
    if before is not None and before == order:
        return before
    legs = order["legs"]
    return order | {"legs": None if legs is None else [dict(leg) for leg in legs]}
