"""A world for fault tests: the fake Alpaca server, and processes that trade at it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.reducer import Event
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.order_worker import OrderWorker
from options_platform.services.trading.reconciliation.accepting import accept as take_as_reported
from options_platform.testing.alpaca_account import (
    NOW,
    SESSION,
    plans_of,
    trader,
)

AFTER_CLOSE = datetime(2015, 1, 5, 16, 1, tzinfo=NEW_YORK)
POST = "POST /v2/orders"
SMALLEST_LEDGER = 12_288
CLOSES = {"SPY": MarketClose(250.0, 0.18, ticker="SPY")}
HIGH = {"SPY": MarketClose(262.0, 0.18, ticker="SPY")}
DATED = {"SPY": DatedClose(SESSION, CLOSES["SPY"])}


def trade(made, tickers=("SPY",), *, now=NOW, session=SESSION, spot=250.0, **changes):
    plans, legs = plans_of(tickers, session, **changes)
    closes = {session: {ticker: MarketClose(spot, 0.18, ticker=ticker) for ticker in tickers}}
    made.run_session(session, plans, legs, closes, now)
    return made.ledger.orders()


def advance(made, now=NOW, fake=None):
    """One step of the order worker at `now`, by the clocks of both sides."""
    if fake is not None:
        at_clock(fake, now)
    return OrderWorker(made).advance(now)


def start(home, address, step="never", tickers=("SPY",), action="trade", **environment):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "options_platform_tests.faults.world",
            str(home),
            address,
            step,
            ",".join(tickers),
            action,
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process, seconds=120):
    _, output = process.communicate(timeout=seconds)
    return process.returncode, output


def kill_when(process, happened, seconds=60):
    """kill -9 once `happened()`; the process must not have ended by itself."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert ended(process)[0] == -signal.SIGKILL


def statuses(fake):
    with fake.lock:
        return sorted(order["status"] for order in fake.book.orders.values())


def contracts(fake):
    return {symbol: quantity for symbol, (quantity, _) in fake.book.positions.items()}


def exits(made):
    found = [order for order in made.ledger.orders() if order.purpose == "exit"]
    return sorted(found, key=lambda order: order.attempt)


def quote(fake, legs, mids, width=0.1):
    for leg, mid in zip(legs, mids, strict=True):
        sides = {"bid": mid - width / 2, "ask": mid + width / 2}
        fake.script("quote", {"symbol": leg.symbol("SPY"), **sides})


def at_clock(fake, moment):
    fake.script("clock", {"offset_seconds": (moment - NOW).total_seconds()})


def daily(made, fake, day, spots, tickers=(), *, at_night=False):
    """The daily run of `day`, that evening or in the night after, with plans for `tickers`."""
    midnight = datetime.combine(shift(day, 1) if at_night else day, datetime.min.time(), NEW_YORK)
    moment = midnight + (timedelta(minutes=30) if at_night else timedelta(hours=16, minutes=31))
    at_clock(fake, moment)
    plans, legs = plans_of(tickers or ("SPY",), day)
    closes = {
        day: {ticker: MarketClose(spot, 0.18, ticker=ticker) for ticker, spot in spots.items()}
    }
    made.run_session(day, plans if tickers else plans.clear(), legs, closes, moment)


def open_beside(made, order, legs, number="beside"):
    """Another position with these legs, opened like that of `order`."""
    another = replace(
        order,
        client_order_id=number,
        position_id=number,
        legs=legs,
        status="intent",
        filled_qty=0,
        avg_price=None,
        fees_usd=0.0,
        placed_at=None,
        seen=False,
        withdrawn=False,
    )
    made.execution.carry_out(another, Event.WANTED, NOW)
    assert made.reconcile(NOW) == []


def seen_once(made, fake, now=NOW):
    """A check at the quotes of now, early enough that the next one confirms it."""
    earlier = now - timedelta(seconds=made.settings.intraday.confirm_seconds)
    at_clock(fake, earlier)
    found = IntradayCheck(made).run(earlier)
    at_clock(fake, now)
    return found


def accept(made, now, reason):
    """Reconcile and accept the differences; returns those that remain."""
    made.reconcile(now)
    return accept_unseen(made, now, reason)


def codes(made, now=NOW):
    """What differs as of `now`, by code."""
    with made.exclusively():
        return {difference.code for difference in made.reconciler.run(now)}


def accept_unseen(made, now, reason):
    """A person takes over what differs without a look at it, as the command does."""
    with made.exclusively():
        return take_as_reported(made.reconciler, now, reason)


def lose_the_bought_leg(fake):
    bought = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": bought, "quantity": -contracts(fake)[bought]})


def resting_at_its_worst_price(made, fake, reason, *, climb=True):
    """An exit decided on the close at 1.80 that does not fill; its worst price is 1.08."""
    fake.fills = "rest"
    position = made.ledger.positions()[0]
    with made.ledger.trading():
        made.closing.close_position(position, SESSION, reason, None, NOW)
    for minute in (1, 2) if climb else ():
        advance(made, NOW + timedelta(minutes=minute), fake)
    return exits(made)[-1]


def shown_again(fake, order, spreads, then):
    """An order that had ended fills after all, and has the status `then` afterwards."""
    with fake.lock:
        held = fake.book.by_client_id(order.client_order_id)
        for part in [held, *held["legs"]]:
            part["status"] = "new"
        fake.book.fill(held, spreads)
        for part in [held, *held["legs"]]:
            part["status"] = then


def closed_at_once(made, fake):
    fake.fills = "limit"
    at_clock(fake, NOW)
    problems = Flattening(made, CLOSES).run(NOW)
    assert problems == []
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def assert_sound(made, fake):
    """Nothing is lost or doubled: each side knows the other's orders and contracts."""
    ours = {o.client_order_id: o for o in made.ledger.orders() if o.status != "not_sent"}
    theirs = {o["client_order_id"]: o for o in fake.book.orders.values()}
    assert set(theirs) <= set(ours)
    for number, order in ours.items():
        filled = int(theirs[number]["filled_qty"]) if number in theirs else 0
        assert order.filled_qty == filled, number
    held = {s: int(q) for s, (q, _) in fake.book.positions.items()}
    assert made.ledger.statement().contracts == held
    by_purpose = {}
    for order in made.ledger.orders():
        key = (order.session, order.ticker, order.purpose, order.position_id)
        by_purpose.setdefault(key, []).append(order)
    for orders in by_purpose.values():
        orders.sort(key=lambda order: order.attempt)
        assert [order.attempt for order in orders] == list(range(1, len(orders) + 1))
        assert all(order.is_final or order.withdrawn for order in orders[:-1])


def assert_full_disk_lost_nothing(home, fake):
    """However much of a first order could be written, a repeated run leaves one order."""
    made = trader(home, fake.address)
    # A ledger is made whole or not at all.
    assert not made.ledger.path.exists() or made.ledger.path.stat().st_size >= SMALLEST_LEDGER
    trade(made)
    assert statuses(fake) == ["filled"]
    assert_sound(made, fake)


def main(home, address, step, tickers, action):
    def crash(reached):
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    if os.environ.get("MOST_BYTES"):
        import resource

        size = int(os.environ["MOST_BYTES"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    made = trader(
        home,
        address,
        at=crash,
        wait=float(os.environ.get("WAIT", "60")),
        timeout=float(os.environ.get("TIMEOUT", "2")),
    )
    if action == "trade":
        trade(made, tuple(tickers.split(",")))
    elif action == "check":
        IntradayCheck(made).run(NOW)
    else:
        advance(made, datetime.fromisoformat(action))


if __name__ == "__main__":
    from options_platform.errors import PlatformError

    with suppress(BrokenPipeError):
        try:
            main(*sys.argv[1:])
        except PlatformError as error:
            print(f"refused: {error}", file=sys.stderr)
            sys.exit(1)
