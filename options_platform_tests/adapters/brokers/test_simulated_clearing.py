"""In a night the simulated broker assigns what is exercised, and dividends follow the shares."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.ports.broker import Holding
from options_platform.domain.trading.early_assignment import exercise_terms
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg, closing
from options_platform.settings import make_settings
from options_platform_tests.domain.trading.orders.test_orders import ORDER

FIRST, SECOND, THIRD = date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5)
EXPIRY = date(2024, 1, 19)
SOLD_PUT, BOUGHT_PUT = (
    OrderLeg("sell", "put", 475.0, EXPIRY),
    OrderLeg("buy", "put", 470.0, EXPIRY),
)
SOLD_CALL, BOUGHT_CALL = (
    OrderLeg("sell", "call", 450.0, EXPIRY),
    OrderLeg("buy", "call", 455.0, EXPIRY),
)
DEEP = 300.0
"""So far below the puts that they have no time value."""


def holding(tmp_path, legs, spot, *, ticker="SPY", **changes):
    """A broker with five spreads of `legs`, at the close of `FIRST`."""
    broker = open_broker(make_settings({"home": tmp_path, "source": "simulated", **changes}))
    broker.submit(replace(ORDER, ticker=ticker, legs=legs, limit_price=None))
    close = MarketClose(spot, 0.13, ticker=ticker)
    assert bool(broker.open_session(FIRST, {ticker: close})) is False
    broker.work(FIRST, {ticker: close})
    return broker, close


def test_a_sold_put_without_time_value_becomes_shares_before_the_next_open(tmp_path):
    broker, close = holding(tmp_path, (SOLD_PUT, BOUGHT_PUT), DEEP)
    before = broker.account().cash_usd
    exit_order = replace(
        ORDER, client_order_id="exit", purpose="exit", session=FIRST, limit_price=None,
        legs=closing((SOLD_PUT, BOUGHT_PUT)),
    )  # fmt: skip
    broker.submit(exit_order)
    for _ in range(2):
        assert bool(broker.open_session(SECOND, {"SPY": close})) is True
    symbol = SOLD_PUT.symbol("SPY")
    assert [(a.kind, a.symbol, a.quantity, a.price) for a in broker.activities(SECOND)] == [
        ("OPASN", symbol, 5, None),
        ("OPTRD", "SPY", 500, 475.0),
    ]
    assert broker.holdings() == [Holding("SPY", 500), Holding(BOUGHT_PUT.symbol("SPY"), 5)]
    assert broker.account().cash_usd == pytest.approx(before - 500 * 475.0)
    # What would buy the put back finds it gone.
    order = broker.find("exit")
    assert (order.status, order.reason, order.filled_qty) == ("expired", "ASSIGNED", 0)


def test_a_sold_call_is_assigned_only_before_a_dividend_that_is_above_its_put(tmp_path):
    legs = (SOLD_CALL, BOUGHT_CALL)
    close = MarketClose(470.0, 0.13, ticker="SPY")
    made = make_settings({"home": tmp_path, "source": "simulated"})
    (terms,) = exercise_terms([SOLD_CALL], FIRST, close, made.plan.chain, made.backtest.assignment)
    assert not terms.is_deep
    assert 0 < terms.least_dividend_usd < 5
    for name, more, shares in (("above", 0.01, -500), ("at", 0.0, 0)):
        (tmp_path / name).mkdir()
        broker, _ = holding(tmp_path / name, legs, 470.0)
        before = broker.account().cash_usd
        paid = replace(close, dividend=terms.least_dividend_usd + more)
        for _ in range(2):
            assert bool(broker.open_session(SECOND, {"SPY": paid})) is bool(shares)
        dividends = [a for a in broker.activities(SECOND) if a.kind == "DIV"]
        owed_usd = pytest.approx(shares * paid.dividend, abs=0.005)
        assert [(a.symbol, a.quantity, a.amount_usd) for a in dividends] == (
            [("SPY", shares, owed_usd)] if shares else []
        )
        moved_usd = broker.account().cash_usd - before
        assert moved_usd == pytest.approx(-shares * 450.0 + shares * paid.dividend, abs=0.005)


def test_shares_that_were_sold_before_an_ex_date_have_no_part_in_it(tmp_path):
    broker, close = holding(tmp_path, (SOLD_PUT, BOUGHT_PUT), DEEP)
    broker.open_session(SECOND, {"SPY": close})
    legs = (replace(SOLD_PUT, right="shares", strike=0.0, expiry=date.max),)
    broker.submit(
        replace(ORDER, client_order_id="s", session=FIRST, legs=legs, contracts=500,
                limit_price=None)
    )  # fmt: skip
    broker.work(SECOND, {"SPY": close})
    assert bool(broker.open_session(THIRD, {"SPY": replace(close, dividend=1.0)})) is False
    assert [a.kind for a in broker.activities(THIRD)] == []


@pytest.mark.parametrize(
    ("ticker", "rules"), [("SPX", {}), ("SPY", {"enabled": False}), ("SPY", {"min_delta": 2.0})]
)
def test_nothing_is_assigned_early_on_an_index_or_where_the_rules_say_so(tmp_path, ticker, rules):
    broker, close = holding(
        tmp_path, (SOLD_PUT, BOUGHT_PUT), DEEP, ticker=ticker, backtest={"assignment": rules}
    )
    assert bool(broker.open_session(SECOND, {ticker: close})) is False


def test_what_a_session_without_a_close_left_is_not_assigned_on_an_older_one(tmp_path):
    broker, close = holding(tmp_path, (SOLD_PUT, BOUGHT_PUT), DEEP)
    broker.work(SECOND, {})
    assert bool(broker.open_session(THIRD, {"SPY": close})) is False
