"""Assignment, exercise, expiry and splits move contracts, shares and cash, and leave activities.

Signs and fields are those of Alpaca's page "Non-Trade Activities for Option Events".
"""

from datetime import timedelta

import pytest

from options_platform_tests.fake_alpaca.account import LONG, NOON, SHORT, STRIKE_USD

PUT = "SPY240202P00460000"


@pytest.fixture
def spreads(client):
    """Two spreads: long the 470 call, short the 475 one."""
    client.spread("a", contracts=2)
    return client.cash()


def test_an_assigned_call_delivers_shares_at_the_strike(client, account, spreads):
    account.script("assign", {"symbol": SHORT, "contracts": 1})
    assert client.positions() == {LONG: "2", SHORT: "-1", "SPY": "-100"}
    assert client.cash() == spreads + STRIKE_USD
    assigned, delivered = client.activities(activity_types="OPASN,OPTRD", direction="asc")
    assert (assigned["symbol"], assigned["qty"]) == (SHORT, "1")
    assert (delivered["symbol"], delivered["qty"], delivered["price"]) == ("SPY", "-100", "475")
    assert delivered["net_amount"] == "47500"
    assert assigned["id"] == delivered["id"]
    assert "transaction_time" not in assigned
    assert assigned["date"] == "2024-01-03"


def test_a_page_may_end_between_two_activities_with_one_id(client, account, spreads):
    account.script("assign", {"symbol": SHORT})
    first = client.activities(activity_types="OPASN,OPTRD", direction="asc", page_size=1)
    rest = client.activities(
        activity_types="OPASN,OPTRD", direction="asc", page_size=1, page_token=first[-1]["id"]
    )
    assert ([a["activity_type"] for a in first], rest) == (["OPASN"], [])
    account.script("exercise", {"symbol": LONG, "same_id": False})
    pair = client.activities(activity_types="OPEXC,OPTRD", direction="asc")[-2:]
    assert pair[0]["id"] != pair[1]["id"]


def test_an_exercised_call_takes_shares_and_pays_the_strike(client, account, spreads):
    account.script("exercise", {"symbol": LONG, "contracts": 1})
    assert client.positions() == {LONG: "1", SHORT: "-2", "SPY": "100"}
    assert client.cash() == spreads - 47_000.0
    exercised, delivered = client.activities(activity_types="OPEXC,OPTRD", direction="asc")
    assert (exercised["qty"], delivered["qty"], delivered["net_amount"]) == ("-1", "100", "-47000")


def test_a_dividend_is_paid_on_shares_that_are_held_and_charged_on_those_that_are_short(
    client, account, spreads
):
    account.script("assign", {"symbol": SHORT, "contracts": 1})
    account.script("dividend", {"ticker": "SPY", "per_share": 1.75})
    # One that is paid when the shares are gone names those of the ex-date.
    account.script("dividend", {"ticker": "QQQ", "per_share": 0.5, "shares": 200})
    assert client.cash() == spreads + STRIKE_USD - 175.0 + 100.0
    owed, received = client.activities(activity_types="DIV", direction="asc")
    assert (owed["symbol"], owed["qty"], owed["net_amount"]) == ("SPY", "-100", "-175")
    assert (received["symbol"], received["qty"], received["net_amount"]) == ("QQQ", "200", "100")
    assert owed["per_share_amount"] == "1.75"


def test_puts_deliver_the_other_way_round(client, account):
    account.script("move", {"symbol": PUT, "quantity": -1})
    account.script("assign", {"symbol": PUT})
    assert client.positions() == {"SPY": "100"}
    assert client.cash() == 100_000.0 - 46_000.0
    account.script("move", {"symbol": PUT, "quantity": 1})
    account.script("exercise", {"symbol": PUT})
    assert client.positions() == {}
    assert client.cash() == 100_000.0


def test_a_client_may_exercise_contracts_that_no_order_closes(client, account, clock, spreads):
    account.fills = "rest"
    client.single("out", LONG, "sell", 1, position_intent="sell_to_close")
    account.script("rules", {"refuses_uncovered": False})
    client.single("out", LONG, "sell", 1, position_intent="sell_to_close")
    assert client.ask("POST", f"/v2/positions/{LONG}/exercise")[0] == 200
    assert client.positions() == {LONG: "1", SHORT: "-2", "SPY": "100"}
    status, body = client.ask("POST", f"/v2/positions/{LONG}/exercise")
    assert (status, body["message"]) == (403, "no qty available to exercise")
    status, body = client.ask("POST", f"/v2/positions/{SHORT}/exercise")
    assert (status, body["message"]) == (404, f"long position not found: {SHORT}")
    clock["now"] = NOON + timedelta(hours=5)
    status, body = client.ask("POST", f"/v2/positions/{LONG}/exercise")
    assert status == 403
    assert "after market close" in body["message"]


def test_expiry_settles_each_contract_by_the_close_of_its_stock(client, account, spreads):
    """At 472 the 470 call is exercised, the 475 call expires, and so does the put."""
    account.script("move", {"symbol": PUT, "quantity": 1})
    later = "SPY240301C00470000"
    account.script("move", {"symbol": later, "quantity": 1})
    client.ask("POST", "/fake/expire", {"date": "2024-02-02", "spots": {"SPY": 472.0}})
    assert client.positions() == {"SPY": "200", later: "1"}
    settled = client.activities(activity_types="OPEXC,OPASN,OPEXP")
    kinds = {a["symbol"]: (a["activity_type"], a["qty"]) for a in settled}
    assert kinds[LONG] == ("OPEXC", "-2")
    assert kinds[SHORT] == ("OPEXP", "2")
    assert kinds[PUT] == ("OPEXP", "-1")


def test_more_contracts_than_are_open_are_neither_assigned_nor_exercised(client, spreads):
    for name, symbol in (("assign", SHORT), ("exercise", LONG), ("assign", LONG)):
        body = {"symbol": symbol, "contracts": 3}
        assert client.ask("POST", f"/fake/{name}", body)[0] == 422
    assert client.positions() == {LONG: "2", SHORT: "-2"}


def test_a_split_renames_contracts_and_refuses_orders_for_the_old_ones(client, account, spreads):
    account.fills = "rest"
    client.spread("works")
    account.script("move", {"symbol": "SPY", "quantity": 12.5, "price": 470.0})
    account.script("split", {"ticker": "SPY", "ratio": 1.5, "activity": "OPCA"})
    adjusted = {"SPY1240202C00470000": "2", "SPY1240202C00475000": "-2"}
    assert client.positions() == adjusted | {"SPY": "18.75"}
    assert client.by_client_id("works")[1]["status"] == "canceled"
    status, body = client.single("old", LONG, "sell", 1)
    assert (status, body["message"]) == (422, f"asset not found for {LONG}")
    noted = {a["symbol"]: a["qty"] for a in client.activities(activity_types="OPCA")}
    assert noted == {LONG: "-2", SHORT: "2"} | adjusted
    status, order = client.single(
        "new", "SPY1240202C00475000", "buy", 2, position_intent="buy_to_close"
    )
    assert (status, order["status"]) == (200, "new")


def test_the_script_clearing_removes_a_whole_position_without_shares(client, account, spreads):
    account.script("clearing", {"kind": "OPASN", "symbol": SHORT})
    assert client.positions() == {LONG: "2"}
    assert client.cash() == spreads
