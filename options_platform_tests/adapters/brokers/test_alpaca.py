"""The wire to Alpaca: one request, one answer, the right host, no secret in sight."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient

from options_platform.adapters.brokers import alpaca_shapes as shapes
from options_platform.adapters.brokers.alpaca import AlpacaBroker
from options_platform.adapters.brokers.alpaca_accounts import require_allowed
from options_platform.adapters.ports.broker import (
    BrokerDoubtError,
    LastPrice,
    OrderRefusedError,
)
from options_platform.adapters.sources.alpaca.keys import require_keys
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.orders import contracts_of
from options_platform.errors import BrokerError, SettingsError, SourceError
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.settings import make_settings
from options_platform.settings.broker_rules import LIVE_SWITCH, AlpacaRules
from options_platform_tests.domain.trading.orders.test_orders import LEGS, ORDER

CANARY = {
    "APCA_API_KEY_ID": "PKCANARYKEY0123456789",
    "APCA_API_SECRET_KEY": "canarysecretcanarysecretcanarysecret1234",
}
LIVE_CANARY = CANARY | {"APCA_API_KEY_ID": "AKCANARYKEY0123456789"}


def broker(rules=None, environment=None):
    return AlpacaBroker(rules or AlpacaRules(), CostRules(), environment or {})


@pytest.fixture
def fake():
    with FakeAlpaca(fills="rest") as made:
        yield made


@pytest.fixture
def at_fake(fake):
    return broker(AlpacaRules(fake_address=fake.address, timeout_seconds=0.5))


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "status", "status": 504},
        {"do": "status", "status": 502, "body": "<html>"},
        {"do": "status", "status": 429},
        {"do": "status", "status": 307},
        {"do": "status", "status": 200, "body": {"no": "order"}},
        {"do": "drop"},
        {"do": "hang", "seconds": 2},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_a_request_that_sends_is_made_once_and_an_unclear_answer_is_a_doubt(at_fake, fake, fault):
    at_fake.account()
    fake.script("faults", fault | {"times": 9})
    with pytest.raises(BrokerDoubtError):
        at_fake.submit(ORDER)
    assert fake.count("POST /v2/orders") == 1


def test_a_request_that_reads_is_repeated_a_few_times(at_fake, fake):
    fake.script("faults", {"on": "GET", "do": "status", "status": 502, "times": 2})
    assert at_fake.find("nothing") is None
    fake.script("faults", {"on": "GET", "do": "drop", "times": 9})
    with pytest.raises(BrokerDoubtError, match=r"no connection|broke"):
        at_fake.find("nothing")
    assert fake.count("GET") == 6


@pytest.mark.long
def test_an_answer_of_unexpected_shape_leaves_a_doubt(at_fake, fake):
    asks = [
        at_fake.account,
        at_fake.clock,
        at_fake.working,
        at_fake.holdings,
        lambda: at_fake.find("x"),
        lambda: at_fake.activities(ORDER.session),
    ]
    for ask in asks:
        for body in ([1], {"a": 1}, [{"id": "1"}], "text"):
            fake.script(
                "faults", {"on": "GET", "do": "status", "status": 200, "body": body, "times": 3}
            )
            with pytest.raises(BrokerDoubtError, match="cannot be read"):
                ask()


def test_all_pages_of_a_long_list_are_read(at_fake, fake):
    began = fake.now()
    fake.book.cash = 10_000_000.0
    request = json.loads(json.dumps(shapes.request_of(ORDER).to_request_fields()))
    for number in range(1101):
        fake.clock_offset = timedelta(milliseconds=number // 2)
        fake.book.submit(request | {"client_order_id": f"o{number}"})
    found = at_fake.orders_since(began)
    assert {order.client_order_id for order in found} == {f"o{n}" for n in range(1101)}
    for number in range(60):
        fake.script("fill", {"client_order_id": f"o{number}"})
    fills = at_fake.activities(began.date() - timedelta(days=1))
    assert len(fills) == len({a.activity_id for a in fills}) == 120


def test_a_spread_is_one_multi_leg_limit_order_for_the_day(at_fake, fake):
    at_fake.submit(ORDER)
    sent = next(iter(fake.book.orders.values()))
    assert (sent["order_class"], sent["type"], sent["time_in_force"]) == ("mleg", "limit", "day")
    assert (sent["qty"], float(sent["limit_price"])) == ("5", 2.1)
    assert [(leg["symbol"], leg["side"], leg["position_intent"]) for leg in sent["legs"]] == [
        ("SPY240202C00470000", "buy", "buy_to_open"),
        ("SPY240202C00475000", "sell", "sell_to_open"),
    ]


@pytest.mark.parametrize("ticker", ["BRK-B", "BRK.B"])
def test_a_share_class_is_requested_in_alpacas_spelling_and_returned_under_its_ticker(
    at_fake, fake, ticker
):
    fake.script("trade", {"ticker": "BRK.B", "price": 480.5})
    found = at_fake.last_prices([ticker, "QQQ"])
    assert {name: one.price for name, one in found.items()} == {ticker: 480.5}
    order = replace(ORDER, ticker=ticker)
    sent = at_fake.submit(order)
    assert sent.contracts == contracts_of(order)
    assert set(sent.contracts) == {"BRKB240202C00470000", "BRKB240202C00475000"}
    for leg in order.legs:
        fake.script("quote", {"symbol": leg.symbol(ticker), "bid": 2.0, "ask": 2.1})
    quotes = at_fake.quotes([leg.symbol(ticker) for leg in order.legs])
    assert set(quotes) == set(sent.contracts)
    fake.script("fill", {"client_order_id": order.client_order_id})
    assert {one.symbol: one.quantity for one in at_fake.holdings()} == sent.contracts


def test_one_leg_is_a_simple_order_with_a_positive_price_for_both_sides(at_fake, fake):
    sold = replace(ORDER, legs=(replace(LEGS[0], side="sell"),), limit_price=-1.25)
    fake.script("rules", {"refuses_uncovered": False})
    at_fake.submit(sold)
    sent = next(iter(fake.book.orders.values()))
    assert (sent["order_class"], sent["side"], float(sent["limit_price"])) == (
        "simple",
        "sell",
        1.25,
    )
    fake.script("fill", {"client_order_id": sold.client_order_id})
    assert at_fake.find(sold.client_order_id).avg_price == -1.25


def test_no_order_or_activity_is_missed_if_pages_are_shorter_than_requested(at_fake, fake):
    """Each order at its own second, so that a page of 50 ends between two."""
    fake.fills = "limit"
    fake.script("page_cap", {"cap": 50})
    start = fake.now()
    for at in range(120):
        fake.script("clock", {"offset_seconds": at})
        fake.book.submit(STOCK | {"client_order_id": f"{at:03d}"})
        fake.book.fill(fake.book.by_client_id(f"{at:03d}"))
    found = at_fake.orders_since(start - timedelta(hours=1))
    assert sorted(order.client_order_id for order in found) == [f"{at:03d}" for at in range(120)]
    activities = at_fake.activities(start.date() - timedelta(days=1))
    assert len({activity.activity_id for activity in activities}) == len(activities) == 120


STOCK = {"symbol": "T", "side": "buy", "qty": "1", "type": "limit", "limit_price": "30"}


def test_an_assignment_is_not_missed_if_a_page_ends_between_its_two_activities(at_fake, fake):
    """Both of the pair have one id; 49 fills come before them, so the page ends between."""
    symbol = LEGS[0].symbol("SPY")
    for at in range(49):
        fake.book.submit(STOCK | {"client_order_id": str(at)})
        fake.book.fill(fake.book.by_client_id(str(at)))
    fake.script("page_cap", {"cap": 50})
    for _ in range(2):
        fake.script("move", {"symbol": symbol, "quantity": 1})
        fake.script("exercise", {"symbol": symbol})
    raw = fake.book.activities[49:]
    assert [a["activity_type"] for a in raw] == ["OPEXC", "OPTRD"] * 2
    for activity in raw:
        # Whatever kinds the broker is asked for, these are among them.
        activity["activity_type"] = "OPEXC"
    found = at_fake.activities(fake.now().date() - timedelta(days=2))
    assert [a.kind for a in found if a.kind != "FILL"] == ["OPEXC"] * 4


def test_quotes_are_requested_in_batches_and_an_unlisted_contract_is_absent(at_fake, fake):
    names = [f"SPY260220C{strike * 1000:08d}" for strike in range(100, 220)]
    for name in names[1:]:
        fake.script("quote", {"symbol": name, "bid": 1.0, "ask": 1.1})
    found = at_fake.quotes(names)
    assert sorted(found) == names[1:]
    assert {(quote.bid, quote.ask) for quote in found.values()} == {(1.0, 1.1)}
    assert fake.count("GET /v1beta1/options/quotes/latest") == 2


def test_last_trades_of_stocks_are_read_and_a_stock_without_one_is_absent(at_fake, fake):
    before = fake.now()
    fake.script("trade", {"ticker": "SPY", "price": 512.25})
    (found,) = at_fake.last_prices(["SPY", "QQQ"]).items()
    assert found == ("SPY", LastPrice(512.25, found[1].at))
    assert before <= found[1].at <= fake.now()


@pytest.mark.parametrize("kind", [OptionHistoricalDataClient, StockHistoricalDataClient])
def test_quotes_come_only_from_alpacas_data_host(kind):
    from options_platform.adapters.brokers.alpaca_wire import DATA_HOST, make_data_client
    from options_platform.adapters.sources.alpaca.keys import Keys

    client = make_data_client(kind, Keys("PK", "s"), fake_address="", timeout_seconds=1)
    assert client._base_url == f"https://{DATA_HOST}"
    with pytest.raises(BrokerError, match="not allowed"):
        client._session.request("GET", "https://paper-api.alpaca.markets/v2/account")


@pytest.mark.parametrize(
    "address",
    [
        "https://api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "http://example.com",
        "https://127.0.0.1:1",
        "http://127.0.0.1.example.com",
    ],
)
def test_only_a_server_on_this_machine_can_play_alpaca(address):
    with pytest.raises(SettingsError, match="fake_address"):
        broker(AlpacaRules(fake_address=address)).find("x")


def test_no_request_leaves_for_another_host():
    from options_platform.adapters.brokers.alpaca_wire import PAPER_HOST, require_host

    require_host(f"https://{PAPER_HOST}/v2/orders", PAPER_HOST)
    for url in (
        f"http://{PAPER_HOST}/v2/orders",
        "https://api.alpaca.markets/v2/orders",
        f"https://{PAPER_HOST}.example.com/",
        f"https://{PAPER_HOST}@example.com/",
    ):
        with pytest.raises(BrokerError, match="not allowed"):
            require_host(url, PAPER_HOST)


def test_live_trading_takes_a_setting_an_account_and_a_switch_in_the_environment():
    with pytest.raises(SettingsError, match=r"alpaca\.accounts"):
        make_settings({"broker": "alpaca", "alpaca": {"live": True}})
    made = make_settings({"broker": "alpaca", "alpaca": {"live": True, "accounts": ["123"]}})
    assert made.is_live
    assert made.ledger_path.name == "ledger-live.duckdb"
    assert make_settings({"broker": "alpaca"}).ledger_path.name == "ledger.duckdb"

    live = AlpacaRules(live=True, accounts=("123",))
    for wrong in ({}, {LIVE_SWITCH: "yes"}, {LIVE_SWITCH: "124"}):
        with pytest.raises(BrokerError, match="OPTIONS_LIVE_MONEY"):
            require_allowed("123", live, wrong)
    with pytest.raises(BrokerError, match="does not list"):
        require_allowed("124", live, {LIVE_SWITCH: "124"})
    require_allowed("123", live, {LIVE_SWITCH: "123"})
    require_allowed("PA1", AlpacaRules(), {})


def test_an_account_that_is_not_listed_is_not_traded(fake):
    rules = AlpacaRules(fake_address=fake.address, accounts=("PA-OTHER",))
    with pytest.raises(BrokerError, match="does not list"):
        broker(rules).submit(ORDER)
    assert fake.count("POST") == 0


def test_live_trading_refuses_an_entry_above_its_cap_and_keys_of_the_other_kind():
    live = broker(AlpacaRules(live=True, accounts=("123",), live_max_order_usd=1000), CANARY)
    with pytest.raises(OrderRefusedError, match="live_max_order_usd"):
        live.submit(ORDER)
    with pytest.raises(SettingsError, match="a paper account"):
        live.find("x")
    with pytest.raises(SettingsError, match="the live account"):
        broker(environment=LIVE_CANARY).find("x")
    with pytest.raises(SourceError, match="APCA_API_KEY_ID"):
        broker().find("x")


def test_the_switch_of_live_trading_is_no_setting_of_a_file(tmp_path):
    from options_platform.settings import load_settings

    (tmp_path / "options.toml").write_text('live_money = "123"\n')
    with pytest.raises(SettingsError, match="unknown setting"):
        load_settings(tmp_path, {})
    assert load_settings(tmp_path.parent, {LIVE_SWITCH: "123"}).is_live is False


def test_no_error_log_or_text_shows_a_key(fake, caplog, capfd):
    """The server repeats what it was sent, as a careless one might."""
    caplog.set_level(logging.DEBUG)
    made = AlpacaBroker(
        AlpacaRules(fake_address=fake.address, timeout_seconds=0.5),
        CostRules(),
        CANARY,
        keys=require_keys(CANARY),
    )
    echo = {"code": 1, "message": "no account for " + " and ".join(CANARY.values())}
    texts = [repr(made)]
    for status in (401, 403, 422, 429, 500):
        fake.script("faults", {"on": "POST", "do": "status", "status": status, "body": echo})
        with pytest.raises(BrokerError) as said:
            made.submit(ORDER)
        error = said.value
        while error is not None:
            texts += [repr(error), str(vars(error))]
            error = error.__cause__ or error.__context__
    texts += [caplog.text, *capfd.readouterr()]
    for secret in CANARY.values():
        assert all(secret not in text for text in texts)
    assert any("***" in text for text in texts)


def test_neither_alpaca_py_nor_curl_is_loaded_before_the_first_request():
    code = (
        "import sys\n"
        "from options_platform.adapters.brokers import open_broker\n"
        "from options_platform.settings import make_settings\n"
        "open_broker(make_settings({'broker': 'alpaca'}))\n"
        "assert not {'alpaca', 'curl_cffi', 'requests'} & set(sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize(
    ("number", "is_doubt"), [("mine", False), ("20150102-exit-437ba0e09b", True), (None, True)]
)
def test_a_list_of_orders_that_cannot_be_read_is_a_doubt_unless_they_are_somebody_elses(
    number, is_doubt
):
    page = [{"client_order_id": number, "status": "unheard of"}] * 2
    if is_doubt:
        with pytest.raises(ValueError, match="no order of the list can be read"):
            broker()._rows(page)
    else:
        assert broker()._rows(page) == (2, [])
