"""Requests and answers in Alpaca's shapes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from options_platform.adapters.brokers import alpaca_shapes as shapes
from options_platform.adapters.ports.broker import (
    BrokerOrder,
    Quote,
)
from options_platform.domain.trading.orders import closing
from options_platform_tests.domain.trading.orders.test_orders import LEGS, ORDER


def test_a_leg_of_an_exit_says_that_it_closes_where_the_account_covers_it():
    """Another spread holds the other side of the 475 call: the account shows none of it."""
    out = replace(ORDER, purpose="exit", legs=closing(LEGS), limit_price=-2.0)
    held = {"SPY240202C00470000": 5}
    legs = shapes.request_of(out, held).to_request_fields()["legs"]
    assert [leg.get("position_intent") for leg in legs] == ["sell_to_close", None]
    assert [leg["side"] for leg in legs] == ["sell", "buy"]


MLEG = {
    "client_order_id": "c",
    "status": "filled",
    "qty": "1",
    "filled_qty": "1",
    "filled_avg_price": "1.28",
    "submitted_at": "2024-12-10T16:15:53.684952901Z",
    "legs": [
        {"side": "buy", "ratio_qty": "3", "filled_qty": "3", "filled_avg_price": "0.43"},
        {"side": "sell", "ratio_qty": "1", "filled_qty": "1", "filled_avg_price": "0.01"},
    ],
}


def test_the_price_of_a_spread_is_the_net_of_its_legs_in_their_ratio():
    """Three bought at 0.43 and one sold at 0.01 cost 1.28; four contracts pay fees."""
    assert shapes.order_of(MLEG, 0.65) == BrokerOrder("c", "filled", 1, 1.28, 2.6)


def test_an_order_for_shares_is_counted_by_the_share_and_costs_no_fee():
    found = {"id": "1", "client_order_id": "c", "status": "partially_filled", "symbol": "SPY",
             "side": "buy", "qty": "800", "filled_qty": "150", "filled_avg_price": "262.37",
             "limit_price": "264.62", "legs": None}  # fmt: skip
    order = shapes.order_of(found, 0.65)
    assert (order.filled_qty, order.avg_price, order.fees_usd) == (150, 262.37, 0.0)
    assert order.contracts == {"SPY": 800}
    # What a person has asked for in fractions is not told as something else.
    assert shapes.order_of({**found, "qty": "750.5"}, 0.65).contracts is None


def test_an_order_that_alpaca_documents_is_read(reference_data):
    text = (Path(reference_data) / "fixtures/alpaca/openapi_examples.json").read_text()
    routes = json.loads(text)["trading-api"]["examples_by_route"]
    found = routes["POST /v2/orders"]["200"]["MultilegOptions"]["value"]
    order = shapes.order_of(found, 0.0)
    assert (order.status, order.filled_qty, order.avg_price) == ("filled", 1, 1.28)
    account = shapes.account_of(routes["GET /v2/account"]["200"])
    assert (account.cash_usd, account.options_level) == (122086.5, 2)


def test_quotes_of_the_documented_shape_are_read_with_their_times_and_missing_sides():
    """The shape of Alpaca's documented answer; a side that nobody quotes counts as 0."""
    found = shapes.quote_of(
        {"ap": 0.16, "as": 669, "ax": "w", "bp": 0.15, "bs": 164, "bx": "W", "c": "A",
         "t": "2024-02-28T15:30:28.046330624Z"}
    )  # fmt: skip
    at = datetime(2024, 2, 28, 15, 30, 28, 46330, tzinfo=UTC)
    assert found == Quote(0.15, 0.16, at)
    assert shapes.quote_of({"ap": 1.0, "bp": None, "t": "2024-02-28T15:30:28Z"}).bid == 0.0


def test_every_state_that_alpaca_py_knows_is_one_of_ours():
    from alpaca.trading.enums import OrderStatus

    from options_platform.domain.trading.orders import TRANSITIONS

    assert {status.value for status in OrderStatus} == set(shapes.STATES)
    assert set(shapes.STATES.values()) <= set(TRANSITIONS)
