"""The world of a rehearsal: time, the fake account, its market, and the platform's processes.

A process of the platform is a trading session of its own over the same ledger, as each command and
each job opens one. A kill ends it at a step by an exception that nothing catches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, open_time
from options_platform.domain.trading.exposures import newest_closes
from options_platform.errors import PlatformError
from options_platform.fake_alpaca import FakeAlpaca, clearing
from options_platform.fake_alpaca.answers import Json, number
from options_platform.fake_alpaca.checks import OPEN
from options_platform.fake_alpaca.habits import READINGS
from options_platform.fake_alpaca.symbols import contract_of, size
from options_platform.services.rehearsal.data import RehearsalData, previous
from options_platform.services.rehearsal.market import MonthChains, MonthMarket
from options_platform.services.rehearsal.result import Event, Moment
from options_platform.services.rehearsal.stress import Outage
from options_platform.services.rehearsal.watch import BrokerWatch
from options_platform.services.trading.reports_ahead import ReportsAhead
from options_platform.services.trading.session import TradingSession
from options_platform.settings import Settings
from options_platform.settings.broker_rules import AlpacaRules

ACCOUNT = "rehearsal"
TIMEOUT_SECONDS = 4.0
A_DAY = timedelta(days=1)
CENT = 1e-9
Outcome = TypeVar("Outcome")


class Killed(BaseException):
    """A process ends here; no handler of errors catches it."""


@dataclass(frozen=True)
class Ran:
    """How a process ended: `outcome` of its act, None if it was killed or refused."""

    outcome: object | None
    was_killed: bool = False

    @property
    def is_done(self) -> bool:
        """Whether it came to its end."""
        return self.outcome is not None


class RehearsalWorld:
    """One account in one stressed month; see :func:`opened` for its use."""

    def __init__(self, settings: Settings, data: RehearsalData, folder: Path) -> None:
        self.data = data
        self.now = close_time(previous(data.warm_up[0]))
        self.fake = FakeAlpaca(
            fills="rest", now=lambda: self.now, cash_usd=settings.account_value_usd
        )
        # The broker takes what would uncover a short, so that only the order path prevents it.
        self.fake.script("rules", {"refuses_uncovered": False})
        self.settings = of_rehearsal(settings, folder, self.fake.address)
        self.market = MonthMarket(data, settings.plan.chain)
        self.chains = MonthChains(self.market, self.fake.now)
        self.fake.chains, self.fake.book.mark = self.chains, self.chains.mark
        self.ledger: Ledger = open_ledger(self.settings)
        self.watch = BrokerWatch(self.fake.book, self.ledger)
        self.events: list[Event] = []
        self.moments: list[Moment] = []
        self.processes = 0
        self.halted: str | None = None
        self._paused: str | None = None

    def say(self, kind: str, text: str) -> None:
        """Record an event of now."""
        self.events.append(Event(self.now, kind, text))

    def process(
        self, what: str, act: Callable[[TradingSession], Outcome], kill: str | None = None
    ) -> Ran:
        """Let a process of the platform act; killed at the step `kill`, if it comes to it."""

        def at(step: str) -> None:
            # An entry that this very process sends after it has halted is one after the halt.
            self._note_halt()
            if step == kill:
                raise Killed

        self.processes += 1
        closes = newest_closes(self.data.closes, self._last_close())
        trading = TradingSession(
            open_ledger(self.settings), open_broker(self.settings), self.settings, at, closes,
            reports=ReportsAhead(self.settings, lambda: self.data.record, self.now),
        )  # fmt: skip
        ran = Ran(None)
        try:
            ran = Ran(act(trading) or True)
        except Killed:
            ran = Ran(None, was_killed=True)
            self.say("kill", f"{what} was killed at the step {kill!r}")
        except PlatformError as error:
            self.say("refused", f"{what}: {error}")
        self._note_halt()
        self.watch.look(self.now, what)
        return ran

    def outages(self, outages: Sequence[Outage]) -> None:
        """Begin these outages, in place of those before; requests on their way arrive first."""
        self.end_outages()
        stale_clock = self._stale_clock()
        for outage in outages:
            self.say("outage", outage.text)
            self.chains.are_stale = self.chains.are_stale or outage.stale_quotes
            if outage.lags:
                self.fake.habits.lag(READINGS, requests=outage.lags)
            if outage.freezes:
                self.fake.habits.freeze(READINGS)
            if outage.hides:
                held = self.fake.book.quantities()
                self.fake.habits.hide(
                    symbol for symbol, count in held.items() if count > 0 and contract_of(symbol)
                )
            if outage.stale_clock:
                self.fake.faults.add(dict(stale_clock))
            for fault in outage.faults:
                self.fake.faults.add(dict(fault))

    def end_outages(self) -> None:
        """End all outages; what was on its way arrives."""
        self.fake.faults.clear()
        self.fake.habits.clear()
        self.chains.are_stale = False
        if self.fake.underway:
            self.say("outage", f"{len(self.fake.underway)} requests that had broken off arrive")
            self.fake.script("arrive", {})
            self.watch.look(self.now, "the arrival of requests that had broken off")

    def fill(self, share_of: Callable[[Json], float] = lambda _: 1.0) -> None:
        """Fill what the market meets now; `share_of` an order is the part of it that fills."""
        for order in list(self.fake.book.orders.values()):
            if order["status"] not in OPEN:
                continue
            price = self.market.trade_price(order["legs"] or [order])
            sign = 1 if order["legs"] or order["side"] == "buy" else -1
            if price is None or price > sign * float(order["limit_price"]) + CENT:
                continue
            left = number(order["qty"]) - number(order["filled_qty"])
            self.fake.book.fill(order, max(1, round(left * share_of(order))), price)
            self.watch.look(self.now, f"a fill of order {order['client_order_id']}")

    def close(self) -> None:
        """The session's close: day orders expire, and so do contracts on their last day."""
        self.fake.script("close", {})
        day = self.market.session
        held = set(self.fake.book.quantities())
        clearing.expire(self.fake.book, day, self.market.spots())
        for symbol in sorted(held - set(self.fake.book.quantities())):
            self.say("expiry", f"{symbol} was held to its expiry")
        self.watch.look(self.now, f"the close of {day}")

    def assign(self, symbol: str, count: int, why: str) -> None:
        """Assign sold contracts in the night."""
        self.say("assignment", f"{count} sold {symbol} are assigned: {why}")
        clearing.assign(self.fake.book, symbol, count)
        self.watch.look(self.now, f"the assignment of {count} {symbol}")

    def pay_dividends(self, day: date) -> None:
        """Pay, or charge, the dividends of an ex-date on the shares of assignments."""
        for symbol, quantity in sorted(self.fake.book.quantities().items()):
            if contract_of(symbol) is None:
                usd = self.market.dividend(day, self.market.ticker_of(symbol))
                if usd > 0:
                    self.say("dividend", f"{usd:.2f} USD on {quantity:+g} shares of {symbol}")
                    clearing.pay_dividend(self.fake.book, symbol, usd)

    def equity(self) -> float:
        """Equity of the account at the broker, at mids, USD."""
        held = self.fake.book.quantities()
        values = (
            quantity * (self.market.mark(symbol) or 0.0) * size(symbol)
            for symbol, quantity in held.items()
        )
        return float(self.fake.book.cash + sum(values))

    def note_moment(self) -> None:
        """Record the account and the spots of now."""
        spots = {ticker: self.market.spot(ticker) for ticker in self.data.tickers}
        self.moments.append(Moment(self.now, self.equity(), spots))

    def _note_halt(self) -> None:
        halted = self.ledger.halted() if self.ledger.exists else None
        if halted is not None and self.halted is None:
            self.halted = halted
            self.say("halt", f"entries are halted: {halted}")
            self.watch.halted(body.get("client_order_id", "") for body, _ in self.fake.underway)

    def _last_close(self) -> date:
        """The newest session whose close is stored by now: that of the evening before."""
        session = self.market.session
        return session if self.now > close_time(session) else previous(session)

    def _stale_clock(self) -> Json:
        _, clock = self.fake.handle("GET", "/v2/clock", {}, {})
        shown = (self.now - A_DAY).astimezone(NEW_YORK).isoformat()
        body = {**clock, "timestamp": shown}
        return {"on": "GET /v2/clock", "do": "status", "status": 200, "body": body, "times": 2}


@contextmanager
def opened(settings: Settings, data: RehearsalData, folder: Path) -> Iterator[RehearsalWorld]:
    """A world whose server serves and whose ledger is kept open, in a work folder of its own."""
    world = RehearsalWorld(settings, data, folder)
    with world.fake, world.ledger.holding():
        yield world


def of_rehearsal(settings: Settings, folder: Path, address: str) -> Settings:
    """The settings with a ledger and an account of the rehearsal's own, at the fake broker.

    Whatever the user's broker, account and keys are, none of them is used.
    """
    return replace(
        settings,
        home=folder,
        broker="alpaca",
        account=ACCOUNT,
        alpaca=AlpacaRules(
            fake_address=address, timeout_seconds=TIMEOUT_SECONDS, retry_seconds=0.0
        ),
    )


def night_of(session: date) -> datetime:
    """Before the open of a session, when the clearing house has assigned."""
    return open_time(session) - timedelta(hours=3)
