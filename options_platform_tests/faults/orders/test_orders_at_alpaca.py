"""The second promise at Alpaca: whatever fails, there is one order, and the ledger is right."""

import time
from datetime import timedelta

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.reducer import Event
from options_platform.errors import LedgerError
from options_platform.testing.alpaca_account import NOW, SESSION, TICKERS, WIDE, trader
from options_platform_tests.faults.world import (
    AFTER_CLOSE,
    POST,
    accept,
    assert_sound,
    daily,
    ended,
    kill_when,
    start,
    statuses,
    trade,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open")]


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
def test_a_killed_sender_that_runs_again_leaves_one_order(tmp_path, fake, step, kept_open):
    kept_open.close()
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
def test_a_sender_killed_during_the_post_leaves_one_order(tmp_path, fake, do, kept_open):
    kept_open.close()
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
def test_a_doubtful_answer_is_resolved_by_a_lookup_and_never_by_sending_again(
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


def test_an_entry_waits_as_an_intent_while_the_broker_does_not_answer_and_is_sent_later(
    tmp_path, fake
):
    fake.script("faults", {"on": "", "do": "drop", "times": 999})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "intent"
    assert fake.count(POST) == 0
    fake.faults.clear()
    assert trade(made)[0].status == "filled"
    assert_sound(made, fake)


def test_partial_fills_of_an_entry_are_one_position(tmp_path, fake):
    fake.fills = "half"
    made = trader(tmp_path, fake.address, risk={"greeks": WIDE, "max_positions": 2})
    trade(made)
    trade(made, TICKERS)
    orders = {order.ticker: order for order in made.ledger.orders()}
    assert orders["SPY"].status == orders["IWM"].status == "partially_filled"
    assert orders["QQQ"].reason == "MAX_POSITIONS"


def test_an_entry_with_which_one_gap_costs_too_much_is_not_sent(tmp_path, fake):
    limited = {"greeks": WIDE, "gap": {"max_loss_pct": 1e-5}}
    made = trader(tmp_path, fake.address, risk=limited)
    assert trade(made, ("SPY",))[0].reason == "MAX_GAP_LOSS"
    assert fake.count(POST) == 0


def test_an_order_that_the_account_may_not_trade_is_not_sent(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.book.level = 1
    assert trade(made, ("SPY",))[0].reason == "OPTIONS_LEVEL"
    fake.book.level, fake.book.blocked = 3, True
    trade(made, ("QQQ",))
    # What is bought for the cash leaves the equity, which sizes go by, as it was.
    fake.script("move", {"symbol": "SHV", "quantity": 1000, "price": 100.0})
    fake.book.blocked, fake.book.cash = False, 10.0
    accept(made, NOW, "bought elsewhere")
    trade(made, ("IWM",))
    assert {o.ticker: o.reason for o in made.ledger.orders()} == {
        "SPY": "OPTIONS_LEVEL",
        "QQQ": "ACCOUNT_BLOCKED",
        "IWM": "BUYING_POWER",
    }
    assert fake.count(POST) == 0


def test_a_request_that_arrives_after_its_time_out_is_one_order(tmp_path, fake):
    fake.script("faults", {"do": "late", "seconds": 1.5})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    # Sent again before the first arrives: that one is then refused as no longer unique.
    trade(made)
    time.sleep(2.0)
    assert statuses(fake) == ["filled"]
    assert made.reconcile(NOW) == []
    assert_sound(made, fake)


def test_an_id_that_the_broker_already_has_is_looked_up(tmp_path, fake):
    """A broker that lists an order late reports at first that it has none."""
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
    again.execution.carry_out(made.ledger.orders()[0], Event.WANTED, NOW)
    assert fake.count(POST) == 2
    assert made.reconcile(NOW) == []
    assert statuses(fake) == ["filled"]
    assert made.ledger.orders()[0].status == "filled"
    assert_sound(made, fake)


def test_a_refusal_is_final_and_reported(tmp_path, fake):
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
def test_a_refusal_of_an_accepted_order_is_not_believed(tmp_path, fake, status):
    """A gateway may refuse an order that the broker has accepted."""
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


def test_an_order_that_another_home_sent_is_adopted_and_stops_entries(tmp_path, resting):
    """Two homes with one account's name trade it, by different plans."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    trade(trader(tmp_path / "one", resting.address))
    second = trader(tmp_path / "two", resting.address)
    trade(second, spot=300.0, close=300.0)
    (order,) = second.ledger.orders()
    assert order.strategy == "adopted"
    assert second.ledger.halted().startswith("LEDGER_OLDER: ")
    # What a halt meets is canceled.
    assert (order.status, statuses(resting)) == ("canceled", ["canceled"])
    assert resting.count(POST) == 1


def test_a_changed_plan_does_not_prevent_other_tickers_from_trading(tmp_path, fake):
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


def test_a_wrong_clock_stops_entries(tmp_path, fake):
    fake.script("clock", {"offset_seconds": -7200})
    made = trader(tmp_path, fake.address)
    order = trade(made)[0]
    assert (order.status, order.reason) == ("not_sent", "DIFFERENCE")
    assert [d.code for d in made.ledger.differences()] == ["CLOCK"]
    assert fake.count(POST) == 0


def test_an_entry_is_not_sent_once_its_session_is_over_by_the_brokers_clock(tmp_path):
    from options_platform.fake_alpaca import FakeAlpaca

    with FakeAlpaca(now=lambda: AFTER_CLOSE) as fake:
        made = trader(tmp_path, fake.address)
        order = trade(made, now=AFTER_CLOSE)[0]
        assert (order.status, order.reason) == ("expired", "NEVER_SENT")
        assert fake.count(POST) == 0


def test_an_order_in_doubt_that_never_arrived_is_missing_after_its_session(tmp_path, fake):
    """It blocks its ticker for two sessions, is looked up, and is never booked."""
    fake.script("faults", {"do": "drop"})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "unknown"
    daily(made, fake, NOW.date(), {"SPY": 250.0}, ("SPY",))
    first, second = sorted(made.ledger.orders(), key=lambda o: o.session)
    assert (first.status, second.status) == ("missing", "not_sent")
    assert second.reason == "DIFFERENCE,UNRESOLVED_ORDER"
    assert fake.count(POST) == 1
    fake.fills = "rest"
    later = shift(SESSION, 4)
    daily(made, fake, later, {"SPY": 250.0}, ("SPY",))
    assert [o.status for o in made.ledger.orders(session=later)] == ["accepted"]
    assert made.ledger.differences() == []


@pytest.mark.parametrize("page", ["not found", "empty lists"])
def test_a_fill_that_a_lookup_misses_is_adopted_when_it_appears(tmp_path, resting, page):
    """A gateway's 404, or lists that lag a day: the fill appears later, and counts."""
    made = trader(tmp_path, resting.address)
    (order,) = trade(made)
    resting.script("fill", {"client_order_id": order.client_order_id})
    text = {"do": "status", "status": 404, "times": 999}
    if page == "not found":
        text |= {"text": "404 page not found", "content_type": "text/plain"}
    resting.script("faults", text | {"on": "GET /v2/orders:by"})
    empty = {"do": "status", "status": 200, "body": [], "times": 999}
    resting.script("faults", empty | {"on": "GET /v2/orders"})
    resting.script("faults", empty | {"on": "GET /v2/positions"})
    daily(made, resting, NOW.date(), {"SPY": 250.0})
    assert made.ledger.order(order.client_order_id).status in ("accepted", "missing")
    resting.faults.clear()
    day = shift(NOW.date(), 1)
    daily(made, resting, day, {"SPY": 250.0})
    assert made.ledger.order(order.client_order_id).filled_qty == 8
    assert made.ledger.differences() == []
    assert_sound(made, resting)


@pytest.mark.parametrize("lag", [0, 6])
def test_a_forbidden_page_of_a_gateway_is_no_refusal(tmp_path, fake, lag):
    """An HTML 403 after the order was taken, while look-ups and lists lag behind it."""
    fake.script("lag", {"of": ["orders", "lookups"], "requests": lag})
    fake.script("faults", {"do": "status_after", "page": "forbidden"})
    made = trader(tmp_path, fake.address)
    (order,) = trade(made)
    assert order.status in ("unknown", "filled")
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert made.ledger.orders()[0].status == "filled"
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_refusal_that_the_broker_takes_back_is_corrected(tmp_path, fake):
    """It refused in JSON, and later shows the order as filled."""
    fake.script("lag", {"of": ["orders", "lookups"], "requests": 99})
    refusal = {"code": 40310000, "message": "insufficient buying power"}
    fake.script("faults", {"do": "status_after", "status": 403, "body": refusal})
    made = trader(tmp_path, fake.address)
    assert trade(made)[0].status == "rejected"
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert made.ledger.orders()[0].status == "filled"
    assert made.ledger.positions()[0].contracts == 8
    details = made.ledger.table("order_events")["detail"].to_list()
    assert "CORRECTED: was rejected" in details
    assert_sound(made, fake)


def test_a_request_that_arrives_after_its_session_is_canceled(tmp_path, resting):
    resting.script("faults", {"do": "underway"})
    made = trader(tmp_path, resting.address)
    assert trade(made)[0].status == "unknown"
    daily(made, resting, NOW.date(), {"SPY": 250.0})
    assert made.ledger.orders()[0].status == "missing"
    resting.script("arrive", {})
    assert statuses(resting) == ["new"]
    made.reconcile(NOW + timedelta(days=1))
    assert statuses(resting) == ["canceled"]
    assert made.ledger.orders()[0].status == "canceled"
