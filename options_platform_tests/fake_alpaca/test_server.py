"""The fake server answers alpaca-py as Alpaca would."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from alpaca.data.historical import OptionHistoricalDataClient
from alpaca.data.requests import OptionChainRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import ContractType
from alpaca.trading.requests import GetOptionContractsRequest

from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.orders import OrderLeg
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.settings.broker_rules import AlpacaRules
from options_platform_tests.domain.trading.orders.test_orders import ORDER

NOON = datetime(2024, 1, 3, 12, tzinfo=NEW_YORK)


@pytest.fixture
def clock():
    return {"now": NOON}


@pytest.fixture
def fake(clock):
    with FakeAlpaca(now=lambda: clock["now"], fills="market") as made:
        yield made


@pytest.fixture
def trading(fake):
    client = TradingClient("FAKE", "FAKE", url_override=fake.address)
    yield client
    client._session.close()


@pytest.fixture
def broker(fake):
    return AlpacaBroker(AlpacaRules(fake_address=fake.address), CostRules())


def test_its_clock_follows_the_sessions_of_new_york(trading, clock):
    """Wednesday noon, after the close, and the Saturday after: Monday the 8th opens next."""
    for now, is_open, next_close in (
        (NOON, True, "2024-01-03T16:00"),
        (NOON + timedelta(hours=5), False, "2024-01-04T16:00"),
        (NOON + timedelta(days=3), False, "2024-01-08T16:00"),
    ):
        clock["now"] = now
        found = trading.get_clock()
        assert found.is_open is is_open
        assert found.next_close.isoformat().startswith(next_close)


def test_contracts_are_filtered_and_paged(trading):
    request = GetOptionContractsRequest(
        underlying_symbols=["SPY"],
        expiration_date_gte=NOON.date(),
        expiration_date_lte=NOON.date() + timedelta(days=20),
        type=ContractType.PUT,
        limit=50,
    )
    found, pages = [], 0
    while True:
        given = trading.get_option_contracts(request)
        found += given.option_contracts
        pages += 1
        if given.next_page_token is None:
            break
        request.page_token = given.next_page_token
    assert pages > 1
    assert len({contract.symbol for contract in found}) == len(found) > 50
    assert {contract.type for contract in found} == {ContractType.PUT}
    assert max(c.expiration_date for c in found) <= NOON.date() + timedelta(days=20)


def test_chains_are_quoted_and_those_quotes_fill_orders_within_their_limit(fake, broker, clock):
    data = OptionHistoricalDataClient("FAKE", "FAKE", url_override=fake.address)
    chain = data.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    data._session.close()
    assert len(chain) > 100
    calls = sorted(
        (s for s, quote in chain.items() if s[-9] == "C" and quote.latest_quote.bid_price > 1.0),
        key=lambda s: (s[-15:-9], s[-8:]),
    )
    low, high = calls[0], calls[1]
    assert low[:-8] == high[:-8]
    expiry = datetime.strptime(low[3:9], "%y%m%d").date()  # noqa: DTZ007
    legs = tuple(
        OrderLeg(side, "call", int(symbol[-8:]) / 1000, expiry)
        for side, symbol in (("buy", low), ("sell", high))
    )
    cost = chain[low].latest_quote.ask_price - chain[high].latest_quote.bid_price
    for name, limit, status in (("at", cost, "filled"), ("below", cost - 0.05, "accepted")):
        order = replace(ORDER, client_order_id=name, legs=legs, limit_price=round(limit, 2))
        broker.submit(order)
        found = broker.find(name)
        assert found.status == status
        if found.avg_price is not None:
            assert found.avg_price == pytest.approx(cost)


def test_day_orders_end_with_the_close_and_assignments_leave_an_activity(fake, broker):
    fake.fills = "limit"
    broker.submit(ORDER)
    fake.fills = "rest"
    broker.submit(replace(ORDER, client_order_id="rests"))
    fake.script("close", {})
    assert broker.find("rests").status == "expired"
    symbol = broker.holdings()[0].symbol
    fake.script("clearing", {"kind": "OPEXP", "symbol": symbol})
    last = broker.activities(NOON.date())[-1]
    assert (last.kind, last.symbol, last.on) == ("OPEXP", symbol, NOON.date())
    assert symbol not in {h.symbol for h in broker.holdings()}
