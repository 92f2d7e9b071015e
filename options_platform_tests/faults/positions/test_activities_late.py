"""Activities that come after an acceptance, or are corrected: each end counts once."""

from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from options_platform.services.trading.flatten import Flattening
from options_platform.services.trading.intraday_stops import IntradayCheck
from options_platform.testing.alpaca_account import NOW
from options_platform_tests.faults.world import (
    HIGH,
    accept,
    advance,
    at_clock,
    contracts,
    open_beside,
)

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kept_open", "near")]


def sold(fake):
    return min((s for s in contracts(fake) if s != "SPY"), key=contracts(fake).get)


def flattened(made, fake):
    """Run until everything is closed."""
    for _ in range(4):
        Flattening(made, HIGH).run(NOW)
        advance(made, NOW, fake)


def spreads(made):
    return [(p.open_contracts, p.broken_contracts) for p in made.ledger.positions()]


def test_an_assignment_accepted_before_it_is_reported_counts_once(made, fake):
    fake.script("freeze", {"of": ["activities"]})
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    assert accept(made, NOW, "assigned, says the broker's page") == []
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(5, 3)]
    flattened(made, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_an_assignment_accepted_before_its_shares_are_listed_still_adds_them(made, fake):
    fake.script("freeze", {"of": ["activities", "account"]})
    fake.script("hide", {"symbols": ["SPY"]})
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    accept(made, NOW, "gone, says the broker's page")
    assert made.ledger.statement().contracts.get("SPY", 0) == 0
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(5, 3)]
    assert made.ledger.statement().contracts == contracts(fake)


def test_an_assignment_after_an_accepted_one_closes_further_contracts(made, fake):
    fake.script("freeze", {"of": ["activities"]})
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    accept(made, NOW, "assigned, says the broker's page")
    later = NOW + timedelta(days=1)
    at_clock(fake, later)
    fake.script("assign", {"symbol": sold(fake), "contracts": 2})
    fake.script("honest", {})
    assert made.reconcile(later) == []
    assert spreads(made) == [(3, 5)]


@pytest.mark.parametrize("new_id", [False, True])
def test_an_assignment_that_was_canceled_before_it_was_seen_never_happened(made, fake, new_id):
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    fake.script("restate", {"symbol": sold(fake), "new_id": new_id})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(8, 0)]
    assert made.ledger.statement().activities_usd == 0.0


@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize("seen_first", [False, True])
def test_a_corrected_assignment_counts_with_its_new_quantity(made, fake, new_id, seen_first):
    fake.script("assign", {"symbol": sold(fake), "contracts": 4})
    if seen_first:
        assert made.reconcile(NOW) == []
        assert spreads(made) == [(4, 4)]
    fake.script("restate", {"symbol": sold(fake), "contracts": 1, "new_id": new_id})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(7, 1)]
    assert made.ledger.statement().contracts == contracts(fake)
    assert made.ledger.statement().activities_usd == 100 * 258.0
    assert made.reconcile(NOW) == []
    flattened(made, fake)
    assert contracts(fake) == {}


@pytest.mark.parametrize("new_id", [False, True])
def test_an_assignment_that_is_reversed_is_undone(made, fake, new_id):
    profit = made.ledger.positions()[0].profit_usd
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    assert made.reconcile(NOW) == []
    later = NOW + timedelta(days=2)
    at_clock(fake, later)
    fake.script("restate", {"symbol": sold(fake), "new_id": new_id})
    assert made.reconcile(later) == []
    (position,) = made.ledger.positions()
    assert spreads(made) == [(8, 0)]
    assert (position.loose, position.loose_cash_usd) == ((), 0.0)
    assert position.profit_usd == pytest.approx(profit)
    events = made.ledger.table("account_events")["detail"].to_list()
    assert any(text.startswith("taken back: OPASN 3") for text in events)


def test_an_assignment_that_is_reversed_after_everything_was_closed_is_closed_again(made, fake):
    short = sold(fake)
    fake.script("assign", {"symbol": short, "contracts": 8})
    flattened(made, fake)
    assert contracts(fake) == {}
    fake.script("restate", {"symbol": short})
    assert contracts(fake) == {short: -8, "SPY": 800}
    assert made.reconcile(NOW) == []
    (position,) = made.ledger.positions()
    assert position.closed_on is None
    assert made.ledger.statement().contracts == contracts(fake)
    flattened(made, fake)
    assert contracts(fake) == {}
    assert made.reconcile(NOW) == []


def test_a_reversed_assignment_restores_its_own_position(made, fake):
    first = made.ledger.orders()[0]
    low, high = first.legs
    open_beside(made, first, (replace(low, strike=low.strike - 2), high))
    short = high.symbol("SPY")
    fake.script("assign", {"symbol": short, "contracts": 10})
    assert made.reconcile(NOW) == []
    before = spreads(made)
    fake.script("restate", {"symbol": short, "contracts": 9})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [before[0], (before[1][0] + 1, before[1][1] - 1)]


def test_the_cover_of_a_short_without_a_position_is_not_sold(made, fake):
    short = sold(fake)
    long = max(contracts(fake), key=contracts(fake).get)
    fake.script("rules", {"refuses_uncovered": False})
    fake.script("move", {"symbol": short, "quantity": -1})
    accept(made, NOW, "sold one by hand")
    fake.script("assign", {"symbol": short, "contracts": 8})
    for _ in range(4):
        IntradayCheck(made).run(NOW)
        advance(made, NOW, fake)
    assert contracts(fake)[short] == -1
    assert contracts(fake)[long] >= 1


def test_the_assignment_of_a_persons_own_contract_reopens_no_position(made, fake):
    short = sold(fake)
    fake.script("rules", {"refuses_uncovered": False})
    fake.script("move", {"symbol": short, "quantity": -1})
    accept(made, NOW, "sold one by hand")
    flattened(made, fake)
    assert contracts(fake) == {short: -1}
    fake.script("assign", {"symbol": short, "contracts": 1})
    assert made.reconcile(NOW) == []
    assert made.ledger.positions(only_open=True) == []
    flattened(made, fake)
    assert contracts(fake) == {"SPY": -100}
    fake.script("restate", {"symbol": short})
    assert made.reconcile(NOW) == []
    assert contracts(fake) == {short: -1}


def test_an_assignment_from_before_the_lookback_is_adopted(made, fake):
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    later = NOW + timedelta(days=14)
    at_clock(fake, later)
    assert made.reconcile(later) == []
    assert spreads(made) == [(5, 3)]


def test_contracts_and_shares_that_a_person_traded_do_not_count_as_an_assignment(made, fake):
    """Fills of foreign orders explain missing and additional contracts."""
    short = sold(fake)
    for symbol, quantity in ((short, 8), ("SPY", -800)):
        fake.script("move", {"symbol": symbol, "quantity": quantity, "by_hand": True})
    accept(made, NOW, "closed the short by hand; the shares are mine")
    assert not any(leg.is_shares for p in made.ledger.positions() for leg in p.loose)
    assert made.ledger.statement().beside == {"SPY": -800}
    flattened(made, fake)
    assert contracts(fake) == {"SPY": -800}


@pytest.mark.parametrize("body", ["html", "rowless"])
def test_activities_that_cannot_be_read_are_reported_and_stop_entries(made, fake, body):
    fault = {"on": "GET /v2/account/activities", "do": "status", "times": 99}
    if body == "html":
        fake.script("faults", fault | {"status": 503, "body": "<html>"})
    else:
        rows = [{"activity_type": "OPASN", "symbol": sold(fake), "date": "2015-01-05"}]
        fake.script("faults", fault | {"status": 200, "body": rows})
    (text,) = made.reconcile(NOW)
    assert text.startswith("the account's activities cannot be read")
    assert [d.code for d in made.ledger.differences()] == ["ACTIVITIES"]


def test_the_expiry_of_the_rest_of_netted_contracts_closes_the_remaining_side(made, fake):
    first = made.ledger.orders()[0]
    low, _ = first.legs
    beside = replace(first, contracts=3)
    open_beside(made, beside, (replace(low, side="sell"), replace(low, strike=low.strike + 9)))
    day = low.expiry + timedelta(days=3)
    at_clock(fake, NOW.replace(year=day.year, month=day.month, day=day.day))
    fake.script("expire", {"date": low.expiry.isoformat(), "spots": {"SPY": 240.0}})
    later = NOW.replace(year=day.year, month=day.month, day=day.day)
    made.reconcile(later)
    assert made.reconcile(later) == []
    assert made.ledger.positions(only_open=True) == []


def test_the_assignment_of_a_persons_adjusted_contract_closes_no_position_of_the_platform(
    made, fake
):
    short = sold(fake)
    adjusted = short.replace("SPY", "SPY1")
    fake.script("rules", {"refuses_uncovered": False})
    fake.script("move", {"symbol": adjusted, "quantity": -1})
    accept(made, NOW, "left from a split")
    fake.script("assign", {"symbol": adjusted})
    made.reconcile(NOW)
    assert spreads(made) == [(8, 0)]
    assert made.ledger.statement().contracts[short] == contracts(fake)[short] == -8


def test_an_exercise_that_was_not_requested_here_belongs_to_the_person_with_the_same_contract(
    made, fake
):
    long = max(contracts(fake), key=contracts(fake).get)
    fake.script("move", {"symbol": long, "quantity": 2})
    accept(made, NOW, "two of my own")
    fake.script("exercise", {"symbol": long, "contracts": 2})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(8, 0)]
    assert made.ledger.statement().beside == {"SPY": 200}
    fake.script("restate", {"symbol": long})
    assert made.reconcile(NOW) == []
    assert made.ledger.statement().beside == {long: 2}


def test_an_assignment_that_an_older_ledger_had_accepted_counts_once_too(made, fake, kept_open):
    """It recorded the positions of activities only in their keys."""
    fake.script("freeze", {"of": ["activities"]})
    fake.script("assign", {"symbol": sold(fake), "contracts": 3})
    accept(made, NOW, "assigned, says the broker's page")
    number = made.ledger.positions()[0].position_id
    kept_open.close()
    with duckdb.connect(str(made.ledger.path)) as connection:
        connection.execute(
            "UPDATE activities SET key = replace(key, ?, ?)",
            [f"{NOW.date()}-{number}", number],
        )
        connection.execute("DROP TABLE activity_positions")
    fake.script("honest", {})
    assert made.reconcile(NOW) == []
    assert spreads(made) == [(5, 3)]
