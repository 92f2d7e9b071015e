"""The broker is silent from before a Friday's expiry until after the next session's open."""

from datetime import datetime, time, timedelta

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK, newest_session, sessions, shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.testing.alpaca_account import plans_of
from options_platform_tests.drills.account import at_time, sent_orders, trading_in
from options_platform_tests.drills.followed import Drill
from options_platform_tests.faults.world import assert_sound, contracts, trade

FRIDAY = 4


def last_friday_expiry():
    """The newest session whose plan's expiry was a Friday before now, and that expiry."""
    now = datetime.now(NEW_YORK)
    for session in reversed(sessions(now.date() - timedelta(days=70), now.date())):
        expiry = plans_of(("SPY",), session)[1]["expiry"][0]
        if expiry.weekday() == FRIDAY and expiry < newest_session(now):
            return session, expiry
    raise AssertionError("no such expiry")


def spots_at_expiry(made):
    """SPY ends between its strikes, whose bought call is exercised, and QQQ below both."""
    strikes = [leg.strike for leg in made.ledger.orders()[0].legs]
    return {"SPY": sum(strikes) / len(strikes), "QQQ": min(strikes) - 10}


def nightly_run(made, session, spots, fake):
    """The daily run of a session, in the night after it, by the stored closes."""
    midnight = datetime.combine(shift(session, 1), time(0), NEW_YORK)
    plans, legs = plans_of(("SPY",), session)
    closes = {t: MarketClose(spot, 0.18, ticker=t) for t, spot in spots.items()}
    now = at_time(fake, midnight + timedelta(minutes=30))
    made.run_session(session, plans, legs, {session: closes}, now)


@pytest.mark.long
def test_nothing_is_concluded_from_a_silent_weekend_and_what_expired_ends_by_evidence(tmp_path):
    session, expiry = last_friday_expiry()
    with FakeAlpaca() as fake:
        made = trading_in(tmp_path, fake)
        opened = at_time(fake, datetime.combine(shift(session, 1), time(10), NEW_YORK))
        trade(made, ("SPY", "QQQ"), session=session, now=opened)
        held = contracts(fake)
        spots = spots_at_expiry(made)
        spreads = made.ledger.orders()[0].contracts
        fake.script("faults", {"on": "", "do": "status", "status": 503, "times": 10**6})
        for night in (shift(expiry, -2), shift(expiry, -1), expiry):
            nightly_run(made, night, spots, fake)
        at_time(fake, datetime.now(NEW_YORK))

        drill = Drill(
            "The broker is down over a weekend",
            tmp_path,
            OPTIONS_ALPACA__FAKE_ADDRESS=fake.address,
        )
        assert "The broker does not answer" in drill.run("options-platform reconcile", code=1)
        assert "ledger and broker differ: BROKER" in drill.run("options-platform alerts")
        halted = drill.run('options-platform halt --reason "the broker is down"')
        assert "New orders are halted (the broker is down)" in halted
        shown = drill.run("options-platform positions")
        assert all(f"-{ticker}…" in shown for ticker in spots)
        assert contracts(fake) == held
        assert {order.reason for order in made.ledger.orders() if order.purpose == "exit"} == {
            "EXPIRY_NEAR"
        }
        before = sent_orders(fake)

        fake.faults.clear()
        fake.script("expire", {"date": str(expiry), "spots": spots})
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")
        shown = drill.run("options-platform positions")
        assert f"+{100 * spreads} shares" in shown
        assert "-QQQ…" not in shown
        orders = drill.run("options-platform orders")
        assert orders.count(f"expired 0/{spreads}") == len(spots)
        assert f"not sent 0/{spreads} halted" in orders
        drill.run('options-platform resume --reason "the broker is back, and agrees"')
        drill.done()
        assert sent_orders(fake) == before
        assert_sound(made, fake)
