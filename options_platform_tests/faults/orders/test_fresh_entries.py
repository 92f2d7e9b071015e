"""An entry is sent on fresh data into the market it was planned for, or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg
from options_platform.testing.alpaca_account import NOW, SESSION, TICKERS, plans_of, trader
from options_platform_tests.faults.world import POST, advance, assert_sound, contracts, trade

pytestmark = pytest.mark.usefixtures("kept_open")


def test_a_stale_plan_does_not_wait_for_a_broker_that_does_not_answer(tmp_path, fake):
    fake.script("faults", {"on": "", "do": "drop", "times": 999})
    made = trader(tmp_path, fake.address)
    order = trade(replace(made, folds={"SPY": "2014-01"}))[0]
    assert (order.status, order.reason) == ("not_sent", "STALE_MODEL")
    fake.faults.clear()
    advance(made, NOW, fake)
    assert fake.count(POST) == 0


@pytest.mark.parametrize(("price", "reason"), [(258.0, "PRICE_MOVED"), (243.0, None)])
def test_an_entry_does_not_follow_a_market_that_has_moved_away(tmp_path, resting, price, reason):
    """Planned at 250 USD; at its first step the ticker trades 3.2% above, or 2.8% below."""
    made = trader(tmp_path, resting.address)
    trade(made)
    made = replace(
        made, closes={"SPY": DatedClose(SESSION, MarketClose(250.0, 0.18, ticker="SPY"))}
    )
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


@pytest.mark.parametrize(("price", "reason"), [(240.0, "PRICE_MOVED"), (250.0, None)])
def test_an_entry_of_a_share_class_uses_the_price_of_that_class(tmp_path, fake, price, reason):
    made = trader(tmp_path, fake.address)
    fake.script("trade", {"ticker": "BRK.B", "price": price})
    (order,) = trade(made, ("BRK-B",))
    assert order.reason == reason
    if reason is None:
        assert order.status == "filled"
        assert {symbol[:-15] for symbol in contracts(fake)} == {"BRKB"}
        assert made.ledger.differences() == []
    assert_sound(made, fake)


@pytest.mark.parametrize("status", [403, 502])
@pytest.mark.parametrize(
    "what", ["GET /v2/stocks/trades", "GET /v1beta1/options/quotes", "GET /v2/account"]
)
def test_an_entry_waits_while_the_market_or_account_cannot_be_seen(tmp_path, fake, what, status):
    made = trader(tmp_path, fake.address)
    fake.script("faults", {"on": what, "do": "status", "status": status, "times": 99})
    assert [(o.status, o.reason) for o in trade(made)] == [("intent", None)]
    details = made.ledger.table("order_events")["detail"].to_list()
    assert any(str(detail).startswith("DOUBT: ") for detail in details)
    assert fake.count(POST) == 0
    fake.faults.clear()
    assert [o.status for o in trade(made)] == ["filled"]
    assert_sound(made, fake)


def test_missing_quotes_hide_no_price_that_has_moved(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("trade", {"ticker": "SPY", "price": 240.0})
    away = {"on": "GET /v1beta1/options/quotes", "do": "status", "status": 403, "times": 99}
    fake.script("faults", away)
    assert [(o.status, o.reason) for o in trade(made)] == [("not_sent", "PRICE_MOVED")]
    assert fake.count(POST) == 0
