"""Zero lost, zero doubled, whatever sequence of faults, kills, fills and repeats.

A state machine drives the platform against the fake Alpaca server and checks, after each step,
what a plain model says: which orders may exist at the broker and how much of them may be filled.
"""

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from options_platform.adapters.desk import Desk
from options_platform.adapters.flattening import Flattening
from options_platform_tests.faults.world import NOW, assert_sound, server, trade, trader

STEPS = ("intent recorded", "sending", "submitted", "recorded", "to be canceled", "canceled")
POST_FAULTS = st.sampled_from(
    [
        {"do": "status_after", "status": 504},
        {"do": "status_after", "status": 502},
        {"do": "status", "status": 502},
        {"do": "status", "status": 429},
        {"do": "status", "status": 403, "body": {"code": 1, "message": "insufficient power"}},
        {"do": "drop"},
        {"do": "drop_after"},
        {"do": "late", "seconds": 0.03},
        {"do": "hang", "seconds": 0.3},
        {"do": "hang_after", "seconds": 0.3},
        {"do": "outcome", "then": "reject"},
        {"do": "outcome", "then": "fill"},
        {"do": "outcome", "then": "part", "spreads": 1},
    ]
)
OTHER_FAULTS = st.sampled_from(
    [
        {"on": "GET /v2/orders:by", "do": "status", "status": 404},
        {"on": "GET /v2/orders:by", "do": "status", "status": 502},
        {"on": "GET /v2/orders", "do": "status", "status": 200, "body": []},
        {"on": "GET", "do": "drop"},
        {"on": "GET", "do": "status", "status": 502, "times": 4},
        {"on": "DELETE", "do": "pending_cancel"},
        {"on": "DELETE", "do": "status_after", "status": 504},
        {"on": "DELETE", "do": "drop"},
    ]
)
KILLS = st.one_of(st.none(), st.sampled_from(STEPS))
MEMORY = Path("/dev/shm")
OVER = ("canceled", "rejected", "expired")


class Killed(BaseException):
    """The process ends here."""


class Trading(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        # In memory where that is possible: thousands of small transactions.
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.fake = server(fills="rest")
        self.fake.__enter__()
        self.minutes = 0

    @initialize(
        tickers=st.sampled_from([("SPY",), ("SPY", "QQQ")]),
        faults=st.lists(POST_FAULTS, max_size=2),
        kill=KILLS,
    )
    def begin(self, tickers, faults, kill):
        self.tickers = tickers
        for fault in faults:
            self.fake.script("faults", dict(fault))
        self.process(kill, lambda made: trade(made, self.tickers))

    def process(self, kill, act):
        """Act in a process of its own, which may end at a step."""

        def at(step):
            if step == kill:
                raise Killed

        made = trader(Path(self.folder.name), self.fake.address, at=at, timeout=0.2)
        with suppress(Killed):
            return act(made)

    @property
    def now(self):
        return NOW + timedelta(minutes=self.minutes)

    @property
    def orders(self):
        return list(self.fake.book.orders.values())

    @rule(fault=POST_FAULTS)
    def a_fault_of_the_next_order(self, fault):
        self.fake.script("faults", dict(fault))

    @rule(fault=OTHER_FAULTS)
    def a_fault_of_another_request(self, fault):
        self.fake.script("faults", dict(fault))

    @rule(kill=KILLS)
    def the_daily_run(self, kill):
        self.process(kill, lambda made: trade(made, self.tickers, now=self.now))

    @rule(kill=KILLS)
    def a_step_of_the_ladder(self, kill):
        self.minutes += 1
        self.fake.script("clock", {"offset_seconds": self.minutes * 60})
        self.process(kill, lambda made: Desk(made).advance(self.now))

    @rule()
    def a_reconciliation(self):
        self.process(None, lambda made: made.reconcile(self.now))

    @rule(kill=KILLS)
    def everything_is_to_be_closed(self, kill):
        self.process(kill, lambda made: Flattening(made, {}).run(self.now))

    @rule(number=st.integers(0, 9), spreads=st.one_of(st.none(), st.integers(1, 2)))
    def a_fill(self, number, spreads):
        with self.fake.lock:
            if self.orders:
                self.fake.book.fill(self.orders[number % len(self.orders)], spreads)

    @rule(number=st.integers(0, 9))
    def the_broker_cancels(self, number):
        with self.fake.lock:
            working = [o for o in self.orders if o["status"] not in (*OVER, "filled")]
            if working:
                self.fake.book.cancel(working[number % len(working)])

    @invariant()
    def nothing_is_lost_or_doubled_at_the_broker(self):
        with self.fake.lock:
            orders = [dict(order) for order in self.orders]
            held = {s: int(q) for s, (q, _) in self.fake.book.positions.items()}
        made = trader(Path(self.folder.name), self.fake.address)
        ours = {o.client_order_id: o for o in made.ledger.orders()} if made.ledger.exists else {}
        live = {}
        for order in orders:
            known = ours[order["client_order_id"]]
            filled = int(order["filled_qty"])
            assert filled <= known.contracts
            if order["status"] not in OVER or filled:
                key = (known.purpose, known.position_id)
                live.setdefault(key, []).append((order["status"], filled, known))
        entries = {}
        for (purpose, position), found in live.items():
            working = [status for status, _, _ in found if status not in (*OVER, "filled")]
            assert len(working) <= 1, found
            if purpose == "entry":
                assert len(found) == 1, found
                entries[position] = found[0][1]
        for (purpose, position), found in live.items():
            if purpose == "exit":
                assert sum(filled for _, filled, _ in found) <= entries[position]
        # Spreads keep their legs in ratio: as many bought as sold, however many are filled.
        assert sum(held.values()) == 0

    def teardown(self):
        try:
            self.fake.faults.clear()
            self.fake.script("release", {})
            # A request on its way arrives within this.
            self.fake.released.wait(0.05)
            made = trader(Path(self.folder.name), self.fake.address)
            if made.ledger.exists:
                made.reconcile(self.now)
                assert_sound(made, self.fake)
                doubtful = [d for d in made.ledger.differences() if d.code != "ORDER_DOUBTFUL"]
                assert [d for d in doubtful if d.code != "ORDER_MISSING"] == []
        finally:
            self.fake.__exit__()
            self.folder.cleanup()


def run_many(count, steps):
    run_state_machine_as_test(
        Trading,
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_is_lost_or_doubled_in_a_few_sequences_of_faults():
    run_many(4, 6)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_order_is_lost_or_doubled_in_five_hundred_sequences_of_faults():
    run_many(500, 10)
