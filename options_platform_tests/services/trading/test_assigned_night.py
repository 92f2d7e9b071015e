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


def enter_until_the_day(made, session, sold, bought):
    """A call spread that expires in the session after the night."""
    (order,) = (o for o in made.ledger.orders() if o.purpose == "entry")
    name = client_order_id("paper", session, "SPY", "entry")
    legs = (OrderLeg("sell", "call", sold, NIGHT), OrderLeg("buy", "call", bought, NIGHT))
    entry = replace(
        order,
        client_order_id=name,
        position_id=name,
        session=session,
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
            # Opened in the session after the night, and half assigned at its close.
            enter_until_the_day(made, BEFORE, 338.0, 350.0)
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


@pytest.mark.long
def test_what_is_assigned_in_the_night_before_its_expiry_is_closed_before_it_expires(tmp_path):
    made = service(tmp_path)
    for day in DAYS[:2]:
        run(made, day)
    enter_until_the_day(made, DAYS[1], 250.0, 260.0)
    for day in (BEFORE, NIGHT):
        run(made, day)
    (position,) = (p for p in made.ledger.positions() if p.opened_on == BEFORE)
    assert (position.closed_on, position.exit_reason) == (NIGHT, "ASSIGNED")
    exits = [
        (o.legs[0].right, o.filled_qty)
        for o in made.ledger.orders()
        if o.purpose == "exit" and o.position_id == position.position_id and o.filled_qty
    ]
    # Those of the assignment, and those of the exercise that its cover ends in.
    assert exits == [("shares", 100), ("shares", 100)]
    # Its short shares owe the dividend, as those of the other position do.
    deliveries = [each for each in made.ledger.deliveries() if each.kind == "OPASN"]
    (paid,) = (a for a in made.broker.activities(NIGHT) if a.kind == "DIV")
    assert made.ledger.dividend_shares(paid) == {d.position_id: d.shares for d in deliveries}
    assert len(deliveries) == 2
