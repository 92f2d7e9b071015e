"""The second promise at Alpaca: whatever goes wrong, one order, and the ledger says what is so."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.adapters.desk import Desk
from options_platform.domain.exposures import DatedClose
from options_platform.domain.fills import MarketClose
from options_platform.domain.orders import OrderLeg
from options_platform.errors import LedgerError
from options_platform_tests.faults.world import (
    AFTER_CLOSE,
    NOW,
    POST,
    SESSION,
    TICKERS,
    WIDE,
    advance,
    assert_full_disk_lost_nothing,
    assert_sound,
    ended,
    kill_when,
    plans_of,
    start,
    statuses,
    trade,
    trader,
)


def test_the_plans_of_a_day_become_filled_orders_and_positions(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made, TICKERS)
    orders = trade(made, TICKERS)
    assert [o.status for o in orders] == ["filled"] * 3
    assert fake.count(POST) == len(fake.book.orders) == 3
    assert len(made.ledger.positions(only_open=True)) == 3
    assert made.ledger.differences() == []
    assert_sound(made, fake)


@pytest.mark.parametrize("step", ["intent recorded", "sending", "submitted", "recorded"])
def test_a_killed_sender_done_again_leaves_one_order(tmp_path, fake, step):
    assert ended(start(tmp_path, fake.address, step))[0] == -9
    made = trader(tmp_path, fake.address)
    before = made.ledger.orders()[0].status
    assert before == {"intent recorded": "intent", "recorded": "accepted"}.get(step, "unknown")
    trade(made)
    assert statuses(fake) == ["filled"]
    assert fake.count(POST) == 1
    assert [o.status for o in made.ledger.orders()] == ["filled"]
    assert_sound(made, fake)


@pytest.mark.parametrize("do", ["hang", "hang_after", "late"])
def test_a_sender_killed_during_the_post_leaves_one_order(tmp_path, fake, do):
    fake.script("faults", {"do": do, "seconds": 1})
    if do == "late":
        # Its answer is lost: let the sender wait for one.
        fake.faults.clear()
        fake.script("faults", {"do": "hang", "seconds": 30})
    child = start(tmp_path, fake.address)
    kill_when(child, lambda: fake.count(POST) == 1)
    made = trader(tmp_path, fake.address)
    assert made.ledger.orders()[0].status == "unknown"
    trade(made)
    assert statuses(fake) == ["filled"]
    assert_sound(made, fake)


@pytest.mark.parametrize(
    ("fault", "posts"),
    [
        ({"do": "status_after", "status": 504}, 1),
        ({"do": "status_after", "status": 502}, 1),
        ({"do": "drop_after"}, 1),
        ({"do": "hang_after", "seconds": 4}, 1),
        ({"do": "status", "status": 502}, 2),
        ({"do": "status", "status": 504}, 2),
        ({"do": "status", "status": 429}, 2),
        ({"do": "drop"}, 2),
        ({"do": "hang", "seconds": 4}, 2),
    ],
    ids=lambda value: "-".join(str(v) for v in value.values()) if isinstance(value, dict) else "",
)
def test_an_answer_in_doubt_is_resolved_by_asking_and_never_by_sending_another(
    tmp_path, fake, fault, posts
):
    fake.script("faults", fault)
    made = trader(tmp_path, fake.address, timeout=1)
    first = trade(made)[0]
    # Sent once, whatever was answered: nothing repeats a request by itself.
    assert fake.count(POST) == 1
    assert first.status == ("filled" if posts == 1 else "unknown")
    trade(made)
    assert fake.count(POST) == posts
    assert statuses(fake) == ["filled"]
    assert [o.status for o in made.ledger.orders()] == ["filled"]
    assert_sound(made, fake)


def test_an_order_in_doubt_stays_unknown_while_the_broker_cannot_be_asked(tmp_path, fake):
    fake.script("faults", {"do": "drop_after"})
    fake.script("faults", {"on": "GET", "after": POST, "do": "status", "status": 502, "times": 99})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    trade(made)
    assert made.ledger.orders()[0].status == "unknown"
    assert [d.code for d in made.ledger.differences()] == ["BROKER"]
    assert fake.count(POST) == 1
    fake.faults.clear()
    assert made.reconcile(NOW) == []
    assert made.ledger.orders()[0].status == "filled"
    assert_sound(made, fake)


def test_an_entry_waits_as_an_intent_while_the_broker_is_away_and_is_sent_later(tmp_path, fake):
    fake.script("faults", {"on": "", "do": "drop", "times": 999})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "intent"
    assert fake.count(POST) == 0
    fake.faults.clear()
    assert trade(made)[0].status == "filled"
    assert_sound(made, fake)


def test_a_plan_that_is_not_fresh_does_not_wait_for_a_broker_that_is_away(tmp_path, fake):
    fake.script("faults", {"on": "", "do": "drop", "times": 999})
    made = trader(tmp_path, fake.address)
    order = trade(replace(made, folds={"SPY": "2014-01"}))[0]
    assert (order.status, order.reason) == ("not_sent", "STALE_MODEL")
    fake.faults.clear()
    advance(made, NOW, fake)
    assert fake.count(POST) == 0


def test_what_is_filled_of_an_entry_and_its_rest_count_as_one_position(tmp_path, fake):
    fake.fills = "half"
    made = trader(tmp_path, fake.address, risk={"greeks": WIDE, "max_positions": 2})
    trade(made)
    trade(made, TICKERS)
    orders = {order.ticker: order for order in made.ledger.orders()}
    assert orders["SPY"].status == orders["IWM"].status == "partially_filled"
    assert orders["QQQ"].reason == "MAX_POSITIONS"


@pytest.mark.parametrize(("price", "reason"), [(258.0, "PRICE_MOVED"), (243.0, None)])
def test_an_entry_does_not_go_after_a_market_that_has_moved_away(tmp_path, resting, price, reason):
    """Planned at 250 USD; at its first rung the ticker trades 3.2% above, or 2.8% below."""
    made = trader(tmp_path, resting.address)
    trade(made)
    made = replace(made, closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18))})
    resting.script("clock", {"offset_seconds": 60})
    resting.script("trade", {"ticker": "SPY", "price": price})
    advance(made, NOW + timedelta(minutes=1), resting)
    first, second = sorted(made.ledger.orders(), key=lambda order: order.attempt)
    assert first.status == "canceled"
    assert second.reason == reason
    assert resting.count(POST) == (1 if reason else 2)
    assert_sound(made, resting)


def test_an_entry_is_not_sent_into_a_market_that_has_moved_or_is_crossed(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("trade", {"ticker": "QQQ", "price": 240.0})
    leg = plans_of()[1].row(0, named=True)
    symbol = OrderLeg(leg["side"], leg["right"], leg["strike"], leg["expiry"]).symbol("SPY")
    fake.script("quote", {"symbol": symbol, "bid": 2.0, "ask": 1.0})
    trade(made, TICKERS)
    reasons = {order.ticker: order.reason for order in made.ledger.orders()}
    assert reasons == {"SPY": "CROSSED_QUOTE", "QQQ": "PRICE_MOVED", "IWM": None}
    assert fake.count(POST) == 1


@pytest.mark.parametrize("status", [403, 502])
def test_an_entry_is_not_sent_while_the_last_price_cannot_be_had(tmp_path, fake, status):
    made = trader(tmp_path, fake.address)
    away = {"on": "GET /v2/stocks/trades", "do": "status", "status": status, "times": 99}
    fake.script("faults", away)
    assert [(o.status, o.reason) for o in trade(made)] == [("not_sent", "PRICE_MOVED")]
    assert fake.count(POST) == 0


def test_the_quotes_that_cannot_be_had_hide_no_price_that_has_moved(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("trade", {"ticker": "SPY", "price": 240.0})
    away = {"on": "GET /v1beta1/options/quotes", "do": "status", "status": 403, "times": 99}
    fake.script("faults", away)
    assert [(o.status, o.reason) for o in trade(made)] == [("not_sent", "PRICE_MOVED")]
    assert fake.count(POST) == 0


def test_a_halt_holds_at_once_for_a_process_that_is_sending(tmp_path, fake):
    """The first of three orders hangs; of the others none is sent."""
    fake.script("faults", {"do": "hang_after", "seconds": 60})
    sender = start(tmp_path, fake.address, tickers=TICKERS, TIMEOUT="60")
    deadline = time.monotonic() + 60
    while fake.count(POST) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(LedgerError, match="halted from now on, and those that work not canceled"):
        Desk(trader(tmp_path, fake.address, wait=0.2)).halt(NOW, "storm")
    fake.script("release", {})
    assert ended(sender)[0] == 0
    assert fake.count(POST) == 1
    made = trader(tmp_path, fake.address)
    reasons = [order.reason for order in made.ledger.orders() if order.status == "not_sent"]
    assert reasons == ["HALTED"] * 2
    assert made.ledger.halted() == "storm"
    assert_sound(made, fake)


def test_an_entry_that_arrives_during_a_halt_is_canceled_by_work(tmp_path, resting):
    resting.script("faults", {"do": "late", "seconds": 0.5})
    made = trader(tmp_path, resting.address)
    assert trade(made)[0].status == "unknown"
    assert [o.status for o in Desk(made).halt(NOW, "storm")] == ["unknown"]
    deadline = time.monotonic() + 30
    while statuses(resting) != ["new"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert advance(made, NOW, resting) == []
    assert statuses(resting) == ["canceled"]
    assert_sound(made, resting)


def test_what_the_account_may_not_do_is_not_sent(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.book.level = 1
    assert trade(made, ("SPY",))[0].reason == "OPTIONS_LEVEL"
    fake.book.level, fake.book.blocked = 3, True
    trade(made, ("QQQ",))
    fake.book.blocked, fake.book.cash = False, 10.0
    made.reconciler.accept(NOW, "paid out")
    trade(made, ("IWM",))
    assert {o.ticker: o.reason for o in made.ledger.orders()} == {
        "SPY": "OPTIONS_LEVEL",
        "QQQ": "ACCOUNT_BLOCKED",
        "IWM": "BUYING_POWER",
    }
    assert fake.count(POST) == 0


def test_a_request_that_arrives_after_its_time_out_does_not_become_two_orders(tmp_path, fake):
    fake.script("faults", {"do": "late", "seconds": 1.5})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    # Sent again before the first arrives: that one is then refused as no longer unique.
    trade(made)
    time.sleep(2.0)
    assert statuses(fake) == ["filled"]
    assert made.reconcile(NOW) == []
    assert_sound(made, fake)


def test_an_id_that_the_broker_has_already_is_looked_up(tmp_path, fake):
    """A broker that lists an order late says at first that it has none."""
    fake.script("faults", {"do": "drop_after"})
    late = {"do": "status", "times": 99, "after": POST}
    fake.script("faults", late | {"on": "GET /v2/orders:by", "status": 404})
    for path in ("orders", "positions"):
        fake.script("faults", late | {"on": f"GET /v2/{path}", "status": 200, "body": []})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    assert "ORDER_DOUBTFUL" in {d.code for d in made.ledger.differences()}

    def listed(step):
        if step == "sending":
            fake.faults.clear()

    again = trader(tmp_path, fake.address, at=listed)
    again.execution.send(made.ledger.orders()[0], NOW)
    assert fake.count(POST) == 2
    assert made.reconcile(NOW) == []
    assert statuses(fake) == ["filled"]
    assert made.ledger.orders()[0].status == "filled"
    assert_sound(made, fake)


def test_a_refusal_is_final_and_said(tmp_path, fake):
    fake.script(
        "faults",
        {"do": "status", "status": 403, "body": {"code": 1, "message": "insufficient power"}},
    )
    made = trader(tmp_path, fake.address)
    order = trade(made)[0]
    assert order.status == "rejected"
    assert "insufficient power" in order.reason
    trade(made)
    assert fake.count(POST) == 1
    assert fake.book.orders == {}
    assert_sound(made, fake)


@pytest.mark.parametrize("status", [403, 408])
def test_a_refusal_of_what_was_taken_is_not_believed(tmp_path, fake, status):
    """Whoever stands between may refuse what the broker has."""
    fake.script("faults", {"do": "status_after", "status": status})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "filled"
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_refusal_stays_in_doubt_until_the_id_could_be_looked_up(tmp_path, fake):
    fake.script("faults", {"do": "status", "status": 403})
    away = {"on": "GET /v2/orders:by", "after": POST, "do": "status", "status": 502, "times": 99}
    fake.script("faults", away)
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    fake.faults.clear()
    fake.script("faults", {"do": "status", "status": 403})
    assert trade(made)[0].status == "rejected"
    assert fake.book.orders == {}


def test_another_order_under_the_same_id_is_not_taken_for_ours(tmp_path, resting):
    """Two homes with one account's name trade it, by different plans."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    trade(trader(tmp_path / "one", resting.address))
    second = trader(tmp_path / "two", resting.address)
    trade(second, spot=300.0, close=300.0)
    order = second.ledger.orders()[0]
    assert (order.status, order.reason) == ("not_sent", "ANOTHER_ORDER")
    resting.script("fill", {"client_order_id": order.client_order_id})
    second.reconcile(NOW)
    assert {"ORDER_STATE", "CONTRACTS"} <= {d.code for d in second.ledger.differences()}
    assert second.ledger.positions() == []
    assert resting.count(POST) == 1


def test_a_plan_that_changed_keeps_no_other_ticker_from_trading(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    trade(made, ("AAPL",))
    with pytest.raises(LedgerError, match=r"PLAN_CHANGED.*AAPL"):
        trade(made, ("AAPL", "QQQ"), spot=300.0, close=300.0)
    assert {order.ticker: order.status for order in made.ledger.orders()} == {
        "AAPL": "filled",
        "QQQ": "filled",
    }
    assert_sound(made, fake)


def test_an_order_accepted_and_then_rejected_opens_nothing(tmp_path, fake):
    fake.script("faults", {"do": "outcome", "then": "reject"})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "rejected"
    trade(made)
    assert made.ledger.positions() == []
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_partial_fill_that_is_then_canceled_keeps_its_position_in_ratio(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    order = trade(made)[0]
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 2})
    assert made.reconcile(NOW) == []
    part = made.ledger.orders()[0]
    assert (part.status, part.filled_qty) == ("partially_filled", 2)
    assert made.ledger.positions()[0].contracts == 2
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 1})
    resting.script("cancel", {"client_order_id": order.client_order_id})
    assert made.reconcile(NOW) == []
    ended_order = made.ledger.orders()[0]
    assert (ended_order.status, ended_order.filled_qty) == ("canceled", 3)
    position = made.ledger.positions()[0]
    assert position.contracts == 3
    held = made.ledger.books().contracts
    assert sorted(held.values()) == [-3, 3]
    # A filled attempt is never followed by another.
    advance(made, NOW + timedelta(minutes=5), resting)
    assert resting.count(POST) == 1
    assert_sound(made, resting)


def test_a_cancel_that_stays_pending_blocks_the_next_attempt_until_it_is_resolved(
    tmp_path, resting
):
    made = trader(tmp_path, resting.address)
    number = trade(made)[0].client_order_id
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    later = NOW + timedelta(minutes=1)
    advance(made, later, resting)
    assert made.ledger.orders()[0].status == "cancel_pending"
    advance(made, later, resting)
    assert resting.count(POST) == 1
    resting.script("fill", {"client_order_id": number, "spreads": 1})
    resting.script("cancel", {"client_order_id": number})
    advance(made, later, resting)
    order = made.ledger.orders()[0]
    assert (order.status, order.filled_qty) == ("canceled", 1)
    assert resting.count(POST) == 1
    assert_sound(made, resting)


def test_a_cancel_that_comes_too_late_finds_the_fill(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    number = trade(made)[0].client_order_id
    resting.script("faults", {"on": "DELETE", "do": "status_after", "status": 504})
    advance(made, NOW + timedelta(minutes=1), resting)
    resting.script("faults", {"on": "DELETE", "do": "pending_cancel"})
    two = max(made.ledger.orders(), key=lambda o: o.attempt)
    assert two.attempt == 2
    advance(made, NOW + timedelta(minutes=2), resting)
    resting.script("fill", {"client_order_id": two.client_order_id})
    advance(made, NOW + timedelta(minutes=3), resting)
    assert sorted(o.status for o in made.ledger.orders()) == ["canceled", "filled"]
    assert number != two.client_order_id
    assert_sound(made, resting)


def test_a_ladder_climbs_to_its_floor_and_stands_there(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    trade(made)
    for minute in range(1, 8):
        advance(made, NOW + timedelta(minutes=minute), resting)
    orders = made.ledger.orders()
    prices = [o.limit_price for o in sorted(orders, key=lambda o: o.attempt)]
    assert len(prices) == 3
    assert prices == sorted(prices)
    assert statuses(resting) == ["canceled", "canceled", "new"]
    worst = max(orders, key=lambda o: o.attempt)
    first = min(orders, key=lambda o: o.attempt)
    risen = (worst.limit_price - first.limit_price) * 100 * first.contracts
    assert worst.max_loss_usd == pytest.approx(first.max_loss_usd + risen)
    assert_sound(made, resting)


@pytest.mark.parametrize("step", ["to be canceled", "canceled", "intent recorded", "sending"])
def test_a_ladder_killed_at_any_step_goes_on_where_it_was(tmp_path, resting, step):
    made = trader(tmp_path, resting.address)
    trade(made)
    later = NOW + timedelta(minutes=1)
    resting.script("clock", {"offset_seconds": 60})
    assert ended(start(tmp_path, resting.address, step, action=later.isoformat()))[0] == -9
    for minute in (1, 1, 2):
        advance(made, NOW + timedelta(minutes=minute), resting)
    assert statuses(resting) == ["canceled", "canceled", "new"]
    assert_sound(made, resting)


def test_a_halt_cancels_entries_keeps_exits_and_holds_while_the_broker_is_away(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    trade(made)
    resting.script("faults", {"on": "", "do": "drop", "times": 999})
    assert [o.status for o in Desk(made).halt(NOW, "storm")] == ["accepted"]
    assert made.ledger.halted() == "storm"
    resting.faults.clear()
    assert Desk(made).halt(NOW, "again") == []
    assert statuses(resting) == ["canceled"]
    trade(made, ("SPY", "QQQ"))
    advance(made, NOW + timedelta(minutes=1), resting)
    assert resting.count(POST) == 1
    assert {o.reason for o in made.ledger.orders() if o.ticker == "QQQ"} == {"HALTED"}
    assert_sound(made, resting)


def test_four_processes_that_submit_the_same_plans_send_each_order_once(tmp_path, fake):
    children = [start(tmp_path, fake.address, tickers=TICKERS) for _ in range(4)]
    codes = [ended(child)[0] for child in children]
    assert codes == [0] * 4
    assert statuses(fake) == ["filled"] * 3
    assert fake.count(POST) == 3
    assert_sound(trader(tmp_path, fake.address), fake)


def test_four_senders_past_the_lock_still_make_one_order(tmp_path, fake):
    """Not even the lock is needed: ids are unique at the broker."""
    fake.script("faults", {"do": "hang_after", "seconds": 1})
    made = [trader(tmp_path, fake.address, timeout=5) for _ in range(4)]
    trade(made[0])
    order = made[0].ledger.orders()[0]
    for one in made:
        one.ledger.record(replace(order, status="unknown", filled_qty=0, avg_price=None), NOW)
    fake.book.orders.clear()
    fake.book.positions.clear()
    fake.book.cash = 100_000.0
    threads = [
        threading.Thread(target=one.execution.send, args=(replace(order, status="intent"), NOW))
        for one in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses(fake) == ["filled"]
    assert made[0].ledger.orders()[0].status == "filled"


def test_two_daemons_share_one_ledger_without_a_second_order(tmp_path, fake):
    """The second waits for the first, is told so when that hangs, and sends nothing."""
    fake.script("faults", {"do": "hang_after", "seconds": 60})
    first = start(tmp_path, fake.address, TIMEOUT="60")
    deadline = time.monotonic() + 60
    while fake.count(POST) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    code, said = ended(start(tmp_path, fake.address, WAIT="0.2"))
    assert code == 1
    assert "another process trades by ledger.duckdb" in said
    fake.script("release", {})
    assert ended(first)[0] == 0
    made = trader(tmp_path, fake.address)
    trade(made)
    assert statuses(fake) == ["filled"]
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_position_that_is_not_ours_stops_entries_until_it_is_accepted(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("move", {"symbol": "AAPL150220C00120000", "quantity": 2, "price": 1.0})
    order = trade(made)[0]
    assert (order.status, order.reason) == ("not_sent", "DIFFERENCE")
    assert [d.code for d in made.ledger.differences()] == ["CONTRACTS"]
    assert fake.count(POST) == 0
    assert made.reconciler.accept(NOW, "bought by hand") == []
    trade(made, ("SPY", "QQQ"))
    assert statuses(fake) == ["filled"]


def test_a_ledger_out_of_a_backup_takes_over_what_was_sent_since(tmp_path, fake):
    assert ended(start(tmp_path, fake.address, "intent recorded"))[0] == -9
    made = trader(tmp_path, fake.address)
    assert made.ledger.orders()[0].status == "intent"
    backup = made.ledger.path.read_bytes()
    trade(made)
    made.ledger.path.write_bytes(backup)
    trade(made)
    assert statuses(fake) == ["filled"]
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_ledger_that_lost_an_order_names_what_it_lacks_and_opens_nothing(tmp_path, fake):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    trade(trader(tmp_path / "a", fake.address), ("SPY",))
    lost = trader(tmp_path / "b", fake.address)
    trade(lost, ("QQQ",))
    assert {d.code for d in lost.ledger.differences()} == {"CONTRACTS"}
    assert fake.count(POST) == 1


@pytest.mark.parametrize("damage", ["cut", "scrambled", "emptied"])
def test_a_corrupt_ledger_sends_nothing_and_says_so_in_a_line(tmp_path, fake, damage):
    made = trader(tmp_path, fake.address)
    trade(made)
    path = made.ledger.path
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: len(whole) // 3], "scrambled": b"\x7f" * len(whole), "emptied": b""}[damage]
    )
    code, said = ended(start(tmp_path, fake.address, tickers=TICKERS))
    assert code == 1
    refused = [line for line in said.splitlines() if line.startswith("refused: ")]
    assert len(refused) == 1
    assert "ledger.duckdb cannot be used" in refused[0]
    assert "Traceback" not in said
    assert fake.count(POST) == 1


@pytest.mark.parametrize("kilobytes", [4, 64, 300, 900])
def test_a_full_disk_loses_no_order(tmp_path, fake, kilobytes):
    """Files may not grow past a size: wherever that hits, doing it again ends with one order."""
    code, said = ended(start(tmp_path, fake.address, MOST_BYTES=str(kilobytes * 1024)))
    assert (code, "Traceback" in said) in ((0, False), (1, False)), said
    assert_full_disk_lost_nothing(tmp_path, fake)


def test_a_clock_that_is_off_stops_entries(tmp_path, fake):
    fake.script("clock", {"offset_seconds": -7200})
    made = trader(tmp_path, fake.address)
    order = trade(made)[0]
    assert (order.status, order.reason) == ("not_sent", "DIFFERENCE")
    assert [d.code for d in made.ledger.differences()] == ["CLOCK"]
    assert fake.count(POST) == 0


def test_an_entry_is_not_sent_once_its_session_is_over_by_the_brokers_clock(tmp_path):
    from options_platform.adapters.fake_alpaca import FakeAlpaca

    with FakeAlpaca(now=lambda: AFTER_CLOSE) as fake:
        made = trader(tmp_path, fake.address)
        order = trade(made, now=AFTER_CLOSE)[0]
        assert (order.status, order.reason) == ("expired", "NEVER_SENT")
        assert fake.count(POST) == 0


def test_an_order_in_doubt_that_never_arrived_expires_with_its_session(tmp_path, fake):
    fake.script("faults", {"do": "drop"})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    fake.script("clock", {"offset_seconds": 7 * 3600})
    assert made.reconcile(NOW + timedelta(hours=7)) == []
    order = made.ledger.orders()[0]
    assert (order.status, order.reason) == ("expired", "NEVER_SENT")
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_halt_that_comes_while_an_entry_is_checked_keeps_it_from_being_sent(
    tmp_path, resting, monkeypatch
):
    made = trader(tmp_path, resting.address)
    other = trader(tmp_path, resting.address, wait=0.1)
    answer = resting.handle

    def halting(method, path, query, body):
        if path == "/v1beta1/options/quotes/latest":
            other.ledger.halt("storm", NOW)
        return answer(method, path, query, body)

    monkeypatch.setattr(resting, "handle", halting)
    assert [(o.status, o.reason) for o in trade(made)] == [("not_sent", "HALTED")]
    assert resting.count(POST) == 0


@pytest.mark.parametrize("step", ["sending", "submitted"])
def test_an_entry_that_was_being_sent_when_a_halt_came_is_canceled_at_once(tmp_path, resting, step):
    def at(reached):
        if reached == step:
            made.ledger.halt("storm", NOW)

    made = trader(tmp_path, resting.address, at=at)
    trade(made, ("SPY", "QQQ"))
    assert resting.count(POST) == 1
    assert statuses(resting) == ["canceled"]
    assert {o.ticker: (o.status, o.reason) for o in made.ledger.orders()} == {
        "QQQ": ("canceled", None),
        "SPY": ("not_sent", "HALTED"),
    }
    assert_sound(made, resting)
