"""Wide quotes: they alone cause no stop, silence none, and lead to no bad offer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.services.trading.account_state import alerts_of
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    advance,
    assert_sound,
    at_clock,
    daily,
    ended,
    exits,
    open_beside,
    quote,
    resting_at_its_worst_price,
    start,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]

QUARTER = timedelta(minutes=15)
# Sold at 0.39, 5 wide: its stop is a value of -1.17. The model says -0.35 at 250, and at
# 235 at most -2.16.
CALM, CRASH = 250.0, 235.0


@pytest.fixture
def made(tmp_path, fake):
    """An account that sold one spread for a credit, and knows yesterday's close."""
    return opened(tmp_path, fake)


def opened(home, fake):
    made = replace(trader(home, fake.address), closes=DATED)
    trade(made, regime="iv_contraction")
    assert made.ledger.positions()[0].entry_price == pytest.approx(-0.39)
    fake.fills = "rest"
    return made


def look(made, fake, after=timedelta(0), *, spot=None):
    """A check `after` that time; the underlying trades at `spot` then."""
    at_clock(fake, NOW + after)
    if spot is not None:
        fake.script("trade", {"ticker": "SPY", "price": spot})
    return IntradayCheck(made).run(NOW + after)


def quoted(made, fake, sold, bought):
    """Bid and ask of the sold and the bought leg."""
    sides = {"sell": sold, "buy": bought}
    for leg in made.ledger.positions()[0].legs:
        bid, ask = sides[leg.side]
        fake.script("quote", {"symbol": leg.symbol("SPY"), "bid": bid, "ask": ask})


def crash_quoted(made, fake):
    """Worth -4.50 by the mids, but anything within the quotes."""
    quoted(made, fake, (0.0, 12.0), (0.0, 3.0))


def prices(made):
    return [order.limit_price for order in exits(made)]


def number(made):
    return made.ledger.positions()[0].position_id


def test_wide_quotes_confirm_neither_a_stop_nor_each_other(made, fake):
    crash_quoted(made, fake)
    for minute in (0, 2, 14):
        found = look(made, fake, timedelta(minutes=minute), spot=CALM)
        assert (found.stopped, found.halted, list(found.doubts)) == ({}, None, [number(made)])
    assert exits(made) == []


def test_a_stop_needs_two_checks_at_least_a_minute_apart(made, fake):
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    assert look(made, fake).stopped == {}
    found = look(made, fake, timedelta(seconds=59))
    assert (found.stopped, "second look" in found.doubts[number(made)]) == ({}, True)
    found = look(made, fake, timedelta(seconds=60))
    assert found.stopped == {number(made): "STOP_LOSS"}
    assert prices(made) == [1.5]


def test_a_check_without_the_loss_resets_the_first_one(made, fake):
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    look(made, fake)
    quoted(made, fake, (0.8, 0.9), (0.5, 0.6))
    assert look(made, fake, timedelta(minutes=2)).doubts == {}
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    assert look(made, fake, timedelta(minutes=4)).stopped == {}
    assert exits(made) == []


def test_a_check_with_wide_quotes_in_between_resets_nothing(made, fake):
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    look(made, fake)
    crash_quoted(made, fake)
    look(made, fake, timedelta(minutes=2))
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    assert look(made, fake, timedelta(minutes=4)).stopped == {number(made): "STOP_LOSS"}


def test_another_process_knows_the_first_check(tmp_path, made, fake, kept_open):
    kept_open.close()
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    assert ended(start(tmp_path, fake.address, action="check"))[0] == 0
    assert exits(made) == []
    at_clock(fake, NOW + timedelta(minutes=1))
    assert ended(start(tmp_path, fake.address, action="check"))[0] == 0
    assert [order.reason for order in exits(made)] == ["STOP_LOSS"]


def test_a_check_of_another_day_confirms_nothing(made, fake):
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    look(made, fake)
    next_day = timedelta(days=1)
    at_clock(fake, NOW + next_day)
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    assert look(made, fake, next_day).stopped == {}


def test_the_underlying_confirms_a_stop_at_the_first_check(made, fake):
    quoted(made, fake, (2.4, 2.5), (0.5, 0.6))
    assert look(made, fake, spot=CRASH).stopped == {number(made): "STOP_LOSS"}
    assert prices(made) == [1.9]


@pytest.mark.parametrize("stale", [False, True])
def test_wide_quotes_and_the_underlying_together_stop_at_once_at_the_models_price(
    made, fake, stale
):
    """An old last trade does not count."""
    crash_quoted(made, fake)
    if stale:
        at_clock(fake, NOW - timedelta(minutes=6))
        fake.script("trade", {"ticker": "SPY", "price": CRASH})
    found = look(made, fake, spot=None if stale else CRASH)
    assert bool(found.stopped) is not stale
    # What the fall may have added to volatility makes it dearer than yesterday's would.
    assert prices(made) == ([] if stale else [2.15])


def test_quotes_that_imply_the_stop_on_either_side_confirm_it_however_wide(made, fake):
    """Every value between the quotes is a loss of more than the stop."""
    quoted(made, fake, (3.0, 5.0), (0.5, 1.5))
    assert look(made, fake, spot=CALM).stopped == {}
    found = look(made, fake, timedelta(minutes=1), spot=CALM)
    assert found.stopped == {number(made): "STOP_LOSS"}


def test_the_maximum_loss_in_tight_quotes_stops_though_the_model_shows_no_loss(made, fake):
    quoted(made, fake, (6.0, 6.1), (1.0, 1.1))
    assert look(made, fake, spot=CALM).stopped == {}
    found = look(made, fake, timedelta(minutes=1), spot=CALM)
    assert found.stopped == {number(made): "STOP_LOSS"}
    assert prices(made) == [5.0]


def unsure(made, fake, kind):
    """Quotes that would hide a crash: their mid shows no loss, or there are none."""
    if kind == "wide":
        quoted(made, fake, (0.0, 1.3), (0.0, 1.0))
        return
    for leg in made.ledger.positions()[0].legs:
        body = {"symbol": leg.symbol("SPY"), "bid": 3.0, "ask": 2.0}
        fake.script("quote", body)
    if kind == "away":
        fault = {"on": "GET /v1beta1/options/quotes", "do": "status", "status": 502, "times": 999}
        fake.script("faults", fault)


@pytest.mark.parametrize("kind", ["wide", "crossed", "away"])
def test_after_a_quarter_of_an_hour_the_model_stops_it_with_an_alert(made, fake, kind):
    unsure(made, fake, kind)
    for minute in (0, 5, 14):
        found = look(made, fake, timedelta(minutes=minute), spot=CRASH)
        assert (found.stopped, found.by_model) == ({}, ())
    assert alerts_of(made.settings, made.ledger, NOW) == []
    found = look(made, fake, QUARTER, spot=CRASH)
    assert found.stopped == {number(made): "STOP_LOSS"}
    assert found.by_model == (number(made),)
    # 1.30 is asked for the sold leg, and nothing bid for the bought one.
    assert prices(made) == [1.3 if kind == "wide" else 2.15]
    for _ in range(2):
        (alert,) = alerts_of(made.settings, made.ledger, NOW + QUARTER)
        assert alert.key == f"quotes {number(made)}"
        assert "wide or missing since 10:00 New York" in alert.text
    tomorrow = [each.key for each in alerts_of(made.settings, made.ledger, NOW + timedelta(days=1))]
    assert tomorrow == ["missed 2015-01-05"]


def test_quotes_that_are_tight_again_end_the_alert(made, fake):
    crash_quoted(made, fake)
    look(made, fake, spot=CALM)
    found = look(made, fake, QUARTER, spot=CALM)
    # The model holds it, whatever the mids say.
    assert (found.stopped, found.by_model) == ({}, (number(made),))
    assert len(alerts_of(made.settings, made.ledger, NOW + QUARTER)) == 1
    quoted(made, fake, (0.8, 0.9), (0.5, 0.6))
    assert look(made, fake, QUARTER * 2, spot=CALM).by_model == ()
    assert alerts_of(made.settings, made.ledger, NOW + QUARTER * 2) == []


def test_without_a_spot_the_mid_of_wide_quotes_stops_it_after_the_same_time(made, fake):
    """The stop is confirmed, but it does not pay 4.50, which nobody asked."""
    crash_quoted(made, fake)
    assert look(made, fake).stopped == {}
    fault = {"on": "GET /v2/stocks/trades", "do": "status", "status": 500, "times": 999}
    fake.script("faults", fault)
    assert look(made, fake, QUARTER).stopped == {number(made): "STOP_LOSS"}
    for minute in range(16, 24):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert prices(made) == [0.39, 0.46, 0.54]


def test_without_usable_quotes_and_spot_the_position_is_reported_as_unpriced(made, fake):
    unsure(made, fake, "crossed")
    look(made, fake)
    found = look(made, fake, QUARTER)
    assert (found.stopped, found.by_model) == ({}, (number(made),))
    assert len(alerts_of(made.settings, made.ledger, NOW + QUARTER)) == 1


def watched(made, fake, *, spot=None, closes_after=None):
    """A run that checks until nothing is in doubt; returns its outcome and its waiting time."""
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        after = timedelta(seconds=sum(waits))
        is_over = closes_after is not None and after >= closes_after
        at_clock(fake, NOW + (timedelta(hours=7) if is_over else after))
        if spot is not None:
            fake.script("trade", {"ticker": "SPY", "price": spot})

    if spot is not None:
        fake.script("trade", {"ticker": "SPY", "price": spot})
    found = IntradayCheck(made).watch(lambda: NOW + timedelta(seconds=sum(waits)), sleep)
    return found, waits


def test_a_run_checks_again_after_a_minute_which_confirms_a_stop(made, fake):
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    found, waits = watched(made, fake)
    assert (found.stopped, waits) == ({number(made): "STOP_LOSS"}, [60.0])
    assert len(exits(made)) == 1


def test_a_run_waits_for_wide_quotes_for_a_quarter_of_an_hour_to_the_second(made, fake):
    unsure(made, fake, "wide")
    found, waits = watched(made, fake, spot=CRASH)
    assert (found.stopped, sum(waits)) == ({number(made): "STOP_LOSS"}, 900.0)
    assert found.look_again_seconds is None


def test_a_run_ends_once_the_model_decides_even_if_quotes_stay_wide(made, fake):
    crash_quoted(made, fake)
    found, waits = watched(made, fake, spot=CALM)
    assert (found.stopped, found.by_model, sum(waits)) == ({}, (number(made),), 900.0)


def test_a_run_without_doubts_checks_once_and_another_ends_with_the_market(made, fake):
    quoted(made, fake, (0.8, 0.9), (0.5, 0.6))
    assert watched(made, fake)[1] == []
    crash_quoted(made, fake)
    found, waits = watched(made, fake, closes_after=timedelta(minutes=3))
    assert (found.stopped, sum(waits)) == ({}, 180.0)


@pytest.mark.parametrize("kind", ["wide", "crossed", "away"])
def test_the_day_before_expiry_closes_without_checking_quotes(tmp_path, fake, kind):
    made = opened(tmp_path, fake)
    (first,) = made.ledger.orders()
    # Decided on the session two before its expiry: the last in which it can be closed.
    near = tuple(replace(leg, expiry=NOW.date() + timedelta(days=1)) for leg in first.legs)
    fake.fills = "limit"
    open_beside(made, first, near, "0near")
    fake.fills = "rest"
    unsure(made, fake, kind)
    assert look(made, fake).stopped == {"0near": "EXPIRY_NEAR"}
    assert [order.reason for order in exits(made)] == ["EXPIRY_NEAR"]


@pytest.mark.parametrize(("spot", "most"), [(CALM, 0.88), (CRASH, 2.66), (None, 0.76)])
def test_flattening_at_wide_quotes_stays_within_the_model_and_a_tenth_of_the_width(
    made, fake, spot, most
):
    crash_quoted(made, fake)
    for minute in (0, 10):
        at_clock(fake, NOW + timedelta(minutes=minute))
        if spot is not None:
            fake.script("trade", {"ticker": "SPY", "price": spot})
        Flattening(made, CLOSES).run(NOW + timedelta(minutes=minute))
    for minute in range(11, 19):
        if spot is not None:
            fake.script("trade", {"ticker": "SPY", "price": spot})
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert max(prices(made)) <= most
    assert prices(made)[0] == pytest.approx({CALM: 0.85, CRASH: 2.65, None: 0.54}[spot], abs=0.02)
    assert_sound(made, fake)


def test_no_step_passes_the_model_while_quotes_are_wide_and_tight_ones_allow_it(made, fake):
    """A stop that began at tight quotes of 2.00, so that repricing ends at 2.80."""
    quoted(made, fake, (2.5, 2.6), (0.5, 0.6))
    look(made, fake)
    look(made, fake, timedelta(minutes=1))
    assert prices(made) == [2.0]
    crash_quoted(made, fake)
    for minute in range(2, 9):
        look(made, fake, timedelta(minutes=minute), spot=CRASH)
    # The model says 2.16 at the most, and a tenth of 5 USD may be added.
    assert prices(made) == [2.0, 2.4, 2.65]
    assert exits(made)[-1].status == "accepted"
    quoted(made, fake, (3.5, 3.6), (0.5, 0.6))
    for minute in range(9, 14):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert max(prices(made)) > 2.65
    assert_sound(made, fake)


@pytest.mark.parametrize("spot", [CALM, CRASH])
def test_a_stop_replaces_a_resting_exit_at_the_models_price_not_at_wide_mids(made, fake, spot):
    worst = resting_at_its_worst_price(made, fake, "TIME")
    crash_quoted(made, fake)
    found = look(made, fake, timedelta(minutes=3), spot=spot)
    if spot == CALM:
        assert (found.stopped, exits(made)[-1]) == ({}, worst)
        return
    assert found.stopped == {number(made): "STOP_LOSS"}
    assert (exits(made)[-1].limit_price, exits(made)[-1].reason) == (2.15, "STOP_LOSS")


def test_a_worthless_debit_spread_is_offered_at_a_cent_each_session(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made)
    fake.fills = "rest"
    quote(fake, made.ledger.positions()[0].legs, (0.01, 0.01), 0.02)
    look(made, fake)
    assert look(made, fake, timedelta(minutes=1)).stopped == {number(made): "STOP_LOSS"}
    for minute in range(2, 8):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert prices(made) == [-0.01]
    for day in (NOW.date(), NOW.date() + timedelta(days=1)):
        fake.script("close", {})
        daily(made, fake, day, {"SPY": 180.0})
    offers = [(order.limit_price, order.status) for order in made.ledger.orders()[1:]]
    assert offers == [(-0.01, "expired"), (-0.01, "expired"), (-0.01, "accepted")]
    assert made.ledger.positions()[0].closed_on is None
