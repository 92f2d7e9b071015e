"""A loss within a session pauses entries at once, and halts them once it is confirmed."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.pauses import pause_of
from options_platform.testing.alpaca_account import NOW, WIDE, trader
from options_platform_tests.faults.world import DATED, POST, advance, at_clock, daily, quote, trade

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]

LIMIT = {"greeks": WIDE, "kill_switch": {"max_daily_loss_pct": 0.01}}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def made(tmp_path, fake):
    """8 spreads bought at 1.80: worth 0.50 they have lost 1,040 USD, more than a hundredth."""
    opened = replace(trader(tmp_path, fake.address, risk=LIMIT), closes=DATED)
    trade(opened)
    fake.fills = "rest"
    return opened


def look(made, fake, after, mids, width=0.1, *, spot=None):
    at_clock(fake, NOW + after)
    quote(fake, made.ledger.positions()[0].legs, mids, width)
    if spot is not None:
        fake.script("trade", {"ticker": "SPY", "price": spot})
    return IntradayCheck(made).run(NOW + after)


def entry(made, ticker):
    return next(o for o in made.ledger.orders() if o.ticker == ticker)


LOSS, WELL = (1.5, 1.0), (2.8, 1.0)


def test_one_check_with_a_loss_pauses_and_cancels_entries_without_a_halt(made, fake):
    trade(made, ("SPY", "QQQ"))
    assert entry(made, "QQQ").status == "accepted"
    found = look(made, fake, MINUTE, LOSS)
    assert found.paused.startswith("DAILY_LOSS: ")
    assert (found.halted, made.ledger.halted()) == (None, None)
    assert entry(made, "QQQ").status == "canceled"
    sent = fake.count(POST)
    trade(made, ("SPY", "IWM"))
    assert (entry(made, "IWM").status, entry(made, "IWM").reason) == ("not_sent", "PAUSED")
    assert fake.count(POST) == sent


def test_a_later_check_halts_and_an_immediate_one_does_not(made, fake):
    look(made, fake, MINUTE, LOSS)
    assert look(made, fake, 1.5 * MINUTE, LOSS).halted is None
    found = look(made, fake, 2 * MINUTE, LOSS)
    assert found.halted.startswith("DAILY_LOSS: ")
    assert (found.paused, made.ledger.halted()) == (None, found.halted)
    # It latches, whatever comes.
    assert look(made, fake, 3 * MINUTE, WELL).halted == found.halted


def test_a_check_without_the_loss_lifts_the_pause(made, fake):
    look(made, fake, MINUTE, LOSS)
    found = look(made, fake, 2 * MINUTE, WELL)
    assert (found.paused, found.halted) == (None, None)
    details = made.ledger.table("account_events").filter(kind="paused")["detail"].to_list()
    assert [text.partition(":")[0] for text in details] == ["since 2015-01-05T10", "lifted"]
    trade(made, ("SPY", "QQQ"), now=NOW + 2 * MINUTE)
    assert entry(made, "QQQ").status == "accepted"


def test_wide_quotes_pause_and_do_not_halt_until_the_underlying_agrees(made, fake):
    """The mids do not change, but 4 USD of width in each leg allow any value."""
    assert look(made, fake, MINUTE, (2.1, 2.0), 4.0, spot=250.0).paused is not None
    for after in (2, 8):
        found = look(made, fake, after * MINUTE, (2.1, 2.0), 4.0, spot=250.0)
        assert (found.halted, found.paused is None) == (None, False)
    found = look(made, fake, 9 * MINUTE, (2.1, 2.0), 4.0, spot=230.0)
    assert found.halted.startswith("DAILY_LOSS: ")


@pytest.mark.parametrize(("spot", "halted"), [(230.0, True), (251.0, False)])
def test_the_close_decides_if_no_later_check_did(made, fake, spot, halted):
    look(made, fake, MINUTE, LOSS)
    daily(made, fake, NOW.date(), {"SPY": spot})
    assert pause_of(made.ledger) is None
    assert (made.ledger.halted() is not None) is halted


def test_a_daily_run_for_an_earlier_session_lifts_nothing(made, fake):
    """Its closes were known before the loss."""
    look(made, fake, MINUTE, LOSS)
    trade(made)
    assert pause_of(made.ledger) is not None


def test_an_entry_that_arrives_during_a_pause_is_canceled_by_the_next_step(made, fake):
    fake.script("faults", {"do": "late", "seconds": 4.0})
    trade(made, ("SPY", "QQQ"))
    assert entry(made, "QQQ").status == "unknown"
    look(made, fake, MINUTE, LOSS)
    while len(fake.book.orders) < 2:
        time.sleep(0.01)
    for after in (2, 3):
        advance(made, NOW + after * MINUTE, fake)
    assert entry(made, "QQQ").status in ("canceled", "not_sent")


def test_a_pause_is_one_alert(made, fake):
    look(made, fake, MINUTE, LOSS)
    (alert,) = alerts_of(made.settings, made.ledger, NOW + MINUTE)
    assert alert.key == "paused"
    assert "DAILY_LOSS" in alert.text
    look(made, fake, 2 * MINUTE, WELL)
    assert alerts_of(made.settings, made.ledger, NOW + 2 * MINUTE) == []
