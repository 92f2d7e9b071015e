from dataclasses import replace
from datetime import date

import duckdb
import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.ports.broker import Holding
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.fill_prices import FillRules, MarketClose, net_price
from options_platform.domain.trading.orders import OrderLeg, closing, shares_leg
from options_platform.settings import make_settings
from options_platform_tests.domain.trading.orders.test_orders import LEGS, ORDER

NEXT = date(2024, 1, 3)
MARKET = {"SPY": MarketClose(470.0, 0.13)}


def opened(tmp_path, **fills):
    made = make_settings({"home": tmp_path, "source": "simulated", "fills": fills})
    return open_broker(made)


def price(broker, legs=LEGS, fills=None):
    return net_price(legs, NEXT, MARKET["SPY"], broker.chain, fills or broker.fills)


def worked(broker, order, market=MARKET, session=NEXT):
    broker.submit(order)
    broker.work(session, market)
    return broker.find(order.client_order_id)


@pytest.mark.parametrize("model", ["mid", "default", "worst"])
def test_a_fill_has_the_price_of_its_model_and_fees_for_each_contract_and_leg(tmp_path, model):
    broker = opened(tmp_path, model=model)
    order = worked(broker, replace(ORDER, limit_price=None))
    assert (order.status, order.filled_qty) == ("filled", 5)
    assert order.avg_price == price(broker, fills=FillRules(model=model))
    assert order.fees_usd == pytest.approx(5 * 2 * 0.65)
    assert broker.working() == []


def test_an_order_does_not_work_in_the_session_that_decided_it(tmp_path):
    broker = opened(tmp_path)
    order = worked(broker, replace(ORDER, limit_price=None), session=ORDER.session)
    assert order.status == "submitted"


def test_a_limit_is_kept_for_debits_and_for_credits(tmp_path):
    broker = opened(tmp_path)
    sold = closing(LEGS)
    for legs in (LEGS, sold):
        fair = price(broker, legs)
        for name, limit, status in (("at", fair, "filled"), ("off", fair - 0.02, "expired")):
            order = replace(
                ORDER, client_order_id=f"{name}{fair}", legs=legs, limit_price=round(limit, 2)
            )
            order = worked(broker, order)
            assert order.status == status
            assert order.reason == (None if status == "filled" else "LIMIT_NOT_REACHED")
    assert price(broker, LEGS) > 0 > price(broker, sold)


def test_a_ticker_without_a_close_lets_its_order_expire(tmp_path):
    order = worked(opened(tmp_path), ORDER, market={})
    assert (order.status, order.reason, order.filled_qty) == ("expired", "NO_MARKET", 0)


def test_working_a_session_twice_changes_nothing(tmp_path):
    broker = opened(tmp_path)
    first = worked(broker, replace(ORDER, limit_price=None))
    broker.work(NEXT, {"SPY": MarketClose(600.0, 0.5)})
    broker.work(date(2024, 1, 4), {"SPY": MarketClose(600.0, 0.5)})
    assert broker.find(ORDER.client_order_id) == first


SPREAD = (
    OrderLeg("sell", "put", 475.0, date(2024, 1, 19)),
    OrderLeg("buy", "put", 470.0, date(2024, 1, 19)),
)
LAST = date(2024, 1, 19)


def held_into_expiry(tmp_path, spot):
    broker = opened(tmp_path, model="mid")
    order = replace(ORDER, legs=SPREAD, limit_price=None)
    entry = worked(broker, order)
    before = broker.account().cash_usd
    broker.work(shift(LAST, -1), {"SPY": MarketClose(spot, 0.13)})
    assert len(broker.holdings()) == 2
    for _ in range(2):
        broker.work(LAST, {"SPY": MarketClose(spot, 0.13)})
    activities = [(a.kind, a.symbol, a.quantity, a.price) for a in broker.activities(LAST)]
    return broker, entry, broker.account().cash_usd - before, activities


def test_an_option_that_expires_out_of_the_money_is_removed_with_an_activity(tmp_path):
    broker, entry, cash, activities = held_into_expiry(tmp_path, 480.0)
    assert broker.holdings() == []
    assert cash == 0.0
    assert activities == [
        ("OPEXP", SPREAD[1].symbol("SPY"), -entry.filled_qty, None),
        ("OPEXP", SPREAD[0].symbol("SPY"), entry.filled_qty, None),
    ]


def test_a_sold_leg_alone_in_the_money_is_assigned_into_shares_at_its_strike(tmp_path):
    broker, entry, cash, activities = held_into_expiry(tmp_path, 472.0)
    shares = 100 * entry.filled_qty
    assert broker.holdings() == [Holding("SPY", shares)]
    assert cash == pytest.approx(-475.0 * shares)
    assert activities == [
        ("OPEXP", SPREAD[1].symbol("SPY"), -entry.filled_qty, None),
        ("OPASN", SPREAD[0].symbol("SPY"), entry.filled_qty, None),
        ("OPTRD", "SPY", shares, 475.0),
    ]


@pytest.mark.parametrize("spot", [480.0, 472.0, 460.0])
def test_cash_and_shares_after_an_expiry_are_the_intrinsic_value_of_a_backtest(tmp_path, spot):
    broker, entry, cash, _ = held_into_expiry(tmp_path, spot)
    shares = {holding.symbol: holding.quantity for holding in broker.holdings()}.get("SPY", 0)
    close = MarketClose(spot, 0.13)
    settled = net_price(SPREAD, LAST, close, broker.chain, broker.fills)
    assert cash + shares * spot == pytest.approx(100 * entry.filled_qty * settled)


def test_without_a_close_on_expiry_day_settlement_waits_for_the_next_close(tmp_path):
    broker = opened(tmp_path)
    worked(broker, replace(ORDER, legs=SPREAD, limit_price=None))
    broker.work(LAST, {})
    assert len(broker.holdings()) == 2
    broker.work(shift(LAST, 1), {"SPY": MarketClose(480.0, 0.13)})
    assert broker.holdings() == []


def test_a_rejection_waits_for_the_next_order_whatever_works_before_it(tmp_path):
    broker = opened(tmp_path)
    broker.submit(ORDER)
    broker.demand("SPY", "reject")
    broker.work(NEXT, {"SPY": MarketClose(480.0, 0.13)})
    assert broker.find(ORDER.client_order_id).status != "rejected"
    assert broker.submit(replace(ORDER, client_order_id="b")).status == "rejected"
    assert broker.submit(replace(ORDER, client_order_id="c")).status == "submitted"


def test_a_partial_fill_or_a_rejection_is_demanded_once(tmp_path):
    broker = opened(tmp_path)
    broker.demand("SPY", "reject")
    rejected = broker.submit(replace(ORDER, client_order_id="a"))
    assert (rejected.status, rejected.reason) == ("rejected", "ON_DEMAND")
    broker.demand("SPY", "partial", 2)
    part = worked(broker, replace(ORDER, client_order_id="b", limit_price=None))
    assert (part.status, part.filled_qty, part.reason) == ("expired", 2, "PARTIAL_ON_DEMAND")
    assert part.fees_usd == pytest.approx(2 * 2 * 0.65)
    whole = replace(ORDER, client_order_id="c", limit_price=None, session=NEXT)
    broker.submit(whole)
    broker.work(date(2024, 1, 4), MARKET)
    assert broker.find("c").status == "filled"
    assert sorted(h.quantity for h in broker.holdings()) == [-7, 7]


def write_in_lots(path):
    """The broker's file as it was written before: orders for shares in lots of 100."""
    with duckdb.connect(str(path)) as connection:
        for table in (
            "counted_by_the_share", "opened", "exercise_terms", "at_far_side", "splits",
        ):  # fmt: skip
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE settlements DROP COLUMN amount_usd")
        connection.execute(
            "UPDATE orders SET contracts = contracts // 100, filled_qty = filled_qty // 100 "
            "WHERE legs LIKE '%\"shares\"%'"
        )


def test_shares_fill_one_by_one_at_the_close_without_a_fee(tmp_path):
    broker, _, _, _ = held_into_expiry(tmp_path, 472.0)
    before = broker.account().cash_usd
    sale = replace(ORDER, client_order_id="s", legs=(shares_leg("sell"),), contracts=500,
                   limit_price=None, session=LAST)  # fmt: skip
    broker.demand("SPY", "partial", 151)
    broker.submit(sale)
    after = shift(LAST, 1)
    broker.work(after, {"SPY": MarketClose(471.37, 0.13)})
    filled = broker.find("s")
    assert (filled.filled_qty, filled.avg_price, filled.fees_usd) == (151, -471.37, 0.0)
    assert broker.holdings() == [Holding("SPY", 349)]
    assert broker.account().cash_usd - before == pytest.approx(151 * 471.37, abs=0.005)
    assert [a.quantity for a in broker.activities(after)] == [-151]


def test_a_file_that_counts_lots_is_migrated_to_single_shares_once(tmp_path):
    broker, _, _, _ = held_into_expiry(tmp_path, 472.0)
    sale = replace(ORDER, client_order_id="s", legs=(shares_leg("sell"),), contracts=500,
                   limit_price=None, session=LAST)  # fmt: skip
    broker.demand("SPY", "partial", 200)
    broker.submit(sale)
    next_day = shift(LAST, 1)
    broker.work(next_day, {"SPY": MarketClose(471.37, 0.13)})
    remainder = replace(sale, client_order_id="r", contracts=300, session=next_day)
    broker.submit(remainder)
    cash, held_shares = broker.account().cash_usd, broker.holdings()
    write_in_lots(broker.path)
    for _ in range(2):
        assert broker.account().cash_usd == cash
        assert broker.holdings() == held_shares == [Holding("SPY", 300)]
    broker.work(shift(next_day, 1), {"SPY": MarketClose(470.0, 0.13)})
    assert broker.find("r").filled_qty == 300
    assert broker.holdings() == []
