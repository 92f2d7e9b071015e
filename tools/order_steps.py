"""The steps of one order on its way from the daily run to its fill, counted by a profiler.

Two daily runs trade at the fake Alpaca server, over HTTP: the first sends an entry order, which
rests; it fills the next morning, and the run of that evening takes the fill over. A *step* is a
function of the project that somebody who follows this order has to enter. It is in
`services/trading`, `domain/trading`, the adapter of the broker or the ledger, and on the call
stack when

1. the ledger writes the order's row,
2. a request for the order leaves to the broker: it is sent, or looked up by its id,
3. the reducer has decided something for it: a next state, or an action,
4. the position is made that its fill opens.

Each function counts once, however often it is passed; a lambda belongs to the function that it is
written in. The way ends with the row that says `filled`. What only answers a question on the way
(may the entry be sent, is the session over, how is a report read) returns before any of this
happens, and is no step; neither is the SQL below the ledger's methods.

`python -m tools.order_steps` prints the list in docs/architecture.md.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from types import FrameType
from typing import Any

import options_platform
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reducer import Action, Decision
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.trading.session import TradingSession
from options_platform.testing.alpaca_account import NOW, SESSION, plans_of, server, trader

MOST_STEPS = 12
PACKAGE = Path(options_platform.__file__).parent
ROOMS = ("services/trading", "domain/trading", "adapters/brokers", "adapters/storage/ledger")
BROKER, ROW_WRITER = "adapters/brokers", "write_order"
LIBRARY_REQUEST = ("alpaca/common/rest.py", "_request")
PAGE = PACKAGE.parent / "docs" / "architecture.md"
HEADING = "## The way of an order"
LISTED = re.compile(r"^\d+\. `([\w.]+)` in `([\w/.]+)`", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A function on the way, by its qualified name, and its file below the package."""

    function: str
    file: str


@dataclass
class OrderProfile:
    """A profiler that follows one order: the first entry that the ledger writes."""

    steps: dict[Step, None] = field(default_factory=dict)
    order: Any = None
    is_filled: bool = False

    def __call__(self, frame: FrameType, event: str, result: object) -> None:
        """Note the stack of each moment, as :func:`sys.setprofile` reports calls and returns."""
        if self.is_filled or event not in ("call", "return"):
            return
        code = frame.f_code
        if event == "call" and code.co_name == ROW_WRITER and _file_of(frame) is not None:
            order = frame.f_locals["order"]
            if self.order is None and order.purpose == "entry":
                self.order = order
            if self._is_ours(order):
                self._note(frame.f_back)
                self.is_filled = order.status == "filled"
        elif self.order is None:
            return
        elif event == "call" and code.co_name == LIBRARY_REQUEST[1]:
            if code.co_filename.endswith(LIBRARY_REQUEST[0]) and self._is_asked_for(frame):
                self._note(frame.f_back)
        elif event == "return" and self._is_outcome(frame, result):
            self._note(frame)

    def _is_ours(self, value: object) -> bool:
        if self.order is None:
            return False
        order_id = self.order.client_order_id
        return order_id in (value, getattr(value, "client_order_id", None))

    def _is_asked_for(self, frame: FrameType) -> bool:
        """Whether the broker's adapter was called with the order or its id."""
        return any(
            (_file_of(caller) or "").startswith(BROKER)
            and any(self._is_ours(caller.f_locals.get(name)) for name in _arguments(caller))
            for caller in _stack(frame)
        )

    def _is_outcome(self, frame: FrameType, result: object) -> bool:
        """Whether a function of the domain returns a decision on the order, or its position."""
        if not (_file_of(frame) or "").startswith("domain/trading"):
            return False
        if isinstance(result, Decision):
            before = frame.f_locals["order"]
            is_news = result.action is not Action.NONE or result.order != before
            return self._is_ours(result.order) and is_news
        return isinstance(result, Position) and result.position_id == self.order.position_id

    def _note(self, frame: FrameType | None) -> None:
        for caller in reversed(list(_stack(frame))):
            file = _file_of(caller)
            if file is not None and file.startswith(ROOMS):
                name = caller.f_code.co_qualname.partition(".<locals>")[0]
                self.steps.setdefault(Step(name, file))


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _file_of(frame: FrameType) -> str | None:
    """The file of a function below the package; None for one of a library."""
    path = Path(frame.f_code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None


def _arguments(frame: FrameType) -> tuple[str, ...]:
    code = frame.f_code
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@contextmanager
def _profiled(profile: OrderProfile) -> Iterator[None]:
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def order_steps(home: Path) -> list[Step]:
    """The steps of an entry order of two daily runs in `home`, in the order they are entered."""
    profile = OrderProfile()
    with server(fills="rest") as fake:
        trading = trader(home, fake.address)
        with _profiled(profile):
            _daily_run(trading, fake, is_first=True)
        (order,) = trading.ledger.orders()
        fake.script("fill", {"client_order_id": order.client_order_id})
        with _profiled(profile):
            _daily_run(trading, fake, is_first=False)
        if not profile.is_filled:
            raise RuntimeError("the order of the daily run has not filled")
    return list(profile.steps)


def _daily_run(trading: TradingSession, fake: FakeAlpaca, *, is_first: bool) -> None:
    session = SESSION if is_first else shift(SESSION, 1)
    evening = datetime.combine(session, time(16, 31), NEW_YORK)
    fake.script("clock", {"offset_seconds": (evening - NOW).total_seconds()})
    plans, legs = plans_of(("SPY",), session)
    market = {session: {"SPY": MarketClose(250.0, 0.18)}}
    trading.run_session(session, plans if is_first else plans.clear(), legs, market, evening)


def listed_steps(page: str) -> list[Step]:
    """The steps that the text of docs/architecture.md lists."""
    section = page.partition(HEADING)[2].partition("\n## ")[0]
    return [Step(*found) for found in LISTED.findall(section)]


def main() -> None:
    """Print the list."""
    with tempfile.TemporaryDirectory() as folder:
        for number, step in enumerate(order_steps(Path(folder)), start=1):
            print(f"{number}. `{step.function}` in `{step.file}`")


if __name__ == "__main__":
    main()
