"""Answers of the fake server may lag or be incomplete, while the account itself is correct."""

import time
from datetime import timedelta
from http.client import RemoteDisconnected

import pytest

from options_platform_tests.fake_alpaca.account import LONG, NOON, SHORT


def test_a_lookup_that_lags_answers_404_in_json_until_enough_requests_have_passed(client, account):
    account.script("lag", {"of": ["lookups"], "requests": 2})
    client.spread("a")
    for _ in range(2):
        status, body = client.by_client_id("a")
        assert (status, body["code"]) == (404, 40410000)
    status, body = client.by_client_id("a")
    assert (status, body["status"]) == (200, "filled")


def test_a_lagging_list_misses_the_newest_order_and_shows_old_states(client, account):
    account.fills = "rest"
    client.spread("a")
    account.script("lag", {"of": "orders", "requests": 1})
    client.spread("b")
    assert client.listed(status="all") == ["a"]
    assert client.listed(status="all", direction="asc") == ["a", "b"]
    account.script("fill", {"client_order_id": "a"})
    assert client.listed(status="open", direction="asc") == ["a", "b"]
    assert client.listed(status="open") == ["b"]


def test_a_lag_may_be_counted_in_seconds(client, account):
    account.script("lag", {"of": ["lookups", "positions"], "seconds": 0.3})
    client.spread("a")
    assert client.by_client_id("a")[0] == 404
    assert client.positions() == {}
    time.sleep(0.35)
    assert client.by_client_id("a")[0] == 200
    assert client.positions() == {LONG: "1", SHORT: "-1"}


def test_positions_may_be_frozen_for_some_answers_or_for_a_day(client, account, clock):
    account.script("freeze", {"of": "positions", "requests": 2})
    client.spread("a")
    assert [len(client.positions()) for _ in range(3)] == [0, 0, 2]
    account.script("freeze", {"of": "positions", "until": (NOON + timedelta(days=1)).isoformat()})
    client.spread("b")
    assert client.positions()[LONG] == "1"
    clock["now"] = NOON + timedelta(hours=23)
    assert client.positions()[LONG] == "1"
    clock["now"] = NOON + timedelta(days=1)
    assert client.positions()[LONG] == "2"


def test_one_contract_or_all_may_be_missing_from_the_positions(client, account):
    client.spread("a")
    account.script("hide", {"symbols": [SHORT], "requests": 1})
    assert client.positions() == {LONG: "1"}
    assert client.positions() == {LONG: "1", SHORT: "-1"}
    account.script("hide", {"seconds": 60})
    assert client.ask("GET", "/v2/positions") == (200, [])
    account.script("honest", {})
    assert len(client.positions()) == 2


def test_a_page_has_at_most_the_cap_however_much_is_requested(client, account):
    account.script("page_cap", {})
    for number in range(60):
        client.spread(f"{number:02d}")
    assert len(client.listed(status="all", limit=500)) == 50
    first = client.activities(direction="asc", page_size=100)
    assert len(first) == 50
    after = client.activities(direction="asc", page_size=100, page_token=first[-1]["id"])
    assert len(after) == 50
    assert {a["id"] for a in first}.isdisjoint(a["id"] for a in after)


def test_activities_may_appear_later_than_their_effects(client, account, clock):
    client.spread("a")
    until = (NOON + timedelta(hours=20)).isoformat()
    account.script("freeze", {"of": ["activities"], "until": until})
    account.script("assign", {"symbol": SHORT})
    assert SHORT not in client.positions()
    assert client.activities(activity_types="OPASN") == []
    clock["now"] = NOON + timedelta(hours=20)
    assert [a["qty"] for a in client.activities(activity_types="OPASN")] == ["1"]


def test_cash_may_lag_too(client, account):
    account.script("freeze", {"of": "account", "requests": 1})
    client.spread("a")
    assert (client.cash(), client.cash()) == (100_000.0, 99_850.0)


@pytest.mark.parametrize(
    ("page", "status", "content_type", "words"),
    [
        ("forbidden", 403, "text/html", "<html>"),
        ("not_found", 404, "text/plain", "404 page not found"),
        ("bad_gateway", 502, "text/html", "502 Bad Gateway"),
    ],
)
def test_a_gateway_before_the_broker_answers_with_its_own_pages(
    client, account, page, status, content_type, words
):
    """The order was accepted all the same."""
    account.script("faults", {"do": "status_after", "page": page})
    found = client.raw("POST", "/v2/orders", SINGLE)
    assert found[0] == status
    assert found[1].startswith(content_type)
    assert words in found[2]
    assert client.by_client_id("taken")[0] == 200


SINGLE = {
    "client_order_id": "taken",
    "symbol": LONG,
    "side": "buy",
    "qty": "1",
    "type": "limit",
    "limit_price": "1.00",
}


def test_a_request_may_arrive_after_the_client_has_stopped_waiting(client, account):
    account.script("faults", {"do": "underway"})
    with pytest.raises(RemoteDisconnected):
        client.raw("POST", "/v2/orders", SINGLE)
    assert client.by_client_id("taken")[0] == 404
    assert [body["client_order_id"] for body, _ in account.underway] == ["taken"]
    account.script("arrive", {})
    assert client.by_client_id("taken")[0] == 200
    assert account.underway == []


def test_an_answer_may_be_any_text(client, account):
    fault = {
        "on": "GET /v2/positions",
        "do": "status",
        "status": 200,
        "text": "{",
        "content_type": "x/y",
    }
    account.script("faults", fault)
    assert client.raw("GET", "/v2/positions") == (200, "x/y", "{")


@pytest.mark.parametrize(
    "script",
    [("lag", {"of": "cash"}), ("faults", {"do": "drop", "page": "x"}), ("rules", {"x": True})],
)
def test_an_unknown_habit_is_refused(client, script):
    name, body = script
    status, answer = client.ask("POST", f"/fake/{name}", body)
    assert status == 422
    assert "there are" in answer["message"]
