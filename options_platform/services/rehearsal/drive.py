"""Driving a rehearsal through its sessions: the night, the moments of the day, and the evening."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from options_platform.common import Progress
from options_platform.domain.calendar.sessions import close_time
from options_platform.domain.pricing import CALL, PUT
from options_platform.fake_alpaca.answers import Json
from options_platform.fake_alpaca.symbols import contract_of
from options_platform.services.rehearsal.market import moments_of
from options_platform.services.rehearsal.result import SessionRow
from options_platform.services.rehearsal.stress import (
    CALM,
    INTENSITIES,
    TIMES_OUT,
    Intensity,
    SessionStress,
    draws_of,
    stress_of,
)
from options_platform.services.rehearsal.stress_book import sessions_of_book
from options_platform.services.rehearsal.watch import position_loss
from options_platform.services.rehearsal.world import RehearsalWorld, night_of
from options_platform.services.trading.intraday_stops import IntradayCheck, IntradayOutcome
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.session import TradingSession

EVENING = timedelta(minutes=35)
AGAIN = timedelta(minutes=30)
MOST_RUNS = 3
LARGE_GAP = 0.01
Plans = tuple[pl.DataFrame, pl.DataFrame]


@dataclass
class Driver:
    """Drives one world by the plans of its rule sets, with `alternates`; `book` are those of the
    stress book."""

    world: RehearsalWorld
    plans: Plans
    book: Plans
    intensity: Intensity
    seed: int
    rows: list[SessionRow] = field(default_factory=list)
    book_planned_on: list[date] = field(default_factory=list)
    alternates: pl.DataFrame | None = None

    def run(self, progress: Progress) -> None:
        """All sessions of warm-up and month, and a quiet look at the end."""
        data = self.world.data
        days = [*data.warm_up, *data.sessions]
        for done, day in enumerate(days, start=1):
            in_month = day >= data.sessions[0]
            stress = stress_of(self.intensity, self.seed, day) if in_month else CALM
            if day == data.sessions[len(data.sessions) // 2] and self.intensity.outages:
                first, *others = stress.at_moments
                stress = replace(stress, at_moments=((TIMES_OUT, *first), *others))
            self._night(day, in_month=in_month)
            self._session(day, stress, in_month=in_month)
            self._evening(day, stress, in_month=in_month)
            progress("sessions rehearsed", done, len(days))
        self._settle()

    def _night(self, day: date, *, in_month: bool) -> None:
        """Assignments of sold contracts in the money, on the spots of the close before; dividends
        on the shares that are in the account then."""
        world = self.world
        world.now = night_of(day)
        world.end_outages()
        draw = draws_of(self.seed, day, "assignments")
        for symbol, quantity in sorted(world.fake.book.quantities().items()):
            contract = contract_of(symbol)
            if contract is None or quantity >= 0 or not in_month:
                continue
            sign = CALL if contract.right == "call" else PUT
            ticker = world.market.ticker_of(contract.ticker)
            inside = sign * (world.market.spot(ticker) - contract.strike)
            time_value = (world.market.mark(symbol) or 0.0) - inside
            dividend = world.market.dividend(day, ticker)
            drawn, share = draw.random(), draw.random()
            if inside > 0 and contract.right == "call" and dividend > time_value:
                world.assign(symbol, int(-quantity), f"its ticker pays {dividend:.2f} USD on {day}")
            elif inside > 0 and drawn < self.intensity.assignment:
                count = max(1, round(-quantity * share))
                world.assign(symbol, count, f"it is {inside:.2f} USD in the money")
        world.pay_dividends(day)

    def _session(self, day: date, stress: SessionStress, *, in_month: bool) -> None:
        world = self.world
        intensity = self.intensity if in_month else INTENSITIES["real"]
        falls_first = self._falls_hurt(day, intensity)
        world.market.begin(day, intensity, falls_first=falls_first)
        times = moments_of(day)
        world.now = times[0]
        for ticker, gap in world.market.gaps().items():
            if in_month and abs(gap) >= LARGE_GAP:
                world.say("gap", f"{ticker} opens {100 * gap:+.1f}% from the close")
        for number, moment in enumerate(times):
            world.now = moment
            world.market.at(number)
            world.outages(stress.at_moments[number])
            if in_month or number in (0, len(times) - 1):
                self._moment(day, number, stress, in_month=in_month)
            world.note_moment()
        world.now = close_time(day)
        world.end_outages()
        world.close()

    def _falls_hurt(self, day: date, intensity: Intensity) -> bool:
        """Whether the account is worth less at the lows of the session than at its highs."""
        market, values = self.world.market, []
        market.begin(day, intensity)
        for extreme in (1, 2):
            market.at(extreme)
            values.append(self.world.equity())
        return values[0] <= values[1]

    def _moment(self, day: date, number: int, stress: SessionStress, *, in_month: bool) -> None:
        """What rests may fill, the worker reprices, the stops are checked, and exits climb."""
        world = self.world
        self._fill(day, number)
        world.note_moment()
        kill = stress.kill_step if stress.kill_at == number else None
        world.process("work", _work(world), kill)
        self._fill(day, number)
        if in_month or world.ledger.working_orders():
            self._reprice(day, number)
        if not world.ledger.positions(only_open=True):
            return
        self._check_stops(day, number, kill)
        for _ in range(world.settings.ladder.rungs):
            if not any(order.purpose == "exit" for order in world.ledger.working_orders()):
                break
            self._reprice(day, number)

    def _reprice(self, day: date, number: int) -> None:
        """A rung later the worker reprices what rests, and it may fill."""
        world = self.world
        world.now += timedelta(seconds=world.settings.ladder.rung_seconds + 1)
        world.process("work", _work(world))
        self._fill(day, number)

    def _check_stops(self, day: date, number: int, kill: str | None) -> None:
        """The check of stops, again while something is in doubt."""
        world = self.world
        world.now += timedelta(seconds=1)
        ran = world.process("check of stops", _check(world), kill)
        self._fill(day, number)
        rules = world.settings.intraday
        for wait in (rules.confirm_seconds, rules.wide_seconds):
            outcome = ran.outcome
            if isinstance(outcome, IntradayOutcome) and outcome.look_again_seconds is None:
                break
            world.now += timedelta(seconds=wait + 1)
            ran = world.process("check of stops", _check(world))
            self._fill(day, number)

    def _fill(self, day: date, number: int) -> None:
        draw = draws_of(self.seed, day, f"fills {number}")
        partial = self.intensity.partial if day >= self.world.data.sessions[0] else 0.0

        def share_of(_: Json) -> float:
            return 0.5 if number < 2 and draw.random() < partial else 1.0

        self.world.fill(share_of)

    def _evening(self, day: date, stress: SessionStress, *, in_month: bool) -> None:
        """The daily run of the close; one that was killed or refused is started again."""
        world = self.world
        at_close = world.equity()
        world.now = close_time(day) + EVENING
        world.outages(stress.in_evening)
        is_last = day == world.data.sessions[-1]
        plans, legs = self._plans_of(day)
        if is_last:
            # What would be entered after the month belongs to the next one.
            plans = plans.clear()
        kill = stress.evening_kill
        for _ in range(MOST_RUNS):
            ran = world.process(
                "daily run",
                lambda made: _daily(made, day, plans, legs, world, self.alternates),
                kill,
            )
            if ran.is_done:
                break
            kill = None
            world.now += AGAIN
            world.end_outages()
        else:
            world.watch.not_ended(world.now, f"the daily run of {day}, started {MOST_RUNS} times")
        self._note_session(day, at_close, in_month=in_month)

    def _plans_of(self, day: date) -> Plans:
        plans, legs = self.plans
        today = pl.col("date") == day
        mine = plans.filter(today), legs.filter(today)
        data, ledger = self.world.data, self.world.ledger
        held = {p.position_id for p in ledger.positions(only_open=True)}
        held |= {o.position_id for o in ledger.working_orders() if o.purpose == "entry"}
        of_book = {
            order.position_id for order in ledger.orders() if order.session in self.book_planned_on
        }
        # Before the month the book grows to its limits; within it one that is left is opened anew.
        is_room = held <= of_book if day < data.sessions[0] else not held
        is_quiet = not (mine[0]["decision"] == "trade").any()
        if day not in sessions_of_book(data) or not (is_room and is_quiet):
            return mine
        book = self.book[0].filter(today), self.book[1].filter(today)
        if (book[0]["decision"] == "trade").any():
            self.book_planned_on.append(day)
            self.world.say("book", "the rules hold and plan nothing: the stress book is planned")
        return book

    def _note_session(self, day: date, at_close: float, *, in_month: bool) -> None:
        world = self.world
        marks = world.ledger.table("marks")
        marks = marks.filter(pl.col("session") == day)
        held = world.ledger.positions(only_open=True)
        closes = world.data.closes[day]
        first = world.data.tickers[0]
        self.rows.append(
            SessionRow(
                session=day,
                in_month=in_month,
                spots={ticker: close.spot for ticker, close in closes.items()},
                vix=100.0 * closes[first].implied_vol,
                equity_usd=float(marks["equity_usd"][0]) if marks.height else at_close,
                broker_equity_usd=at_close,
                open_positions=len(held),
                open_risk_usd=sum(position_loss(position) for position in held),
                halted=world.ledger.halted(),
            )
        )

    def _settle(self) -> None:
        """With a broker that answers: what was not sent is sent, and two looks are taken."""
        world = self.world
        world.end_outages()
        world.now += AGAIN
        world.process("work", _work(world))
        for _ in range(2):
            world.now += AGAIN
            world.process("reconcile", lambda made: made.reconcile(world.now))


def _daily(
    made: TradingSession,
    day: date,
    plans: pl.DataFrame,
    legs: pl.DataFrame,
    world: RehearsalWorld,
    alternates: pl.DataFrame | None,
) -> bool:
    until = {session: closes for session, closes in world.data.closes.items() if session <= day}
    made.run_session(day, plans, legs, until, world.now, alternates)
    return True


def _work(world: RehearsalWorld) -> Callable[[TradingSession], object]:
    return lambda made: OrderWorker(made).advance(world.now)


def _check(world: RehearsalWorld) -> Callable[[TradingSession], object]:
    def check(made: TradingSession) -> IntradayOutcome:
        outcome = IntradayCheck(made).run(world.now)
        for position_id, reason in outcome.stopped.items():
            world.say("stop", f"{position_id} is closed: {reason}")
        if outcome.paused is not None:
            world.say("pause", f"entries are paused: {outcome.paused}")
        return outcome

    return check
