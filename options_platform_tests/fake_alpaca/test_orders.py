"""Orders of the fake account: what is refused and in which words, fills, replacing, shares.

Codes and messages are those of Alpaca's page "Options Trading Overview", Error Responses.
"""

import pytest

from options_platform.fake_alpaca.symbols import uncovered
from options_platform_tests.fake_alpaca.account import LONG, SHORT

OUT = [
    {"symbol": LONG, "side": "sell", "ratio_qty": "1", "position_intent": "sell_to_close"},
    {"symbol": SHORT, "side": "buy", "ratio_qty": "1", "position_intent": "buy_to_close"},
]
UNCOVERED = "account not eligible to trade uncovered option contracts"


def test_an_order_cannot_close_contracts_reserved_for_another(client, account):
    client.spread("a", contracts=3)
    account.fills = "rest"
    assert client.spread("out", contracts=2, limit="-1.00", legs=OUT)[0] == 200
    status, body = client.spread("more", contracts=2, limit="-1.00", legs=OUT)
    assert (status, body["code"]) == (403, 40310000)
    assert body["message"] == "insufficient qty available for order (requested: 2, available: 1)"
    assert (body["existing_qty"], body["held_for_orders"]) == ("3", "2")
    rows = client.ask("GET", "/v2/positions")[1]
    assert {row["symbol"]: row["qty_available"] for row in rows} == {LONG: "1", SHORT: "1"}
    account.script("cancel", {"client_order_id": "out"})
    assert client.spread("again", contracts=3, limit="-1.00", legs=OUT)[0] == 200


def test_an_order_opposite_to_a_working_one_is_refused_also_while_its_cancel_is_pending(
    client, account
):
    client.single("long", LONG, "buy", 2)
    account.fills = "rest"
    working = client.single("more", LONG, "buy", 1)[1]
    assert client.single("also", LONG, "buy", 1)[0] == 200
    account.script("cancel", {"client_order_id": "also"})
    account.script("faults", {"on": "DELETE /v2/orders", "do": "pending_cancel"})
    client.ask("DELETE", f"/v2/orders/{working['id']}")
    status, body = client.single("out", LONG, "sell", 1)
    assert (status, body["code"], body["existing_order_id"]) == (403, 40310000, working["id"])
    assert body["reject_reason"] == "opposite side limit order exists"
    account.script("cancel", {"client_order_id": "more"})
    assert client.single("out", LONG, "sell", 1)[0] == 200


def test_an_intent_that_contradicts_the_position_is_refused(client, account):
    status, body = client.spread("none", limit="-1.00", legs=OUT)
    assert (status, body["code"]) == (422, 42210000)
    assert "inferred: sell_to_open, specified: sell_to_close" in body["message"]
    client.single("long", LONG, "buy", 1)
    status, body = client.single("wrong", LONG, "sell", 1, position_intent="sell_to_open")
    assert (status, body["code"]) == (422, 42210000)
    legs = [
        {"symbol": LONG, "side": "sell", "ratio_qty": "1", "position_intent": "sell_to_open"},
        {"symbol": SHORT, "side": "buy", "ratio_qty": "1", "position_intent": "buy_to_open"},
    ]
    assert client.spread("lenient", limit="-1.00", legs=legs)[0] == 200
    account.script("rules", {"strict_intents": True, "requires_intents": True})
    client.single("long again", LONG, "buy", 2)
    assert client.spread("strict", limit="-1.00", legs=legs)[0] == 422
    bare = [{k: v for k, v in leg.items() if k != "position_intent"} for leg in legs]
    status, body = client.spread("bare", limit="-1.00", legs=bare)
    assert (status, body["message"]) == (422, "leg.0 position intent is required")


def test_no_order_leaves_a_short_contract_without_cover(client, account):
    status, body = client.single("naked", SHORT, "sell", 1)
    assert (status, body["code"], body["message"]) == (403, 40310000, UNCOVERED)
    client.spread("a")
    status, body = client.single("cover", LONG, "sell", 1, position_intent="sell_to_close")
    assert (status, body["message"]) == (403, UNCOVERED)
    bare = [{k: v for k, v in leg.items() if k != "position_intent"} for leg in OUT]
    bare[0]["ratio_qty"] = "2"
    status, body = client.spread("net", limit="-1.00", legs=bare)
    assert (status, body["message"]) == (403, UNCOVERED)
    account.script("rules", {"refuses_uncovered": False})
    assert client.single("let", LONG, "sell", 1, position_intent="sell_to_close")[0] == 200


def test_shares_cover_a_short_call_and_cash_a_short_put_if_allowed(client, account):
    account.script("move", {"symbol": "SPY", "quantity": 100, "price": 470.0})
    assert client.single("covered", SHORT, "sell", 1)[0] == 200
    put = "SPY240202P00460000"
    assert client.single("put", put, "sell", 1)[1]["message"] == UNCOVERED
    account.script("rules", {"cash_secured_puts": True})
    assert client.single("put", put, "sell", 2)[0] == 200
    assert client.single("too many", put, "sell", 1)[1]["message"] == UNCOVERED


@pytest.mark.parametrize(
    ("quantities", "naked"),
    [
        ({LONG: 1, SHORT: -1}, {}),
        ({LONG: 1, SHORT: -3}, {SHORT: 2}),
        ({"SPY240126C00470000": 1, SHORT: -1}, {SHORT: 1}),
        ({"SPY240301C00480000": 1, SHORT: -1}, {}),
        ({"SPY": 250, SHORT: -3}, {SHORT: 1}),
        ({"SPY1240202C00470000": 1, SHORT: -1}, {SHORT: 1}),
        ({"SPY240202P00470000": 1, SHORT: -1}, {SHORT: 1}),
        ({"SPY240301C00470000": 1, SHORT: -1, "SPY240301C00475000": -1}, {SHORT: 1}),
    ],
)
def test_a_long_contract_that_expires_no_earlier_or_shares_cover_a_short_one(quantities, naked):
    assert uncovered(quantities) == naked


def test_a_fill_has_the_order_id_of_its_leg(client, account):
    account.fills = "rest"
    client.spread("a", contracts=2)
    account.script("fill", {"client_order_id": "a", "spreads": 1})
    account.script("fill", {"client_order_id": "a"})
    order = client.by_client_id("a")[1]
    legs = {leg["id"]: leg for leg in order["legs"]}
    fills = client.activities(activity_types="FILL", direction="asc")
    assert [legs[fill["order_id"]]["symbol"] for fill in fills] == [LONG, SHORT] * 2
    assert [(f["side"], f["qty"], f["cum_qty"], f["leaves_qty"]) for f in fills] == [
        ("buy", "1", "1", "1"),
        ("sell", "1", "1", "1"),
        ("buy", "1", "2", "0"),
        ("sell", "1", "2", "0"),
    ]
    assert {f["type"] for f in fills[:2]} == {"partial_fill"}
    assert all("transaction_time" in fill and "price" in fill for fill in fills)
    assert [leg["position_intent"] for leg in order["legs"]] == ["buy_to_open", "sell_to_open"]
    assert client.ask("GET", f"/v2/orders/{fills[0]['order_id']}")[1]["symbol"] == LONG


def test_an_order_is_replaced_by_another_under_another_id(client, account):
    account.fills = "rest"
    client.spread("a", contracts=3)
    account.script("fill", {"client_order_id": "a", "spreads": 1})
    old = client.by_client_id("a")[1]
    status, new = client.ask("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "1.60"})
    assert status == 200
    old = client.by_client_id("a")[1]
    assert (old["status"], old["replaced_by"], old["filled_qty"]) == ("replaced", new["id"], "1")
    assert (new["replaces"], new["qty"], new["limit_price"]) == (old["id"], "2", "1.60")
    assert new["client_order_id"] != "a"
    account.script(
        "replace",
        {"client_order_id": new["client_order_id"], "new_client_order_id": "mine", "qty": 1},
    )
    assert client.by_client_id("mine")[1]["status"] == "new"
    assert client.listed(status="open") == ["mine"]
    status, body = client.ask("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "1.70"})
    assert (status, body["message"]) == (422, "cannot replace order in replaced status")


def test_a_closing_order_can_be_replaced_though_it_reserves_the_contracts(client, account):
    client.spread("a")
    account.fills = "rest"
    out = client.spread("out", limit="-1.00", legs=OUT)[1]
    assert client.ask("PATCH", f"/v2/orders/{out['id']}", {"limit_price": "-0.90"})[0] == 200


def test_shares_are_bought_sold_and_sold_short(client, account):
    assert client.single("buy", "SPY", "buy", 10, limit="470.00")[1]["asset_class"] == "us_equity"
    assert client.cash() == 100_000.0 - 4_700.0
    status, body = client.single("flip", "SPY", "sell", 20, limit="470.00")
    assert (status, body["available"]) == (403, "10")
    client.single("sell", "SPY", "sell", 10, limit="471.00")
    client.single("short", "SPY", "sell", 5, limit="471.00")
    assert client.positions() == {"SPY": "-5"}
    row = client.ask("GET", "/v2/positions")[1][0]
    assert (row["side"], row["asset_class"]) == ("short", "us_equity")


def test_positions_may_be_fractions_of_shares(client, account):
    account.script("move", {"symbol": "SPY", "quantity": "0.75", "price": 470.0})
    assert client.positions() == {"SPY": "0.75"}
    client.single("out", "SPY", "sell", "0.75", limit="470.00")
    assert client.positions() == {}
    status, body = client.single("part", LONG, "buy", "0.5")
    assert (status, body["message"]) == (422, "qty must be integer for options trading")


def test_equity_marks_positions_at_their_prices(client, account):
    client.spread("a")
    account.script("quote", {"symbol": LONG, "bid": 3.0, "ask": 3.2})
    account.script("quote", {"symbol": SHORT, "bid": 1.0, "ask": 1.2})
    body = client.ask("GET", "/v2/account")[1]
    assert float(body["equity"]) - float(body["cash"]) == pytest.approx(200.0)
    account.script("move", {"symbol": "SPY", "quantity": 10, "price": 470.0})
    account.script("trade", {"ticker": "SPY", "price": 480.0})
    body = client.ask("GET", "/v2/account")[1]
    assert float(body["equity"]) - float(body["cash"]) == pytest.approx(5_000.0)
