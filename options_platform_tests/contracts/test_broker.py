"""Contract tests that every broker in `BROKERS` must pass."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.ports.broker import (
    DuplicateOrderError,
    OrderRefusedError,
    works_at_close,
)
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import TRANSITIONS, WORKING, closing
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.settings import make_settings
from options_platform.settings.broker_rules import LiveRules
from options_platform.settings.brokers import BROKER_NAMES, broker_entry
from options_platform_tests.domain.trading.orders.test_orders import LEGS, ORDER

LIMIT = replace(ORDER, limit_price=9.0)
SYMBOLS = [leg.symbol("SPY") for leg in LEGS]


class Simulated:
    """The simulated broker; the test supplies its market."""

    def __init__(self):
        self.settings = {}

    def fill(self, broker, order):
        assert works_at_close(broker)
        broker.work(shift(order.session, 1), {"SPY": MarketClose(470.0, 0.13)})


class Alpaca:
    """alpaca-py over HTTP against the fake server."""

    def __init__(self, fake):
        self.fake = fake
        self.settings = {"alpaca": {"fake_address": fake.address, "timeout_seconds": 5}}

    def fill(self, broker, order):
        assert not works_at_close(broker)
        self.fake.script("fill", {"client_order_id": order.client_order_id})


@pytest.fixture(params=BROKER_NAMES)
def world(request):
    if request.param == "simulated":
        yield request.param, Simulated()
    else:
        with FakeAlpaca(fills="rest") as fake:
            yield request.param, Alpaca(fake)


@pytest.fixture
def opening(world, tmp_path):
    name, behind = world
    made = make_settings({"home": tmp_path, "broker": name, **behind.settings})
    return lambda: open_broker(made)


@pytest.fixture
def broker(opening):
    return opening()


@pytest.fixture
def fill(world):
    return world[1].fill


def test_a_new_broker_has_a_name_an_account_and_no_orders(broker):
    assert broker.name in BROKER_NAMES
    assert broker.account().cash_usd == 100_000
    assert broker.working() == []
    assert broker.holdings() == []
    assert broker.find(ORDER.client_order_id) is None


def test_it_says_itself_what_more_it_can_do(broker):
    can = {"work": broker.works_at_close, "quotes": broker.quotes_contracts}
    for method, is_said in (can | {"exercise": broker.exercises_contracts}).items():
        assert hasattr(broker, method) == is_said
    assert hasattr(broker, "holding") == broker.works_at_close
    assert hasattr(broker, "last_prices") == broker.quotes_contracts
    assert hasattr(broker, "close_unseen") == broker.verifies_account
    assert hasattr(broker, "keys_digest") == broker.verifies_account


def test_it_is_never_live_unless_its_own_rules_say_so(world, tmp_path):
    name, behind = world
    made = make_settings({"home": tmp_path, "broker": name, **behind.settings})
    assert not made.is_live
    part = broker_entry(name).live_rules
    if part is not None:
        assert isinstance(getattr(made, part), LiveRules)
        given = {"live": True, "accounts": ["A1"]}
        assert make_settings({"home": tmp_path, "broker": name, part: given}).is_live


def test_a_submitted_order_works_and_is_found_by_its_client_order_id(broker):
    sent = broker.submit(ORDER)
    assert sent.client_order_id == ORDER.client_order_id
    assert sent.status in TRANSITIONS["unknown"]
    assert broker.find(ORDER.client_order_id) == sent
    assert broker.working() == [sent]


def test_a_client_order_id_is_accepted_once_even_with_another_order(broker):
    broker.submit(ORDER)
    for again in (ORDER, replace(ORDER, contracts=9)):
        with pytest.raises(DuplicateOrderError, match="must be unique"):
            broker.submit(again)
    assert len(broker.working()) == 1


def test_one_of_many_concurrent_submissions_of_the_same_order_succeeds(broker):
    def send(_):
        try:
            return broker.submit(ORDER).status
        except DuplicateOrderError:
            return None

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert sum(answer is not None for answer in answers) == 1
    assert len(broker.working()) == 1


def test_a_broker_that_is_opened_again_still_has_its_orders(broker, opening):
    sent = broker.submit(ORDER)
    assert opening().find(ORDER.client_order_id) == sent


def test_a_fill_changes_contracts_and_cash_and_the_order_no_longer_works(broker, fill):
    broker.submit(LIMIT)
    fill(broker, LIMIT)
    order = broker.find(LIMIT.client_order_id)
    assert (order.status, order.filled_qty) == ("filled", 5)
    assert 0 < order.avg_price <= 9.0
    assert order.fees_usd == pytest.approx(5 * 2 * 0.65)
    assert {h.symbol: h.quantity for h in broker.holdings()} == dict(
        zip(SYMBOLS, (5, -5), strict=True)
    )
    paid = order.avg_price * 100 * 5
    assert 100_000 - broker.account().cash_usd == pytest.approx(paid, abs=order.fees_usd + 0.01)
    assert broker.working() == []
    fills = broker.activities(shift(ORDER.session, -1))
    assert {(a.kind, a.symbol, a.quantity) for a in fills} == {
        ("FILL", SYMBOLS[0], 5),
        ("FILL", SYMBOLS[1], -5),
    }


def test_a_credit_has_a_negative_price_and_adds_cash(broker, fill):
    sold = replace(LIMIT, legs=closing(LEGS), limit_price=-0.01)
    broker.submit(sold)
    fill(broker, sold)
    assert broker.find(sold.client_order_id).avg_price < 0
    assert broker.account().cash_usd > 100_000 - 10


def test_contracts_are_netted_and_a_closed_spread_leaves_no_position(broker, fill):
    out = replace(
        LIMIT, client_order_id="out", purpose="exit", legs=closing(LEGS), limit_price=-0.01
    )
    for order in (LIMIT, out):
        broker.submit(order)
        fill(broker, order)
    assert broker.holdings() == []


def test_a_canceled_order_no_longer_works_and_cannot_be_canceled_again(broker):
    broker.submit(ORDER)
    broker.cancel(ORDER.client_order_id)
    order = broker.find(ORDER.client_order_id)
    assert (order.status, order.filled_qty) == ("canceled", 0)
    assert broker.working() == []
    for client_order_id in (ORDER.client_order_id, "never-sent"):
        with pytest.raises(OrderRefusedError):
            broker.cancel(client_order_id)


def test_orders_since_a_time_include_those_filled_and_canceled(broker, fill):
    began = datetime.now(UTC) - timedelta(minutes=1)
    orders = [replace(LIMIT, client_order_id=f"o{n}") for n in range(3)]
    for order in orders:
        broker.submit(order)
    broker.cancel("o1")
    fill(broker, orders[0])
    statuses = {order.client_order_id: order.status for order in broker.orders_since(began)}
    assert set(statuses) == {"o0", "o1", "o2"}
    assert statuses["o1"] == "canceled"
    assert statuses["o0"] not in WORKING
    assert broker.orders_since(began + timedelta(hours=1)) == []


def test_only_a_broker_that_fills_at_the_close_accepts_market_orders(broker):
    market = replace(ORDER, limit_price=None)
    if broker.takes_market_orders:
        assert works_at_close(broker)
        broker.submit(market)
        return
    with pytest.raises(OrderRefusedError, match="no limit"):
        broker.submit(market)
    assert broker.working() == []
