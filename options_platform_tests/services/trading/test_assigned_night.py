"""What a night has assigned is closed in the session after it, also where a run of that dies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import pytest

from options_platform.domain.trading.orders import OrderLeg, client_order_id
from options_platform.domain.trading.reducer import Event
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)

BEFORE, NIGHT, AFTER = DAYS[2], DAYS[3], DAYS[4]
"""The sessions before and after the night of the assignment, and the one that follows."""

CLOSES = [250.0, 249.5, 340.0, 341.0, 342.0]


class KilledError(BaseException):
    """The process dies."""


@dataclass
class Dying:
    """Dies after `last` of the moments that it counts."""

    last: int | None = None
    moments: int = 0

    def __call__(self, *_: object) -> None:
        if self.moments == self.last:
            raise KilledError
        self.moments += 1


@dataclass(frozen=True)
class DyingBroker:
    """A broker whose caller may die once it has worked a session."""

    broker: object
    die: Callable[[], None]

    def __getattr__(self, name):
        return getattr(self.broker, name)

    def work(self, session, closes):
        self.broker.work(session, closes)
        self.die()


def run(made, day):
    closes = market(CLOSES)
    # Calls this deep in the money are exercised for it.
    closes[NIGHT] = {"SPY": replace(closes[NIGHT]["SPY"], dividend=3.0)}
    plans, legs = planned(DAYS[0])
    made.run_session(day, plans, legs, closes, NOW)


def enter_for_the_day(made):
    """A spread that is opened in the session after the night, and expires in it, half assigned."""
    (order,) = (o for o in made.ledger.orders() if o.purpose == "entry")
    name = client_order_id("paper", BEFORE, "SPY", "entry")
    legs = (OrderLeg("sell", "call", 338.0, NIGHT), OrderLeg("buy", "call", 350.0, NIGHT))
    entry = replace(
        order,
        client_order_id=name,
        position_id=name,
        session=BEFORE,
        legs=legs,
        contracts=1,
        limit_price=None,
        status="intent",
        filled_qty=0,
        avg_price=None,
        fees_usd=0.0,
        placed_at=None,
        seen=False,
    )
    made.execution.carry_out(entry, Event.WANTED, NOW)


def after_dying(home, die, *, with_day_trade=False):
    """The account after the next session, where a run of the one after the night died at `die`."""
    home.mkdir()
    made = service(home)
    with made.ledger.holding():
        for day in DAYS[:3]:
            run(made, day)
        if with_day_trade:
            enter_for_the_day(made)
    try:
        run(replace(made, at=die, broker=DyingBroker(made.broker, die)), NIGHT)
    except KilledError:
        # A new process knows what the ledger has, and nothing else.
        run(service(home), NIGHT)
    run(service(home), AFTER)
    return made


def in_the_end(made):
    orders = [
        (o.client_order_id, o.status, o.filled_qty, o.avg_price) for o in made.ledger.orders()
    ]
    marks = made.ledger.table("marks").sort("session")["equity_usd"].to_list()
    return orders, made.ledger.positions(), marks, made.broker.holdings(), made.reconcile(NOW)


@pytest.mark.long
@pytest.mark.parametrize("with_day_trade", [False, True])
def test_a_run_that_dies_at_any_moment_of_an_assigned_night_changes_nothing(
    tmp_path, with_day_trade
):
    steps = Dying()
    made = after_dying(tmp_path / "whole", steps, with_day_trade=with_day_trade)
    wanted = in_the_end(made)
    assigned, *day_trades = made.ledger.positions()
    assert (assigned.closed_on, assigned.exit_reason) == (NIGHT, "ASSIGNED")
    assert [p.closed_on for p in day_trades] == [AFTER] * with_day_trade
    assert wanted[-2:] == ([], [])
    for last in count():
        if last >= steps.moments:
            break
        again = after_dying(tmp_path / str(last), Dying(last), with_day_trade=with_day_trade)
        assert in_the_end(again) == wanted, last
    assert last > 10
