"""Exits that are lost on their way, or refused: what is left is closed all the same, and once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.adapters.sources.alpaca.keys import Keys
from options_platform.domain.trading.orders import closing
from options_platform.errors import LedgerError
from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW, SESSION, trader
from options_platform_tests.faults.world import (
    CLOSES,
    DATED,
    POST,
    accept,
    advance,
    assert_sound,
    at_clock,
    contracts,
    exits,
    open_beside,
    statuses,
    trade,
)

pytestmark = pytest.mark.usefixtures("kept_open")

CRASH = 225.0


@pytest.fixture
def made(tmp_path, fake):
    """An account that holds three sold spreads, at a broker that fills what its prices meet."""
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    trade(made, regime="iv_contraction")
    fake.fills = "limit"
    return made


def lose_one_bought_contract(made, fake):
    (position,) = made.ledger.positions()
    bought = next(leg for leg in position.legs if leg.side == "buy").symbol("SPY")
    fake.script("move", {"symbol": bought, "quantity": -1})
    accept(made, NOW, "sold one by hand")


def check(made, fake, minute, spot=CRASH):
    moment = NOW + timedelta(minutes=minute)
    at_clock(fake, moment)
    fake.script("trade", {"ticker": "SPY", "price": spot})
    return IntradayCheck(made).run(moment)


def close(made, reason="STOP_LOSS"):
    with made.exclusively():
        return made.closing.close_position(made.ledger.positions()[0], SESSION, reason, None, NOW)


def flatten(made, fake, minute):
    moment = NOW + timedelta(minutes=minute)
    at_clock(fake, moment)
    return Flattening(made, CLOSES, pause=lambda seconds: None).run(moment)


def test_a_lost_buy_back_of_a_naked_contract_is_sent_again(made, fake):
    lose_one_bought_contract(made, fake)
    fake.script("faults", {"on": POST, "do": "status", "status": 502})
    check(made, fake, 0)
    assert exits(made)[0].status == "unknown"
    for minute in (5, 10, 15):
        check(made, fake, minute)
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_a_refused_buy_back_of_a_naked_contract_keeps_no_whole_spread_from_being_closed(made, fake):
    lose_one_bought_contract(made, fake)
    sold = next(leg for leg in made.ledger.positions()[0].legs if leg.side == "sell")
    refusal = {"code": 42210000, "message": "invalid limit_price"}
    fake.script("faults", {"on": POST, "do": "status", "status": 422, "body": refusal})
    check(made, fake, 0)
    alone, whole = exits(made)
    assert (alone.status, alone.legs) == ("rejected", closing((replace(sold, ratio=1),)))
    assert (whole.status, len(whole.legs)) == ("filled", 2)
    check(made, fake, 5)
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_what_rests_beside_a_refused_part_is_left_to_rest(made, fake):
    lose_one_bought_contract(made, fake)
    fake.fills = "rest"
    refusal = {"code": 42210000, "message": "invalid limit_price"}
    fake.script("faults", {"on": POST, "do": "status", "status": 422, "body": refusal})
    check(made, fake, 0)
    advance(made, NOW, fake)
    assert [order.status for order in exits(made)] == ["rejected", "accepted"]


def outage_of_a_flatten(made, fake, how, times):
    """A stop's exit is lost on its way, and again as a person flattens."""
    fake.fills = "rest"
    fake.script("faults", {"on": POST, "do": how, "status": 502, "times": times})
    close(made)
    assert flatten(made, fake, 1)


def test_an_exit_lost_in_an_outage_is_sent_again_under_its_id_and_becomes_the_flattens(made, fake):
    outage_of_a_flatten(made, fake, "status", 3)
    advance(made, NOW + timedelta(minutes=2), fake)
    assert [(o.status, o.reason) for o in exits(made)] == [("unknown", "FLATTEN")]
    advance(made, NOW + timedelta(minutes=3), fake)
    (order,) = exits(made)
    assert (order.status, order.reason) == ("accepted", "FLATTEN")
    fake.script("fill", {"client_order_id": order.client_order_id})
    made.reconcile(NOW + timedelta(minutes=4))
    assert contracts(fake) == {}
    assert made.ledger.positions()[0].closed_on


def test_both_positions_on_the_same_contracts_are_closed_after_an_outage(tmp_path, fake):
    made = replace(trader(tmp_path, fake.address), closes=DATED)
    (order,) = trade(made, regime="iv_contraction")
    open_beside(made, order, order.legs)
    fake.fills = "limit"
    fake.script("faults", {"on": POST, "do": "status", "status": 502, "times": 6})
    assert flatten(made, fake, 0)
    flatten(made, fake, 5)
    for minute in (10, 11, 12):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert contracts(fake) == {}
    assert_sound(made, fake)


def test_a_late_request_closes_no_contracts_of_a_person_that_nobody_has_reported(made, fake):
    held = contracts(fake)
    for symbol, quantity in held.items():
        fake.script("move", {"symbol": symbol, "quantity": quantity})
    outage_of_a_flatten(made, fake, "underway", 2)
    for following in exits(made)[1:]:
        fake.script("fill", {"client_order_id": following.client_order_id})
    fake.fills = "limit"
    fake.script("arrive", {})
    fake.script("fill", {"client_order_id": exits(made)[0].client_order_id})
    for minute in range(2, 8):
        advance(made, NOW + timedelta(minutes=minute), fake)
    assert contracts(fake) == held
    assert made.ledger.positions()[0].closed_on


def withdrawn_in_doubt(made, fake, how, times=1):
    """An exit lost on its way and withdrawn, as former versions did in a flatten."""
    fake.fills = "rest"
    fake.script("faults", {"on": POST, "do": how, "status": 502, "times": times})
    close(made)
    (lost,) = exits(made)
    made.ledger.record(replace(lost, withdrawn=True), NOW)


def test_an_exit_withdrawn_in_doubt_is_wanted_again_under_its_id(made, fake):
    withdrawn_in_doubt(made, fake, "status")
    advance(made, NOW + timedelta(minutes=2), fake)
    assert [(o.status, o.withdrawn) for o in exits(made)] == [("accepted", False)]
    assert_sound(made, fake)


@pytest.mark.parametrize("first", ["the lost one fills", "the next one fills"])
def test_a_lost_exit_that_arrives_after_all_closes_nothing_twice(made, fake, first):
    """It was withdrawn, so it leaves the market again; where it has filled, the other does."""
    withdrawn_in_doubt(made, fake, "underway")
    close(made, "FLATTEN")
    lost, following = exits(made)
    assert (lost.status, following.status) == ("unknown", "accepted")
    if first == "the lost one fills":
        fake.script("cancel", {"client_order_id": following.client_order_id})
        fake.script("arrive", {})
        fake.script("fill", {"client_order_id": lost.client_order_id})
    else:
        fake.script("arrive", {})
    for minute in (2, 3):
        made.reconcile(NOW + timedelta(minutes=minute))
        for working in made.ledger.working_orders():
            if working.status != "unknown":
                fake.script("fill", {"client_order_id": working.client_order_id})
    made.reconcile(NOW + timedelta(minutes=4))
    assert contracts(fake) == {}
    assert {"new", "partially_filled"}.isdisjoint(statuses(fake))
    assert made.ledger.positions()[0].closed_on
    assert_sound(made, fake)


@pytest.mark.parametrize("gone", ["a contract", "a whole spread"])
def test_what_is_left_is_closed_once_the_legs_of_a_lost_exit_are_outdated(made, fake, gone):
    fake.script("faults", {"on": POST, "do": "status", "status": 502, "times": 9})
    flatten(made, fake, 0)
    (position,) = made.ledger.positions()
    for leg in position.legs:
        if gone == "a whole spread" or leg.side == "buy":
            sign = -1 if leg.side == "buy" else 1
            fake.script("move", {"symbol": leg.symbol("SPY"), "quantity": sign})
    accept(made, NOW, "closed one by hand")
    fake.faults.clear()
    for minute in range(1, 9):
        advance(made, NOW + timedelta(minutes=minute), fake)
    lost = exits(made)[0]
    assert (lost.status, lost.withdrawn) == ("unknown", True)
    assert contracts(fake) == {}
    assert {order.reason for order in exits(made)} == {"FLATTEN"}


def test_exits_go_on_while_the_page_of_an_account_that_was_verified_fails(tmp_path, made, fake):
    again = replace(trader(tmp_path, fake.address), closes=DATED)
    fake.script("faults", {"on": "GET /v2/account", "do": "status", "status": 503, "times": 99})
    assert close(again).status == "accepted"
    assert again.reconcile(NOW)[0].startswith("the account: HTTP 503")


def test_no_exit_is_sent_to_an_account_that_answers_with_another_number(tmp_path, made, fake):
    again = replace(trader(tmp_path, fake.address), closes=DATED)
    fake.book.number = "another"
    sent = fake.count(POST)
    with pytest.raises(LedgerError, match="another account"):
        close(again)
    assert fake.count(POST) == sent


def sent_unseen(home, fake, *, keys=None, **rules):
    """Whether an exit is sent, with these keys and rules, while the account's page fails."""
    again = replace(trader(home, fake.address), closes=DATED)
    broker = replace(again.broker, rules=replace(again.broker.rules, **rules), keys=keys)
    fake.script("faults", {"on": "GET /v2/account", "do": "status", "status": 503, "times": 99})
    sent = fake.count(POST)
    close(replace(again, broker=broker))
    return fake.count(POST) > sent


@pytest.mark.parametrize("is_other", [False, True])
def test_only_the_keys_that_verified_an_account_close_while_its_page_fails(
    tmp_path, made, fake, is_other
):
    """The others may be of another account, whose positions would be closed."""
    keys = Keys("ANOTHER-KEY" if is_other else "FAKE-KEY", "SECRET")
    assert sent_unseen(tmp_path, fake, keys=keys) == (not is_other)


@pytest.mark.parametrize("is_excluded", [False, True])
def test_an_account_that_the_settings_exclude_by_now_is_not_closed_unseen(
    tmp_path, made, fake, is_excluded
):
    accounts = ("SOMEONE-ELSE",) if is_excluded else (fake.book.number,)
    assert sent_unseen(tmp_path, fake, accounts=accounts) == (not is_excluded)


def test_no_part_of_a_key_is_in_the_ledger(tmp_path, made):
    key = Keys("AN-UNUSUAL-KEY", "AN-UNUSUAL-SECRET")
    again = replace(made, broker=replace(made.broker, keys=key))
    again.reconcile(NOW)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"UNUSUAL" not in written
    assert made.ledger.verified_keys() not in (None, made.ledger.account_digest())
