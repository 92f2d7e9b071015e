"""The world of one random sequence: a fake account, a ledger, processes of ours, and time.

Each action of :mod:`.sequence_plan` is a method of the same name. A process of ours is a service
of its own over the same ledger; a kill ends it by an exception that nothing catches.
"""

import shutil
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.errors import PlatformError
from options_platform.fake_alpaca.checks import OPEN
from options_platform.fake_alpaca.symbols import contract_of
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.session import TradingSession
from options_platform.testing.alpaca_account import NOW, SESSION, WIDE, server, trader
from options_platform_tests.faults.sequences.sequence_spreads import (
    BESIDE_SET,
    CONTRACTS,
    all_symbols,
    bid_ask,
    planned,
    write_set,
)
from options_platform_tests.faults.sequences.sequence_truth import EXIT, BrokenPromiseError, Truth

FIRST_SPOT, VOL = 250.0, 0.18
# Shares that fill where a plan draws so many spreads: brokers fill any number of them.
ODD_LOTS = {None: None, 1: 1, 2: 134}
LIMITS = {
    "greeks": WIDE,
    "max_positions_per_ticker": 9,
    "max_positions": 20,
    "max_trade_risk_pct": 1.0,
    "max_ticker_risk_pct": 1.0,
    "max_expiry_risk_pct": 1.0,
    "max_group_risk_pct": 1.0,
    "max_total_risk_pct": 1.0,
    "gap": {"max_loss_pct": 1.0},
}


class Killed(BaseException):
    """A process ends here."""


class SequenceWorld:
    """One sequence as it runs; `say` is given a line for each action."""

    def __init__(self, plan, folder, say):
        self.plan, self.folder, self.say = plan, Path(folder), say
        self.fake = server(fills="rest")
        self.fake.script("rules", {"refuses_uncovered": plan.refuses_uncovered})
        self.truth = Truth(self.fake.book)
        self.now = NOW
        self.session = SESSION
        self.legs_of = {SESSION: "call"}
        self.closes = {SESSION: self._closes(FIRST_SPOT)}
        self.halted = False
        self.is_asked = False
        self.left_before_halt = set()
        self.failures = []
        # What only a person can settle: nothing at the broker tells what became of it.
        self.needs_person = False
        self._holding = ExitStack()
        budgets = {}
        if plan.overlaid:
            write_set(self.folder)
            budgets = {DEFAULT_RULE_SET: 0.5, BESIDE_SET: 0.5}
        self.settings = trader(
            self.folder,
            self.fake.address,
            timeout=5,
            risk=LIMITS,
            budgets=budgets,
            alpaca={"fake_address": self.fake.address, "timeout_seconds": 5, "retry_seconds": 0},
        ).settings
        self._quote_all("sound")

    @property
    def ledger_path(self):
        return self.settings.ledger_path

    def act(self, action):
        """Do one action and see that all promises are kept."""
        self.say(f"{self.now:%m-%d %H:%M} {action}")
        if action.kill is None:
            getattr(self, action.name)(*action.given)
        else:
            getattr(self, action.name)(*action.given, kill=action.kill)
        self.say(f"    {self._shown()}")
        self.truth.check()

    def _shown(self):
        """The account in a line: what works, and what is held."""
        working = [
            f"{o['client_order_id'][9:-11]} {o['status']} {o['filled_qty']}/{o['qty']}"
            for o in self.fake.book.orders.values()
            if o["status"] in OPEN
        ]
        return f"works: {', '.join(working) or '-'}; holds: {self.fake.book.quantities()}"

    def process(self, act, kill=None):
        """Act in a separate process, which may end at a step."""

        def at(step):
            if step == kill:
                raise Killed

        made = self.service(at)
        before, was_halted, was_asked = self.truth.entries(), self.halted, self.is_asked
        try:
            with made.ledger.holding():
                with suppress(Killed):
                    act(made)
                self.halted = self.halted or made.ledger.halted() is not None
        except PlatformError as error:
            self.failures.append(error)
            self.say(f"    {type(error).__name__}: {error}")
        new = self.truth.entries() - before
        if was_halted and new - self.left_before_halt:
            raise BrokenPromiseError(f"PAST_A_HALT: {sorted(new)}")
        if new and not was_asked:
            raise BrokenPromiseError(f"UNASKED: {sorted(new)}")

    def service(self, at=lambda _: None):
        """A trading session on the sequence's ledger, as a new process creates it."""
        return TradingSession(
            open_ledger(self.settings), open_broker(self.settings), self.settings, at
        )

    def daily_run(self, kill=None):
        """The daily run of the last close, repeated while the next session trades."""
        self._run_session(kill)

    def next_session(self, legs, spot, kill=None):
        """The session ends, the daily run of its close follows, and the next session begins."""
        self.fake.script("close", {})
        today = self.now.date()
        self.session, self.legs_of[today] = today, legs
        self.closes[today] = self._closes(spot)
        self.at(datetime.combine(today, datetime.min.time(), NEW_YORK) + timedelta(hours=16.6))
        self._run_session(kill)
        self.at(datetime.combine(shift(today, 1), NOW.timetz()))

    def _run_session(self, kill):
        session, legs = self.session, self.legs_of[self.session]
        tickers, beside = self.plan.tickers, self.plan.legs_beside(session)
        plans, plan_legs = planned(legs or "call", session, tickers)
        for ticker in tickers if legs else ():
            self.truth.planned(session, ticker, CONTRACTS)
        if beside and legs:
            others = planned(beside, session, tickers, BESIDE_SET)
            plans, plan_legs = pl.concat([plans, others[0]]), pl.concat([plan_legs, others[1]])
            for ticker in tickers:
                self.truth.planned(session, ticker, CONTRACTS, BESIDE_SET)
        if not self.halted:
            self.is_asked = True
        self.process(
            lambda made: made.run_session(
                session, plans if legs else plans.clear(), plan_legs, self.closes, self.now
            ),
            kill,
        )

    def work(self, kill=None):
        self.at(self.now + timedelta(minutes=1))
        self.process(lambda made: OrderWorker(made).advance(self.now), kill)

    def reconcile(self):
        self.process(lambda made: made.reconcile(self.now))

    def flatten(self, kill=None):
        self._halting()
        closes = self.closes[self.session]
        self.process(lambda made: Flattening(made, closes).run(self.now), kill)

    def check(self, quotes, kill=None):
        self._quote_all(quotes)
        self.process(lambda made: IntradayCheck(made).run(self.now), kill)
        self._quote_all("sound")

    def halt(self, kill=None):
        self._halting()
        self.process(lambda made: OrderWorker(made).halt(self.now, "by hand"), kill)

    def _halting(self):
        if not self.halted:
            waiting = (body.get("client_order_id") for body, _ in self.fake.underway)
            self.left_before_halt = {*waiting, *self.truth.entries()}
        self.halted, self.is_asked = True, False

    def resume(self):
        self.process(lambda made: made.ledger.resume("looked at", self.now))
        # Where nothing was halted, nothing that was asked for is void.
        self.halted, self.is_asked = False, self.is_asked and not self.halted

    def fault(self, fault):
        self.fake.script("faults", dict(fault))

    def fill(self, at, spreads):
        orders = [o for o in self.fake.book.orders.values() if o["status"] in OPEN]
        if orders:
            order = orders[at % len(orders)]
            is_of_shares = order["symbol"] and contract_of(order["symbol"]) is None
            self.fake.book.fill(order, ODD_LOTS[spreads] if is_of_shares else spreads)

    def fill_all(self):
        for order in list(self.fake.book.orders.values()):
            self.fake.book.fill(order)

    def broker_cancels(self, at):
        working = [o for o in self.fake.book.orders.values() if o["status"] in OPEN]
        if working:
            self.fake.book.cancel(working[at % len(working)])

    def lose_leg(self, side, count):
        """Contracts disappear from the account without an activity."""
        for symbol, quantity in self._contracts(side)[:1]:
            self.truth.excuse_crossing(symbol)
            lost = quantity if count is None else min(count, abs(quantity)) * _sign(quantity)
            self.fake.script("move", {"symbol": symbol, "quantity": -lost})
            self.needs_person = True
            self.truth.excuse()

    def assign(self, count, is_of_one_id):
        for symbol, quantity in self._contracts("sold")[:1]:
            self.truth.excuse_crossing(symbol)
            contracts = None if count is None else min(count, abs(quantity))
            body = {"symbol": symbol, "contracts": contracts, "same_id": is_of_one_id}
            self.fake.script("assign", body)
            self.truth.excuse()

    def split(self, kind):
        self.fake.script("split", {"ticker": "SPY", "activity": kind})
        self._quote_all("sound")
        self.truth.excuse()

    def lie(self, kind, of, length):
        """Lists lag, freeze, are incomplete, or are of yesterday."""
        if kind == "lag":
            self.fake.script("lag", {"of": of, "requests": length})
        elif kind == "freeze":
            self.fake.script("freeze", {"of": of, "requests": length})
        elif kind == "day":
            until = (self.now + timedelta(days=1)).isoformat()
            self.fake.script("freeze", {"of": of, "until": until})
        else:
            symbols = None if of == "all" else [symbol for symbol, _ in self._contracts(of)]
            self.fake.script("hide", {"symbols": symbols, "requests": length})

    def honest(self):
        cap = self.fake.habits.page_cap
        self.fake.script("honest", {})
        self.fake.habits.page_cap = cap

    def page_cap(self, orders):
        """Many orders of others, bought and sold at one price, and lists cut at 50."""
        book = self.fake.book
        for at in range(orders):
            side = "sell" if at % 2 else "buy"
            order = book.submit(
                {"symbol": "T", "side": side, "qty": "1", "type": "limit", "limit_price": "30"}
            )
            book.fill(order)
            placed = self.now - timedelta(hours=1) + timedelta(seconds=at)
            order["submitted_at"] = placed.astimezone().isoformat()
        self.fake.script("page_cap", {"cap": 50})

    def save_ledger(self):
        with self._ledger_let_go():
            shutil.copyfile(self.ledger_path, self.folder / "saved")

    def restore_ledger(self):
        with self._ledger_let_go():
            shutil.copyfile(self.folder / "saved", self.ledger_path)
        self.needs_person = True

    @contextmanager
    def ledger_held(self):
        """Keep the ledger's file open over many processes; opening it is slow."""
        self.ledger_path.write_bytes(empty_ledger(self.settings.broker))
        self._holding.enter_context(self.service().ledger.holding())
        try:
            yield
        finally:
            # Nothing reads the file again: its log need not be merged into it.
            with held(self.ledger_path, wait_seconds=0) as connection:
                connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            self._holding.close()

    @contextmanager
    def _ledger_let_go(self):
        self._holding.close()
        yield
        self._holding.enter_context(self.service().ledger.holding())

    def replace_exit(self):
        """A person replaces an exit at the broker, which gives it another id."""
        exits = [o for o in self.truth.working() if EXIT.fullmatch(o["client_order_id"])]
        for order in exits[:1]:
            price = float(order["limit_price"]) + 0.01
            self.needs_person = True
            with suppress(Exception):
                self.fake.script(
                    "replace",
                    {"client_order_id": order["client_order_id"], "limit_price": f"{price:.2f}"},
                )

    def arrive(self):
        """What was underway comes to the broker; a look at it follows before it may fill.

        One of an earlier session rests beside what was sent since, until that look cancels it.
        """
        self.fake.script("arrive", {})
        self.process(lambda made: made.reconcile(self.now))

    def at(self, moment):
        """Set the time of both sides."""
        self.now = moment
        self.fake.script("clock", {"offset_seconds": (moment - NOW).total_seconds()})
        self._quote_all("sound")

    def _contracts(self, side):
        sign = 1 if side == "bought" else -1
        return [
            (symbol, int(quantity))
            for symbol, quantity in sorted(self.fake.book.quantities().items())
            if contract_of(symbol) is not None and quantity * sign > 0
        ]

    def _closes(self, spot):
        return {ticker: MarketClose(spot, VOL, ticker=ticker) for ticker in self.plan.tickers}

    def _quote_all(self, kind):
        """Quote all contracts: well, at a stop's loss, too wide, or not at all."""
        for ticker, close in self.closes[self.session].items():
            self.fake.chains.trade(ticker, close.spot)
        for symbol in all_symbols(self.plan.tickers):
            bid, ask = bid_ask(symbol, kind)
            self.fake.chains.quote(symbol, bid, ask)


@cache
def empty_ledger(broker):
    """The bytes of a new ledger at that broker; to copy them is faster than to create it anew."""
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.duckdb", broker=broker)
        assert ledger.orders() == []
        return ledger.path.read_bytes()


def _sign(quantity):
    return 1 if quantity > 0 else -1
