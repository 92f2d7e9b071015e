"""Impossible last prices, and those seen in only one check, decide nothing; real ones do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.services.trading.prices.live_quotes import present_market
from options_platform.testing.alpaca_account import NOW, trader
from options_platform_tests.faults.prices.test_wide_quotes import crash_quoted, look, opened, quoted
from options_platform_tests.faults.world import DATED, at_clock, contracts, daily, exits, trade

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


@pytest.fixture
def made(tmp_path, fake):
    """An account that sold one spread for a credit, and knows yesterday's close."""
    return opened(tmp_path, fake)


def spot_of(made, fake, after=timedelta(0)):
    at_clock(fake, NOW + after)
    held = made.ledger.positions()
    return present_market(made.broker, made.settings, made.closes, held, made.ledger).spots.get(
        "SPY"
    )


def test_one_stray_print_beside_wide_quotes_stops_nothing(made, fake):
    crash_quoted(made, fake)
    found = look(made, fake, spot=25.0)
    assert (found.stopped, exits(made)) == ({}, [])
    found = look(made, fake, timedelta(minutes=2), spot=250.0)
    assert (found.stopped, exits(made)) == ({}, [])


def test_a_price_far_from_the_close_counts_once_a_second_check_confirms_it(made, fake):
    fake.script("trade", {"ticker": "SPY", "price": 170.0})
    quoted(made, fake, (86.0, 90.0), (81.0, 85.0))
    assert spot_of(made, fake) is None
    assert spot_of(made, fake, timedelta(seconds=30)) is None
    fake.script("trade", {"ticker": "SPY", "price": 168.0})
    assert spot_of(made, fake, timedelta(seconds=61)) == 168.0


@pytest.mark.parametrize("price", ["Infinity", "NaN", "-1", "0"])
def test_a_price_that_is_not_a_number_does_not_end_the_check(made, fake, price):
    body = {"trades": {"SPY": {"p": float(price), "s": 1, "t": NOW.isoformat()}}}
    on = "GET /v2/stocks/trades/latest"
    fake.script("faults", {"on": on, "do": "status", "status": 200, "body": body, "times": 99})
    assert look(made, fake).stopped == {}


def test_a_contract_of_an_adjusted_root_is_never_priced_by_the_model(tmp_path, fake):
    """The stock trades at half after a split, and the spread has the same value."""
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("split", {"ticker": "SPY"})
    fake.script("trade", {"ticker": "SPY", "price": 125.0})
    mark = made.ledger.positions()[0].mark_price
    for minutes in (0, 2, 20):
        found = look(made, fake, timedelta(minutes=minutes))
    assert (found.stopped, exits(made)) == ({}, [])
    fake.fills = "rest"
    daily(made, fake, NOW.date(), {"SPY": 125.0})
    assert exits(made) == []
    assert made.ledger.positions()[0].mark_price == mark


def test_frozen_quotes_delay_a_stop_for_a_quarter_of_an_hour_at_most(made, fake):
    quoted(made, fake, (1.0, 1.04), (0.7, 0.74))
    stopped = []
    for minutes in range(1, 19):
        found = look(made, fake, timedelta(minutes=minutes), spot=235.0)
        stopped += [minutes] if found.stopped else []
        if stopped:
            break
    assert stopped
    assert stopped[0] <= 16
    assert contracts(fake)


def test_a_single_short_is_bought_back_at_the_ask_of_a_wide_market(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made)
    fake.script("rules", {"refuses_uncovered": False})
    low, high = made.ledger.positions()[0].legs
    fake.script("move", {"symbol": low.symbol("SPY"), "quantity": -8})
    fake.script("trade", {"ticker": "SPY", "price": 290.0})
    fake.fills = "rest"
    for minutes in range(0, 8, 2):
        moment = NOW + timedelta(minutes=minutes)
        at_clock(fake, moment)
        fake.script("quote", {"symbol": high.symbol("SPY"), "bid": 40.0, "ask": 50.0})
        IntradayCheck(made).run(moment)
    alone = [o for o in exits(made) if len(o.legs) == 1]
    assert alone
    assert alone[-1].limit_price == pytest.approx(50.0)
